"""Searches with a name: stored step by step, resumed, listed; and what a name may be."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import replace

import pytest

from graphs.configuration import ThreadError
from graphs.events import Finished
from graphs.running import OpenSolver
from graphs.threads import open_store, stored_threads, thread_id
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


def test_file_of_another_kind_is_one_line(tmp_path):
    (tmp_path / "x").write_text("no database")
    with pytest.raises(ThreadError, match="thread_file"), open_store(tmp_path / "x") as opened:
        stored_threads(opened)


def test_class_that_is_not_ours_is_not_revived(store, solver_of, tmp_path):
    list(solver_of(Talk()).stream(FUNCTION, thread="mine"))
    with sqlite3.connect(tmp_path / "deep" / "threads.sqlite") as connection:
        kinds = {row[0] for row in connection.execute("SELECT DISTINCT type FROM checkpoints")}
    assert kinds == {"msgpack"}
