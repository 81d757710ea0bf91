"""The runner: every condition on every task, resumed after a kill, charged alike with and without the pool."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from benchmark.conditions import CONDITIONS, ConditionError
from benchmark.markdown import write_tables
from benchmark.runner import Workbench
from benchmark.runs import RunBook
from benchmark.search_process import run_all
from benchmark.table import collect
from inference.base import ModelError
from inference.scripted import ScriptedModel
from nodes.state import add_costs
from tests.benchmark import planted
from tests.benchmark.planted import SETTINGS, a_search, a_task, quiet, searched_and_graded

pytestmark = pytest.mark.bubblewrap


def stored(search, searcher, sheets):
    """Return what does not depend on the clock of every stored run."""
    with closing(RunBook(search.runs)) as book:
        loaded = {sheet.name: book.load(searcher.selection, sheet.key) for sheet in sheets}
    return {name: {c: timeless(run) for c, run in runs.items()} for name, runs in loaded.items()}


def timeless(run):
    """Return the parts of a run that must be equal whenever it is repeated."""
    state = run.state
    costs = [(cost.box, cost.calls, cost.spent, cost.programs_run) for cost in add_costs((), state.costs)]
    outcomes = [(o.program_id, o.input_id, o.status, o.output) for o in state.outcomes]
    return state.candidates, state.plans, state.self_tests, state.history, state.stop, run.code, costs, outcomes


def test_three_tasks_go_through_every_condition_to_the_table(tmp_path):
    tasks = [a_task(i) for i in range(3)]
    sheets = [task.sheet for task in tasks]
    _, searcher, grading, keys = searched_and_graded(tmp_path, tasks)
    results = collect(grading, sheets, keys)
    assert {name: len(graded) for name, graded in results.items()} == dict.fromkeys(CONDITIONS, 3)
    assert all(g.right for g in results["adaptive"])
    assert all(g.run.verified for g in results["phase1_2"])
    text = write_tables(results, sheets)
    assert "| adaptive | 100.0 [43.9, 100.0] |" in text
    assert "| adaptive − resample | +0.0 [+0.0, +0.0] | 0 | 0 | 1 |" in text
    assert "| odd | 1 |" in text
    assert searcher.model == "planted"


def test_the_control_spends_what_the_compared_condition_spent_on_the_same_task(tmp_path):
    bench = Workbench(a_search(tmp_path, ("adaptive", "resample")))
    with closing(bench), closing(RunBook(tmp_path / "runs.sqlite")) as book:
        bench.run_missing(a_task(1).sheet)
        runs = book.load(bench.selection, a_task(1).sheet.key)
    assert 0 <= runs["adaptive"].tokens - runs["resample"].tokens < 24
    assert {c.origin for c in runs["resample"].state.candidates} == {"plain"}


def test_what_comes_from_the_pool_is_charged_as_if_it_had_been_made(tmp_path):
    sheet = a_task(1).sheet
    alone, after = tmp_path / "alone", tmp_path / "after"
    runs = {}
    for folder, conditions in ((alone, ("phase1",)), (after, ("baseline", "samples", "phase1"))):
        bench = Workbench(a_search(folder, conditions))
        with closing(bench), closing(RunBook(folder / "runs.sqlite")) as book:
            bench.run_missing(sheet)
            runs[folder] = book.load(bench.selection, sheet.key)["phase1"]
    assert timeless(runs[alone]) == timeless(runs[after])
    assert (runs[alone].spent.reused, runs[alone].spent.recalled) == (0, 0)
    assert runs[after].spent.reused > 0
    assert runs[after].spent.executed == 0
    assert runs[after].seconds > runs[after].wall_s


def test_a_run_killed_without_warning_goes_on_where_it_stopped(tmp_path):
    count, folder = 3, tmp_path / "killed"
    command = [sys.executable, str(Path(planted.__file__)), str(folder), str(count)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        while process.stdout.readline() != "1\n":
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    sheets = [a_task(i).sheet for i in range(count)]
    search = a_search(folder)
    time.sleep(0.5)
    with closing(RunBook(search.runs)) as book:
        (found,) = book.database.rows("SELECT count(*) FROM runs")[0]
    assert len(CONDITIONS) <= found < count * len(CONDITIONS)
    before = dict(rows_with_times(search))
    searcher = run_all(search, sheets, 1, quiet)
    after = dict(rows_with_times(search))
    assert {key: after[key] for key in before} == before
    whole = a_search(tmp_path / "whole")
    assert stored(search, searcher, sheets) == stored(whole, run_all(whole, sheets, 1, quiet), sheets)


def rows_with_times(search):
    with closing(RunBook(search.runs)) as book:
        return [(row[:2], row[2]) for row in book.database.rows("SELECT task, condition, record FROM runs")]


def test_other_settings_or_code_or_model_are_other_runs(tmp_path):
    sheet = a_task(1).sheet
    first = a_search(tmp_path, ("baseline",))
    variants = [
        first,
        replace(first, code="v2"),
        replace(first, settings=replace(SETTINGS, temperature=0.1)),
        replace(first, open_model=another_model),
    ]
    for count, search in enumerate(variants, start=1):
        bench = Workbench(search)
        with closing(bench), closing(RunBook(search.runs)) as book:
            bench.run_missing(sheet)
            bench.run_missing(sheet)
            assert book.database.rows("SELECT count(*) FROM runs") == [(count,)]


def another_model(settings):
    return ScriptedModel(planted.reply, name="another")


def tiny_model(settings):
    return ScriptedModel(planted.reply, name="tiny", context_tokens=40)


def broken_model(settings):
    raise ModelError("the weights are gone")


def test_a_problem_that_does_not_fit_the_model_is_a_wrong_answer(tmp_path):
    sheet = a_task(1).sheet
    search = a_search(tmp_path, ("baseline",), open_model=tiny_model)
    bench = Workbench(search)
    with closing(bench), closing(RunBook(search.runs)) as book:
        bench.run_missing(sheet)
        run = book.load(bench.selection, sheet.key)["baseline"]
    assert "shorten it" in run.error
    assert (run.code, run.verified, run.tokens) == ("", False, 0)


def test_a_model_that_fails_ends_the_run_with_its_own_words(tmp_path):
    search = a_search(tmp_path, ("baseline",), open_model=broken_model)
    with pytest.raises(ModelError, match="the weights are gone"):
        run_all(search, [a_task(1).sheet], 1, quiet)


def test_a_control_without_what_it_is_compared_with_is_refused(tmp_path):
    with pytest.raises(ConditionError, match="name that one before it"):
        run_all(a_search(tmp_path, ("resample", "adaptive")), [], 1, quiet)
