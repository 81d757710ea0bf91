"""Stopping rules decided again from the pool: the search is followed exactly, and without the model."""

from __future__ import annotations

from contextlib import closing

import pytest

from benchmark import planted
from benchmark.database import Database
from benchmark.recorded_model import NotInPoolError
from benchmark.replay import replayed
from benchmark.report.stored import ReportError, load_measured
from benchmark.runs import FILE_SCHEMA
from benchmark.stopping import RULES, STORED, Rule, Snapshot, settings_of, snapshots, stopped, table
from benchmark.table import measure
from tests.benchmark.planted import a_search

pytestmark = pytest.mark.bubblewrap


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("followed")
    source = planted.write_tasks(folder / "tasks.jsonl", [planted.a_task(i) for i in range(3)])
    measure(a_search(folder, ("baseline", "adaptive")), source, 1)
    return load_measured(str(folder / "runs.sqlite"))


@pytest.fixture(scope="module")
def searches(measured):
    settings = settings_of(measured, "adaptive")
    with closing(Database(measured.file, "")) as pool:
        return [
            snapshots(graded, *replayed(graded, settings, planted.open_model(settings), pool, "bubblewrap"))
            for graded in measured.results["adaptive"]
        ]


def test_a_search_is_followed_round_by_round_to_its_own_end(measured, searches):
    for graded, rounds in zip(measured.results["adaptive"], searches, strict=True):
        run = graded.run
        assert [s.rounds for s in rounds] == list(range(1, len(run.state.history) + 1))
        assert (rounds[-1].tokens, rounds[-1].right, rounds[-1].verified) == (run.tokens, graded.right, run.verified)
        assert [s.tokens for s in rounds] == sorted(s.tokens for s in rounds)


def test_what_the_pool_does_not_hold_ends_it(measured, tmp_path):
    settings = settings_of(measured, "adaptive")
    graded = measured.results["adaptive"][0]
    with (
        closing(Database(tmp_path / "empty.sqlite", FILE_SCHEMA)) as pool,
        pytest.raises(NotInPoolError, match="not in the pool"),
    ):
        replayed(graded, settings, planted.open_model(settings), pool, "bubblewrap")


def a_snapshot(rounds, **changes):
    known = {"tokens": 100 * rounds, "right": False, "verified": False, "verified_by_one": False, "gain": 1.0}
    return Snapshot(**{"rounds": rounds, **known, **changes})


def test_a_rule_stops_at_the_first_round_where_it_holds_else_at_the_end():
    rounds = [a_snapshot(1, right=True), a_snapshot(2, verified_by_one=True), a_snapshot(3, gain=0.01)]
    by_name = {rule.name: rule for rule in RULES}
    stops = {name: stopped(by_name[name], [rounds]).at[0].rounds for name in by_name}
    assert (stops["as it ran"], stops["max_rounds 1"], stops["max_rounds 2"], stops["max_rounds 6"]) == (3, 1, 2, 3)
    assert (stops["min_gain 0.016"], stops["min_gain 0.008"], stops["verified_tests 1"]) == (3, 3, 2)
    assert len(stopped(by_name["verified_tests 1"], [rounds]).verified) == 1
    assert stopped(Rule(name="x", holds=lambda s: s.verified_by_one), [rounds]).verified == []


def test_the_table_gives_each_rule_beside_the_search_as_it_ran(searches):
    lines = table(searches).splitlines()
    assert len(lines) == 2 + len(RULES)
    assert lines[2].startswith(f"| {STORED.name} | ")
    assert "+0.0 [+0.0, +0.0]" in lines[2]


def test_a_condition_that_was_not_run_is_named(measured):
    with pytest.raises(ReportError, match="has no condition full to follow; it has baseline, adaptive"):
        settings_of(measured, "full")
