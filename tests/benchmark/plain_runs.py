"""Stored runs whose programs and behaviour are plain to see: importable by every test of what is made from runs."""

from __future__ import annotations

from benchmark.grader import Verdict
from benchmark.measures import Graded
from benchmark.runs import Run
from benchmark.spent import Spent
from benchmark.task import Sheet
from nodes.judging import expected_key
from nodes.problem_text import read_problem
from nodes.state import Candidate, Outcome, SelfTest, SolveState, content_id

PROBLEM = read_problem("Write a function `f(x)` that returns x + 1.\n\n>>> f(1)\n2")
# What each program gives on the example 1 and on the self-test 5; `good` alone is right.
GIVES = {"good": ("2", "6"), "also good": ("2", "6"), "close": ("2", "7"), "bad": ("9", "9"), "worse": ("9", "9")}


def outcome(code, given, output, expected=""):
    """Return what a program did on an input; an example says what is expected."""
    status = "completed" if not expected else "passed" if output == expected else "wrong_answer"
    return Outcome(
        program_id=content_id(code),
        input_id=content_id(given),
        status=status,
        output=output,
        output_key=expected_key("function", output),
    )


def a_run(codes, name="t", confidence=(), votes=(("7", 1.0),)):
    """Return a graded run with these programs, in order; `good` and `also good` are right."""
    surest = dict(enumerate(confidence))
    return Graded(
        sheet=Sheet(name=name, problem=PROBLEM),
        run=Run(
            state=SolveState(
                problem=PROBLEM,
                candidates=tuple(
                    Candidate(id=f"c{i}", index=i, code=code, confidence=surest.get(i)) for i, code in enumerate(codes)
                ),
                self_tests=(SelfTest(input="5", votes=votes),),
                outcomes=tuple(
                    one
                    for code in dict.fromkeys(codes)
                    for one in (outcome(code, "1", GIVES[code][0], "2"), outcome(code, "5", GIVES[code][1]))
                ),
            ),
            seconds=1.0,
            wall_s=1.0,
            spent=Spent(),
        ),
        verdicts={content_id(code): Verdict(right="good" in code, status="passed") for code in GIVES},
        truths={},
    )
