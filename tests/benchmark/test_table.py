"""The command: one call from tasks to Markdown, and one line where something is wrong."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from benchmark import table
from benchmark.records import to_json
from benchmark.table import ended_by_the_clock, main, measure
from benchmark.task import TaskSource
from tests.benchmark.plain_runs import a_run
from tests.benchmark.planted import a_search, a_task, write_tasks


@pytest.fixture
def call(monkeypatch, tmp_path):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["table", "--db", str(tmp_path / "runs.sqlite"), *arguments])
        return main()

    return run


@pytest.mark.bubblewrap
def test_one_call_goes_from_tasks_to_a_report_with_its_circumstances(tmp_path):
    source = write_tasks(tmp_path / "tasks.jsonl", [a_task(1)])
    search = a_search(tmp_path, ("baseline", "phase1"))
    first, again = measure(search, source, 1), measure(search, source, 1)
    for fact in (
        "tasks: 1 of",
        "model: planted (scripted:",
        "search v1",
        "k 3",
        "sandbox: bubblewrap",
        "one search at a time",
        "searches ended by budget_seconds: 0 of 2\n",
    ):
        assert fact in first
    assert tables(first) == tables(again)


def test_searches_that_the_clock_ended_are_counted_and_what_that_means_is_said():
    one = a_run(["good"])
    late = replace(one, run=replace(one.run, state=replace(one.run.state, stop="seconds")))
    said = ended_by_the_clock({"a": [one, late], "b": [one]})
    assert said.startswith("searches ended by budget_seconds: 1 of 3; their results depend on the machine")
    assert ended_by_the_clock({"a": [one]}) == "searches ended by budget_seconds: 0 of 1"


def tables(report):
    """Return the tables of a report, which follow the circumstances."""
    return report.partition("**Per condition**")[2]


def test_an_unknown_condition_is_refused_with_the_known_ones(call, capsys):
    assert call("--conditions", "baseline,phase9") == 2
    assert "no condition phase9; known are baseline" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--n", "--jobs"])
def test_a_count_below_one_is_refused(call, capsys, flag):
    with pytest.raises(SystemExit):
        call(flag, "0")
    assert "0 is less than one" in capsys.readouterr().err


def test_a_file_that_holds_no_task_is_one_line(call, capsys, tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    assert call("--tasks", str(tmp_path / "empty.jsonl")) == 1
    assert capsys.readouterr().err.strip().endswith("holds no task")


@pytest.mark.bubblewrap
def test_a_model_that_is_not_there_is_one_line(call, capsys, tmp_path):
    (tmp_path / "one.jsonl").write_text(to_json(a_task(1)))
    assert call("--tasks", str(tmp_path / "one.jsonl"), "--model", str(tmp_path / "none.gguf"), "--jobs", "1") == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "none.gguf" in error
    assert "Traceback" not in error


@pytest.mark.gguf
@pytest.mark.bubblewrap
def test_the_embedded_model_is_measured_on_its_own_family(tmp_path):
    search = a_search(tmp_path, ("baseline", "samples"), open_model=table.open_model)
    report = measure(search, TaskSource(part="tuning", n=1, seed=9), 1)
    assert "| samples | " in report
    assert "| pass@8 | " in report
