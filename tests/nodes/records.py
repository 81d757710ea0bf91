"""A small world of programs, inputs and outcomes, spelled in letters."""

from __future__ import annotations

from dataclasses import replace

from nodes.evidence import weigh
from nodes.judging import expected_key
from nodes.state import Candidate, Outcome, Problem, PublicTest, SelfTest, SolveState, content_id

ONE_EXAMPLE = (PublicTest(input="0", expected="0"),)


def problem(*tests: PublicTest, mode="function", statement="Write a function `f(x)`.") -> Problem:
    return Problem(statement=statement, mode=mode, entry_point="f" if mode == "function" else "", tests=tests)


def candidate(name: str, index: int = 0, **changes) -> Candidate:
    """A program whose text is its name; equal names are equal programs."""
    return Candidate(**{"id": f"{name}{index}", "index": index, "code": name, "confidence": 1.0, **changes})


def ran(name: str, given: str, output: str | None, expected: str | None = None, **changes) -> Outcome:
    """What the program `name` did on an input; output None is a crash."""
    status = "runtime_error" if output is None else "completed"
    if output is not None and expected is not None:
        status = "passed" if output == expected else "wrong_answer"
    return Outcome(
        **{
            "program_id": content_id(name),
            "input_id": content_id(given),
            "status": status,
            "output": output or "",
            "output_key": "" if output is None else expected_key("function", output),
            "error": "Traceback (most recent call last):\nValueError: x" if output is None else "",
            **changes,
        }
    )


def world(behaviours: dict[str, dict[str, str | None]], *, predicted: dict[str, str] | None = None, counts=None,
          tests=ONE_EXAMPLE, **changes) -> SolveState:  # fmt: skip
    """Return a state in which each program did on each input what the table says; evidence is weighed.

    Args:
        behaviours: program -> input -> output, or None for a crash.
        predicted: input -> output that a generation predicted; inputs without one are separating.
        counts: program -> how many samples have this text; one unless told.
        tests: public tests.
        changes: further fields of the state.
    """
    expected = {test.input: test.expected for test in tests}
    names = [name for name in behaviours for _ in range((counts or {}).get(name, 1))]
    inputs = dict.fromkeys(given for table in behaviours.values() for given in table if given not in expected)
    state = SolveState(
        **{
            "problem": problem(*tests),
            "started": 0.0,
            "candidates": tuple(candidate(name, i) for i, name in enumerate(names)),
            "self_tests": tuple(
                self_test(given, *((predicted or {}).get(given, ()) and [predicted[given]])) for given in inputs
            ),
            "outcomes": tuple(
                ran(name, given, output, expected.get(given))
                for name, table in behaviours.items()
                for given, output in table.items()
            ),
            **changes,
        }
    )
    return replace(state, evidence=weigh(state))


def self_test(given: str, *votes: str) -> SelfTest:
    provenance = ("predicted",) if votes else ("separating",)
    return SelfTest(input=given, votes=tuple((vote, 1.0) for vote in votes), provenance=provenance)
