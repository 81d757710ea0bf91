"""Searches with a name: stored step by step, resumed, listed; and what a name may be."""

from __future__ import annotations

import sqlite3
import time
import uuid
from dataclasses import replace

import pytest

from graphs.configuration import ThreadError
from graphs.events import AwaitsApproval, BoxFinished, Finished
from graphs.factory import context_for
from graphs.history import read_history
from graphs.running import OpenSolver, run_config
from graphs.solver import build_solver
from graphs.threads import open_store, resumed_config, stored_threads, thread_id
from inference.base import ModelError
from inference.scripted import ScriptedModel
from nodes.settings import Settings
from nodes.state import Answer
from tests.graphs.programmer import FUNCTION, Talk, kind_of

pytestmark = pytest.mark.bubblewrap


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "deep" / "threads.sqlite") as opened:
        yield opened


@pytest.fixture
def solver_of(sandbox, store):
    def make(script, **settings) -> OpenSolver:
        chosen = Settings(**{"k": 4, "test_generations": 2, "policy": "full", **settings})
        solver = OpenSolver(chosen, ScriptedModel(script), sandbox)
        solver.keep_in(store)
        return solver

    return make


def crash(request) -> str:
    if kind_of(request) == "tests":
        raise ModelError("power cut")
    return str(Talk()(request))


def crashed(solver_of) -> None:
    with pytest.raises(ModelError, match="power cut"):
        list(solver_of(crash).stream(FUNCTION, thread="mine"))


def test_crashed_search_goes_on_and_repeats_nothing(solver_of, store):
    crashed(solver_of)
    (one,) = stored_threads(store)
    assert (one.name, one.answer, one.tokens > 0) == ("mine", None, True)
    solver = solver_of(Talk())
    *_, last = solver.resume("mine")
    assert isinstance(last, Finished)
    assert last.answer.verified
    assert "observe" not in {kind_of(request) for request in solver.model.requests}


def test_time_between_is_not_charged(solver_of):
    began = time.monotonic()
    crashed(solver_of)
    ran = time.monotonic() - began
    time.sleep(1.5)
    began = time.monotonic()
    *_, last = solver_of(Talk()).resume("mine")
    ran += time.monotonic() - began
    assert last.answer.seconds < ran + 0.5


def test_ended_search_is_told_again_at_no_cost(solver_of, store):
    *_, first = solver_of(Talk()).stream(FUNCTION, thread="mine")
    solver = solver_of(crash)
    (again,) = [event for event in solver.resume("mine") if isinstance(event, Finished)]
    assert as_tuples(again.answer) == first.answer
    assert not solver.model.requests
    (one,) = stored_threads(store)
    assert (as_tuples(one.answer), one.problem.entry_point) == (first.answer, "second")


def as_tuples(answer: Answer) -> Answer:
    """A checkpoint gives lists back."""
    return replace(answer, evidence=tuple(answer.evidence), cost=tuple(answer.cost))


def test_unfinished_thread_takes_no_second_problem(solver_of):
    crashed(solver_of)
    with pytest.raises(ThreadError, match="atlas resume mine"):
        solver_of(Talk()).stream(FUNCTION, thread="mine")


def test_finished_thread_takes_another_problem(solver_of, store):
    for _ in range(2):
        *_, last = solver_of(Talk()).stream(FUNCTION, thread="mine")
        assert last.answer.verified
    assert len(stored_threads(store)) == 1


def test_unknown_thread_is_named(solver_of):
    with pytest.raises(ThreadError, match="there is no thread yours"):
        solver_of(Talk()).resume("yours")


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 201, "\x1b[2J"])
def test_name_that_cannot_be_shown_is_refused(name):
    with pytest.raises(ThreadError, match="printable"):
        thread_id(name)


def test_name_is_never_a_path():
    """Equal on every machine, so that a server finds it; and nothing but hexadecimal digits."""
    assert thread_id("../../etc/passwd") == thread_id("../../etc/passwd")
    assert set(thread_id("../../etc/passwd")) <= set("0123456789abcdef-")


def test_id_of_a_server_names_itself():
    """A server calls its threads by UUIDs; whatever only looks like one is a name as any other."""
    one = str(uuid.uuid4())
    assert thread_id(one) == one
    assert thread_id(one.upper()) != one.upper()
    assert thread_id(f"{{{one}}}") not in one


def test_thread_without_a_name_is_called_by_its_id(sandbox, store):
    """As a server stores it: under an id of its own, with no word of a name."""
    one = str(uuid.uuid4())
    context = context_for(Settings(k=1, policy="baseline"), ScriptedModel(Talk()), sandbox)
    config = {**run_config(context), "configurable": {"thread_id": one}}
    build_solver(checkpointer=store).invoke({"statement": FUNCTION}, config, context=context)
    (listed,) = stored_threads(store)
    assert (listed.name, listed.id, listed.answer is not None) == (one, one, True)


def test_time_before_an_edit_is_not_charged(solver_of, store):
    """An edit is a checkpoint of its own, younger than the step on which the search stood still."""
    crashed(solver_of)
    time.sleep(1.5)
    solver = solver_of(Talk())
    config = {"configurable": {"thread_id": thread_id("mine")}}
    build_solver(checkpointer=store).update_state(config, {"plans": ()})
    _, paused_s = resumed_config(store, "mine", solver.settings)
    assert paused_s >= 1.5
    *_, last = solver.resume("mine")
    assert last.answer.verified
    assert [one.name for one in stored_threads(store)] == ["mine"]


def test_file_of_another_kind_is_one_line(tmp_path):
    (tmp_path / "x").write_text("no database")
    with pytest.raises(ThreadError, match="thread_file"), open_store(tmp_path / "x") as opened:
        stored_threads(opened)


def test_class_that_is_not_ours_is_not_revived(store, solver_of, tmp_path):
    list(solver_of(Talk()).stream(FUNCTION, thread="mine"))
    with sqlite3.connect(tmp_path / "deep" / "threads.sqlite") as connection:
        kinds = {row[0] for row in connection.execute("SELECT DISTINCT type FROM checkpoints")}
    assert kinds == {"msgpack"}


@pytest.mark.parametrize("approved", [True, False])
def test_answer_waits_for_a_person_across_processes(solver_of, store, approved):
    *_, last = solver_of(Talk(), approve=True).stream(FUNCTION, thread="mine")
    assert isinstance(last, AwaitsApproval)
    (one,) = stored_threads(store)
    assert (one.waits, one.settings["approve"], one.answer.approved) == (True, True, None)
    *_, end = solver_of(crash).decide("mine", approved=approved)
    assert isinstance(end, Finished)
    assert (end.answer.approved, end.answer.code) == (approved, last.answer.code)
    (one,) = stored_threads(store)
    assert (one.waits, one.answer.approved) == (False, approved)


def test_waiting_answer_does_not_slip_through(solver_of):
    list(solver_of(Talk(), approve=True).stream(FUNCTION, thread="mine"))
    for go_on in (solver_of(Talk()).resume, lambda name: solver_of(Talk()).stream(FUNCTION, thread=name)):
        with pytest.raises(ThreadError, match="waits for a person"):
            go_on("mine")


def test_nobody_decides_what_was_not_asked(solver_of):
    list(solver_of(Talk()).stream(FUNCTION, thread="mine"))
    with pytest.raises(ThreadError, match="waits for no decision"):
        solver_of(Talk()).decide("mine", approved=True)


def test_history_tells_the_boxes_as_they_ran(solver_of, store):
    events = list(solver_of(Talk()).stream(FUNCTION, thread="mine"))
    history = read_history(build_solver(checkpointer=store), thread_id("mine"))
    told = [(event.box, event.tokens) for event in events if isinstance(event, BoxFinished)]
    assert [(*step.boxes, step.tokens) for step in history.steps] == told
    assert history.ahead == ()
    assert history.state.answer.verified


def test_history_of_a_crash_says_what_comes_next(solver_of, store):
    crashed(solver_of)
    history = read_history(build_solver(checkpointer=store), thread_id("mine"))
    assert (history.state.answer, history.ahead) == (None, ("self_test_synthesis",))
    assert read_history(build_solver(checkpointer=store), thread_id("yours")) is None


def test_history_does_not_charge_a_pause(solver_of, store):
    crashed(solver_of)
    time.sleep(1.5)
    list(solver_of(Talk()).resume("mine"))
    history = read_history(build_solver(checkpointer=store), thread_id("mine"))
    assert sum(step.seconds for step in history.steps) == pytest.approx(history.state.answer.seconds, abs=0.7)


def test_newest_threads_are_listed_first(solver_of, store):
    for name in ("one", "two", "three"):
        list(solver_of(Talk(), policy="baseline").stream(FUNCTION, thread=name))
    assert [one.name for one in stored_threads(store, 2)] == ["three", "two"]
    assert stored_threads(store, 1)[0].id == thread_id("three")
