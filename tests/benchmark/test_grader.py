"""The grader: verdicts, its own processes, and what it refuses."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from benchmark.grader import NO_PROGRAM, GradeBook, GradingDesk, Verdict, grade, grade_all, sheets_of, true_outputs
from benchmark.measurement import data_hash
from benchmark.processes import spawned
from benchmark.runs import RunBook
from benchmark.task import HiddenTest, TaskError, TaskSource
from nodes.state import content_id
from sandbox.base import Limits
from tests.benchmark.planted import SETTINGS, a_task, open_box, searched_and_graded

RIGHT = "def twice_1(xs):\n    return xs * 2"
WRONG = "def twice_1(xs):\n    return [1, 1, 1, 1]"


@pytest.fixture(scope="module")
def sandbox():
    box = open_box(SETTINGS)
    yield box
    box.close()


@pytest.mark.bubblewrap
@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        pytest.param(RIGHT, Verdict(right=True, status="passed"), id="right"),
        pytest.param(WRONG, Verdict(right=False, status="wrong_answer"), id="passes-the-example-only"),
        pytest.param("def twice_1(xs):\n    return xs[0]", Verdict(right=False, status="wrong_answer"), id="wrong"),
        pytest.param("def twice_1(xs):\n    1/0", Verdict(right=False, status="runtime_error"), id="crashes"),
        pytest.param(
            "def twice_1(xs):\n    return xs * 2 if xs else 1/0",
            Verdict(right=False, status="runtime_error"),
            id="crashes-on-the-last",
        ),
        pytest.param("def other(xs): pass", Verdict(right=False, status="runtime_error"), id="no-such-function"),
        pytest.param("def twice_1(xs):\n while 1: pass", Verdict(right=False, status="timeout"), id="never-ends"),
        pytest.param("  \n", NO_PROGRAM, id="no-program"),
    ],
)
def test_verdict(sandbox, code, verdict):
    assert grade(a_task(1), [code], sandbox, Limits(cpu_s=0.3)) == {code: verdict}


@pytest.mark.bubblewrap
def test_a_program_must_pass_the_public_tests_too(sandbox):
    code = "def twice_1(xs):\n    return xs * 2 if xs != [1, 1] else []"
    assert grade(a_task(1), [code], sandbox)[code] == Verdict(right=False, status="wrong_answer")


def test_a_task_without_hidden_tests_never_reaches_the_grader():
    with pytest.raises(TaskError, match="every program would pass"):
        replace(a_task(1), hidden=())


@pytest.mark.bubblewrap
def test_the_reference_says_what_is_true_and_is_silent_where_it_fails(sandbox):
    truths = true_outputs(a_task(1), ["[2]", "None"], sandbox)
    assert set(truths) == {content_id("[2]"), content_id("None")}
    assert truths[content_id("[2]")]
    assert not truths[content_id("None")]
    assert true_outputs(replace(a_task(1), reference=""), ["[2]"], sandbox) == {}


def test_tasks_are_loaded_in_another_process_than_the_one_that_asks():
    with spawned(1) as executor:
        assert executor.submit(os.getpid).result() != os.getpid()
    sheets = sheets_of(TaskSource(part="tuning", n=2, seed=1))
    assert [sheet.problem.tests != () for sheet in sheets] == [True, True]
    assert not any("hidden" in repr(sheet) for sheet in sheets)


@pytest.mark.bubblewrap
def test_every_stored_candidate_gets_a_verdict_in_a_file_of_its_own(tmp_path):
    tasks = [a_task(1), a_task(2, hidden=(HiddenTest(input="[3]", expected="[0]"),))]
    search, searcher, grading, keys = searched_and_graded(tmp_path, tasks, ("baseline", "phase1"))
    book = GradeBook(grading.verdicts)
    first, second = (book.verdicts(keys[task.name]) for task in tasks)
    book.close()
    assert {True, False} == {verdict.right for verdict in first.values()}
    assert {False} == {verdict.right for verdict in second.values()}
    with sqlite3.connect(search.runs) as runs:
        tables = {name for (name,) in runs.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    runs.close()
    assert tables == {"runs", "completions", "executions"}


@pytest.mark.bubblewrap
def test_a_program_that_timed_out_is_graded_once_more_alone(tmp_path):
    search, searcher, grading, keys = searched_and_graded(tmp_path, [a_task(1)], ("baseline",))
    key = keys["twice-1"]
    with closing(GradeBook(grading.verdicts)) as book:
        (code,) = book.verdicts(key)
        hasty = Verdict(right=False, status="timeout")
        book.keep(key, {program_of(search, searcher): hasty}, {})
        assert book.verdicts(key) == {code: hasty}
        grade_all(grading, ["twice-1"], 1, lambda done, whole: None)
        assert book.verdicts(key)[code] == Verdict(right=False, status="wrong_answer", alone=True)


@pytest.mark.bubblewrap
def test_stale_verdicts_are_not_taken_over_and_older_ones_stay(tmp_path, monkeypatch):
    task = a_task(1)
    search, searcher, grading, keys = searched_and_graded(tmp_path, [task], ("baseline",))
    key = keys[task.name]
    (program,) = graded_under(grading, key)
    stale = {program_of(search, searcher): Verdict(right=False, status="memory")}
    with closing(GradeBook(grading.verdicts)) as book:
        book.keep(key, stale, {})
    same = GradingDesk(grading)
    more = GradingDesk(replace(grading, settings=replace(grading.settings, test_memory_mb=700)))
    monkeypatch.setattr("benchmark.grader.grader_digest", lambda: "mended")
    mended = GradingDesk(grading)
    try:
        kept, *anew = (desk.grade_new(task.name).key for desk in (same, more, mended))
    finally:
        for desk in (same, more, mended):
            desk.close()
    assert kept == key
    assert len({key, *anew}) == 3
    assert graded_under(grading, key)[program].status == "memory"
    assert [graded_under(grading, one)[program].status for one in anew] == ["wrong_answer"] * 2
    assert data_hash([key]) == data_hash(anew[:1]) == data_hash([task.key])


def graded_under(grading, key):
    """Return the stored verdicts of a key."""
    with closing(GradeBook(grading.verdicts)) as book:
        return book.verdicts(key)


def program_of(search, searcher):
    """Return the program that the baseline chose."""
    with closing(RunBook(search.runs)) as book:
        return book.load(searcher.selection, a_task(1).sheet.key)["baseline"].code
