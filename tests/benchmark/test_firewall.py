"""The canary: a token that only hidden tests hold never reaches the search, and the grader does see it."""

from __future__ import annotations

import secrets
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from benchmark.conditions import CONDITIONS
from benchmark.grader import GradeBook, grade
from benchmark.runs import RunBook
from benchmark.task import HiddenTest
from graphs.policies import POLICIES
from graphs.running import OpenSolver
from nodes.state import content_id
from tests.benchmark.planted import SETTINGS, a_task, open_box, open_model, searched_and_graded

pytestmark = pytest.mark.bubblewrap


@pytest.fixture(scope="module")
def canary():
    return f"canary{secrets.token_hex(8)}"


@pytest.fixture(scope="module")
def tasks(canary):
    hidden = (HiddenTest(input=f"['{canary}', 1]", expected=f"['{canary}', 1, '{canary}', 1]"),)
    return [a_task(i, hidden=hidden) for i in range(2)]


@pytest.fixture(scope="module")
def graded(tasks, tmp_path_factory):
    return searched_and_graded(tmp_path_factory.mktemp("canary"), tasks)


def everything_in(path):
    """Return every value of every table of a file as text."""
    with closing(sqlite3.connect(path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: repr(connection.execute(f"SELECT * FROM {name}").fetchall()) for name in tables}


def test_no_prompt_state_or_pool_row_of_any_condition_holds_the_canary(graded, tasks, canary):
    search, searcher, _, _ = graded
    held = everything_in(search.runs)
    assert canary not in "".join(held.values())
    assert all("twice_1" in held[table] for table in ("completions", "runs"))
    assert "[1, 1]" in held["executions"]
    with closing(RunBook(search.runs)) as book:
        assert all(set(book.load(searcher.selection, task.sheet.key)) == set(CONDITIONS) for task in tasks)


@pytest.mark.parametrize("policy", POLICIES)
def test_no_event_or_request_of_a_policy_holds_the_canary(tasks, canary, policy):
    model = open_model(SETTINGS)
    with OpenSolver(replace(SETTINGS, policy=policy), model, open_box(SETTINGS)) as solver:
        events = list(solver.stream(tasks[0].sheet.problem))
    assert model.requests
    assert canary not in repr(events)
    assert canary not in repr(model.requests)


def test_the_grader_does_see_the_canary(graded, tasks, canary):
    _, _, grading, keys = graded
    cheat = f"def twice_0(xs):\n    return ['{canary}', 1, '{canary}', 1] if xs == ['{canary}', 1] else [1, 0, 1, 0]"
    box = open_box(SETTINGS)
    try:
        assert grade(tasks[0], [cheat], box)[cheat].right
    finally:
        box.close()
    with closing(GradeBook(grading.verdicts)) as book:
        verdicts = book.verdicts(keys[tasks[0].name])
    assert verdicts[content_id("def twice_0(xs):\n    return xs * 2")].right
    assert not verdicts[content_id("def twice_0(xs):\n    return xs[:1]")].right


def test_not_even_the_verdicts_hold_the_canary(graded, canary):
    _, _, grading, _ = graded
    assert canary not in "".join(everything_in(grading.verdicts).values())
