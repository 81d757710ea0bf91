"""A benchmark run: continued (after kills: test_kills.py), refused under other settings, counted while it goes on."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from benchmark.bench import run_bench
from benchmark.grader import GradeBook
from benchmark.lens import texts_of
from benchmark.measurement import MeasurementBook
from benchmark.plan import PlanError
from benchmark.records import to_json
from benchmark.runs import RunBook
from benchmark.task import TaskError
from nodes.learned_lens import FEATURES, LearnedLens, as_text
from tests.benchmark.planted import SETTINGS, a_bench, a_task, write_tasks
from tests.benchmark.test_runner import timeless

pytestmark = pytest.mark.bubblewrap


def outcome(bench, measured):
    """Return all of a run that does not depend on the clock: searches, verdicts, and what the table counts."""
    results = {
        condition: [(g.sheet.name, timeless(g.run), g.right, sorted((p, to_json(v)) for p, v in g.verdicts.items()))
                    for g in graded]
        for condition, graded in measured.results.items()
    }  # fmt: skip
    return results, measured.searcher


def test_a_run_is_counted_while_it_goes_on_and_costs_nothing_the_second_time(tmp_path):
    source = write_tasks(tmp_path / "tasks.jsonl", [a_task(i) for i in range(2)])
    told, again = [], []
    bench = a_bench(tmp_path, source, ("baseline", "phase1"))
    first = run_bench(bench, told.append)
    assert [s.done for s in told[:1]] + [told[-1].done, told[-1].whole, told[-1].graded] == [0, 2, 2, 2]
    assert dict(told[-1].passed)["phase1"] == sum(g.right for g in first.results["phase1"])
    assert told[-1].tokens == sum(g.run.tokens for graded in first.results.values() for g in graded)
    assert told[-1].seconds_left == 0
    second = run_bench(bench, again.append)
    assert (again[0].done, again[0].whole) == (2, 2)
    assert outcome(bench, second) == outcome(bench, first)


def test_other_settings_are_refused_by_name_and_other_names_or_machines_are_not(tmp_path):
    source = write_tasks(tmp_path / "tasks.jsonl", [a_task(1)])
    bench = a_bench(tmp_path, source, ("baseline",))
    run_bench(bench, print)
    warmer = replace(bench, search=replace(bench.search, settings=replace(SETTINGS, temperature=0.5)))
    with pytest.raises(PlanError, match="temperature is 0.5, not 0.8.*go on with the stored ones, or give --name"):
        run_bench(warmer, print)
    told = []
    faster = replace(bench, search=replace(bench.search, settings=replace(SETTINGS, threads=7, sandbox_workers=2)))
    run_bench(faster, told.append)
    assert told[0].done == 1
    # No verdict is in the file that the search writes.
    with closing(RunBook(bench.search.runs)) as book:
        tables = {name for (name,) in book.database.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables == {"runs", "completions", "executions", "plans"}
    file = bench.search.runs.replace("runs.sqlite", "runs.verdicts.sqlite")
    with closing(MeasurementBook(file)) as measurements:
        kept = measurements.all()
    with closing(GradeBook(file)) as book:
        (key,) = {measured.verdicts for one in kept.values() for measured in one.tasks}
        assert key.startswith(a_task(1).key)
        assert len(book.verdicts(key)) == 1


def test_weights_that_saw_the_verdicts_of_a_task_measure_nothing_on_it(tmp_path):
    source = write_tasks(tmp_path / "tasks.jsonl", [a_task(i) for i in range(3)])
    seen = texts_of(sheet.key for sheet in source.open().sheets[:1])
    bench = a_bench(tmp_path, source, ("baseline",))
    model = run_bench(bench, print).searcher.selection.model

    def with_lens(texts):
        weights = tmp_path / "lens.json"
        lens = LearnedLens(
            model=model, features=FEATURES, intercept=0.0, weights=(0.0,) * len(FEATURES), problems=1, data="other",
            gain=(0.1, 0.05, 0.2), texts=tuple(texts),
        )  # fmt: skip
        weights.write_text(as_text(lens), encoding="utf-8")
        search = replace(bench.search, settings=replace(SETTINGS, lens_file=str(weights)))
        return run_bench(replace(bench, name="lens", search=search), print)

    with pytest.raises(TaskError, match="fitted on the verdicts of 1 of these 3 problems: measure on others"):
        with_lens(seen)
    with pytest.raises(TaskError, match="does not say what it was fitted on"):
        with_lens([])
    assert len(with_lens(["another"]).sheets) == 3
