"""From runs and verdicts to numbers, on runs whose numbers are plain to see."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmark.grader import Verdict
from benchmark.markdown import percent, points, write_tables
from benchmark.measures import Graded, difference, row, self_test_precision, single_shot, unbiased
from benchmark.runs import Run
from benchmark.spent import Spent
from benchmark.statistics import Estimate
from benchmark.task import Sheet
from nodes.judging import expected_key
from nodes.problem_text import read_problem
from nodes.state import Answer, Candidate, Cost, Outcome, SelfTest, SolveState, content_id

PROBLEM = read_problem("Write a function `f(x)` that returns x + 1.\n\n>>> f(1)\n2")
VERDICTS = {
    content_id("right"): Verdict(right=True, status="passed"),
    content_id("wrong"): Verdict(right=False, status="wrong_answer"),
}
TRUTHS = {content_id("5"): expected_key("function", "6"), content_id("'a'"): ""}


def an_outcome(code, given, output, status="completed"):
    return Outcome(
        program_id=content_id(code),
        input_id=content_id(given),
        status=status,
        output=output,
        output_key=expected_key("function", output),
    )


def a_run(codes, *, chosen="", verified=False, tokens=10, tests=(), outcomes=()):
    candidates = tuple(Candidate(id=f"c{i}", index=i, code=code) for i, code in enumerate(codes))
    answer = Answer(code=chosen or codes[0], verified=verified, reason="r", confidence=0.5) if codes else None
    state = SolveState(
        problem=PROBLEM,
        candidates=candidates,
        answer=answer,
        costs=(Cost(box="b", tokens=tokens),),
        self_tests=tests,
        outcomes=outcomes,
    )
    return Run(state=state, seconds=2.0, wall_s=1.0, spent=Spent(model_s=0.5, sandbox_s=0.25, saved_s=1.0))


def graded(run, name="t", tags=("even",)):
    return Graded(sheet=Sheet(name=name, problem=PROBLEM, tags=tags), run=run, verdicts=VERDICTS, truths=TRUTHS)


def test_a_row_keeps_selected_oracle_and_verified_apart():
    runs = [
        graded(a_run(["wrong", "right"], verified=False)),
        graded(a_run(["wrong", "right"], chosen="right", verified=True, tokens=30)),
        graded(a_run(["wrong"], verified=True)),
        graded(a_run([])),
    ]
    made = row("full", runs)
    assert (made.selected.value, made.oracle.value) == (0.25, 0.5)
    assert (made.verified.value, made.verified_right.value, made.unverified_right.value) == (0.5, 0.5, 0.0)
    assert (made.tokens, made.seconds, made.programs, made.harness_ms) == (15.0, 2.0, 1.25, 250.0)


def test_precision_of_nothing_verified_is_no_number():
    made = row("baseline", [graded(a_run(["right"]))])
    assert made.verified_right is None
    assert percent(made.verified_right) == "–"


def test_a_difference_counts_the_tasks_that_only_one_side_solves():
    ours = [graded(a_run(["right"])), graded(a_run(["right"])), graded(a_run(["wrong"]))]
    theirs = [graded(a_run(["wrong"])), graded(a_run(["right"])), graded(a_run(["right"]))]
    made = difference(("a", ours), ("b", theirs))
    assert (made.won, made.lost, made.points.value, made.p) == (1, 1, 0.0, 1.0)


def test_a_sample_without_code_counts_as_a_wrong_one():
    made = unbiased([graded(a_run(["right", "wrong"]))], k=1, drawn=8)
    assert made.value == pytest.approx(1 / 8)


def test_a_first_sample_without_code_is_a_wrong_single_shot():
    whole = graded(a_run(["right", "wrong"]))
    state = whole.run.state
    without_first = replace(state, candidates=tuple(replace(c, index=c.index + 1) for c in state.candidates))
    cut = replace(whole, run=replace(whole.run, state=without_first))
    assert single_shot({"phase1": [whole, cut]}, "phase1") == [True, False]
    assert single_shot({"phase1": [cut], "baseline": [whole]}, "phase1") == [True]


def test_a_program_that_was_never_graded_is_an_error():
    with pytest.raises(KeyError):
        row("full", [graded(a_run(["unknown"]))])


def test_self_tests_are_judged_by_the_reference_and_confirmed_ones_apart():
    tests = (
        SelfTest(input="5", votes=(("6", 1.0), ("7", 2.0))),
        SelfTest(input="'a'", votes=(("'b'", 1.0),)),
        SelfTest(input="1", votes=(("2", 5.0),)),
    )
    outcomes = (an_outcome("right", "1", "2", "passed"), an_outcome("right", "5", "6"))
    made = self_test_precision("full", [graded(a_run(["right"], tests=tests, outcomes=outcomes))])
    assert (made.raw_count, made.raw.value) == (4.0, 0.25)
    assert (made.confirmed_count, made.confirmed.value) == (1, 1.0)


def test_a_condition_without_self_tests_has_no_precision():
    made = self_test_precision("baseline", [graded(a_run(["right"]))])
    assert (made.raw, made.confirmed) == (None, None)


def test_numbers_are_never_written_without_their_interval():
    share = Estimate(value=0.5, low=0.25, high=0.75)
    assert percent(share) == "50.0 [25.0, 75.0]"
    assert points(share) == "+50.0 [+25.0, +75.0]"


def test_tables_leave_out_what_was_not_run():
    text = write_tables({"baseline": [graded(a_run(["right"]))]}, [Sheet(name="t", problem=PROBLEM, tags=("even",))])
    assert "| baseline | 100.0" in text
    assert "| even | 1 | 100.0" in text
    assert "Paired" not in text
    assert "pass@3" not in text
    assert "Self-tests" not in text
