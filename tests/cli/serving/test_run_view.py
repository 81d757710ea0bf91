"""What a page shows of a search agrees with what the search found."""

from __future__ import annotations

import pytest

from cli.serving.run_view import view_of
from graphs import OpenSolver
from graphs.threads import open_store
from inference.scripted import ScriptedModel
from nodes.evidence import weigh
from nodes.settings import Settings
from nodes.state import Candidate, Outcome, Problem, PublicTest, SelfTest, SolveState, content_id
from tests.graphs.programmer import CRASH, DISTINCT, FUNCTION, GOOD, WRONG, Talk, in_turn

pytestmark = pytest.mark.bubblewrap


@pytest.fixture(scope="module")
def state(box):
    model = ScriptedModel(Talk({"code": in_turn(GOOD, WRONG, DISTINCT, CRASH), "repair": GOOD}))
    settings = Settings(policy="full", k=8, test_generations=2, verified_tests=1)
    return OpenSolver(settings, model, box).run(FUNCTION)


def test_winner_comes_first_and_says_why(state):
    view = view_of(state)
    first, *others = view.programs
    assert (first.chosen, first.code, first.diff) == (True, state.answer.code, ())
    assert "passes 2 of 2 examples" in first.why
    assert not any(other.chosen for other in others)
    assert view.answer.stopped


def test_loser_says_why_and_how_it_differs(state):
    view = view_of(state)
    wrong = next(one for one in view.programs if "max(xs)" in one.code)
    assert wrong.why == "it passes 0 of 2 examples, the winner 2"
    assert "-    return max(xs)" in wrong.diff
    assert any(line.startswith("+    ") for line in wrong.diff)


def test_every_sample_is_shown_once(state):
    shown = [sample.id for one in view_of(state).programs for sample in one.samples]
    assert sorted(shown) == sorted(candidate.id for candidate in state.candidates)


def test_outcomes_stand_under_their_tests(state):
    view = view_of(state)
    assert [test.expected for test in view.tests[:2]] == ["1", "2"]
    crash = next(one for one in view.programs if "xs[99]" in one.code)
    assert {run.verdict for run in crash.runs[:2]} == {"fail"}
    assert "IndexError" in crash.runs[0].error
    assert all(len(one.runs) == len(view.tests) for one in view.programs)
    assert all(run is None for run in crash.runs[2:]), "programs that fail an example are not run on self-tests"


def test_confirmed_tests_come_first_and_judge(state):
    view = view_of(state)
    own = [test for test in view.tests if test.kind == "self-test"]
    assert own
    assert [test.confirmed for test in own] == sorted((test.confirmed for test in own), reverse=True)
    confirmed = [i for i, test in enumerate(view.tests) if test.confirmed]
    assert len(confirmed) == state.evidence[0].confirmed_total
    assert {view.programs[0].runs[i].verdict for i in confirmed} <= {"pass"}


def test_records_from_a_store_are_shown_alike(box, tmp_path):
    with open_store(tmp_path / "threads.sqlite") as store:
        solver = OpenSolver(Settings(k=2, policy="phase1"), ScriptedModel(Talk()), box)
        solver.keep_in(store)
        list(solver.stream(FUNCTION, thread="mine"))
        from graphs import build_solver
        from graphs.history import read_history
        from graphs.threads import thread_id

        stored = read_history(build_solver(checkpointer=store), thread_id("mine"))
    view = view_of(stored.state)
    assert view.programs[0].chosen
    assert isinstance(view.plans[0].observations, tuple)


def test_search_without_a_program_is_shown():
    view = view_of(SolveState(problem=Problem(statement="x")))
    assert (view.programs, view.tests, view.answer) == ((), (), None)


def test_unconfirmed_outputs_are_grouped_by_frequency():
    """Without examples nothing is right or wrong: equal outputs share a group, and most samples are in group 0."""
    test = SelfTest(input="1")
    ran = {"a": "7", "b": "7", "c": "8"}
    candidates = tuple(Candidate(id=c, index=i, code=c) for i, c in enumerate("abc"))
    outcomes = tuple(
        Outcome(program_id=content_id(c), input_id=test.id, status="completed", output=o, output_key=o)
        for c, o in ran.items()
    )
    state = SolveState(problem=Problem(statement="x"), candidates=candidates, self_tests=(test,), outcomes=outcomes)
    shown = {one.code: one.runs[0] for one in view_of(state).programs}
    assert {code: (run.verdict, run.group) for code, run in shown.items()} == {"a": ("", 0), "b": ("", 0), "c": ("", 1)}


def test_first_program_of_a_simple_policy_may_lose_the_comparison():
    """`phase1` takes the first that passes; a later one with more evidence says so instead of naming a defect."""
    tests = (PublicTest(input="1", expected="1"),)
    candidates = tuple(Candidate(id=c, index=i, code=c, confidence=float(i)) for i, c in enumerate("ab"))
    outcomes = tuple(
        Outcome(program_id=content_id(c), input_id=content_id("1"), status="passed", output="1", output_key="1")
        for c in "ab"
    )
    state = SolveState(problem=Problem(statement="x", tests=tests), candidates=candidates, outcomes=outcomes)
    from dataclasses import replace

    from nodes.state import Answer

    answer = Answer(code="a", verified=False, reason="", confidence=0.0, candidate_id="a")
    view = view_of(replace(state, evidence=weigh(state), answer=answer))
    assert [one.code for one in view.programs] == ["a", "b"]
    assert "takes the first that passes" in view.programs[1].why
