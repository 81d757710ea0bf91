"""What a stored run was started with: the same goes on, anything else is refused by name."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from benchmark.conditions import CONDITIONS
from benchmark.database import Database
from benchmark.plan import SCHEMA, PlanError, check_plan, load_plan, plan_of
from benchmark.runner import Searcher
from benchmark.runs import Selection
from benchmark.sampling import Choice
from benchmark.task import TaskSource
from tests.benchmark.planted import SETTINGS, a_search, a_task


def searcher(search, **changes):
    digests = tuple((c.name, c.digest(search.settings)) for c in search.conditions)
    values = {"model": "fingerprint", "code": search.code, "digests": digests}
    return Searcher(selection=Selection(**values | changes), model="planted", sandbox="bubblewrap")


def a_plan(folder, *, settings=SETTINGS, choice=Choice(), conditions=("baseline",), tasks=(1, 2), **changes):
    search = a_search(folder, conditions, settings=settings)
    sheets = [a_task(i).sheet for i in tasks]
    return plan_of(TaskSource(data_set="lcb", release="v5"), choice, sheets, search, searcher(search, **changes))


@pytest.fixture
def database(tmp_path):
    with closing(Database(tmp_path / "runs.sqlite", SCHEMA)) as database:
        yield database


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"settings": replace(SETTINGS, temperature=0.5)}, "temperature is 0.5, not 0.8"),
        ({"settings": replace(SETTINGS, k=5)}, "k is 5, not 3"),
        ({"settings": replace(SETTINGS, seed=9)}, "seed is 9, not 0"),
        ({"conditions": ("phase1",)}, "policies is phase1, not baseline"),
        ({"code": "v2"}, "code is v2, not v1"),
        ({"model": "other"}, "model is other, not fingerprint"),
        ({"choice": Choice(limit=1)}, "choice of tasks, limit is 1, not 0"),
        ({"choice": Choice(shard="1/2")}, "choice of tasks, shard is 1/2, not 1/1"),
        ({"tasks": (1,)}, "tasks is 1, not 2"),
        ({"tasks": (1, 3)}, "data is "),
    ],
)
def test_a_difference_is_refused_by_name(tmp_path, database, changes, difference):
    check_plan(database, "run", a_plan(tmp_path), "runs.sqlite")
    other = a_plan(tmp_path, **changes)
    with pytest.raises(PlanError, match=difference):
        check_plan(database, "run", other, "runs.sqlite")
    check_plan(database, "another", other, "runs.sqlite")
    assert load_plan(database, "another") == other
    assert load_plan(database, "run") == a_plan(tmp_path)


def test_a_single_file_of_rows_is_not_planned_as_a_release(tmp_path):
    rows = tmp_path / "test.jsonl"
    rows.write_text("{}")

    def release(**source):
        search = a_search(tmp_path, ("baseline",))
        return plan_of(TaskSource(data_set="lcb", **source), Choice(), [], search, searcher(search))["release"]

    assert release(data=str(rows)) == "rows of test.jsonl"
    assert release(data=str(tmp_path)) == release(release="v5") == "v5"


def test_the_same_plan_goes_on_whatever_machine_it_is_for(tmp_path, database):
    check_plan(database, "run", a_plan(tmp_path), "runs.sqlite")
    elsewhere = replace(SETTINGS, threads=9, sandbox_workers=4, gpu_layers=0, log_file="x.jsonl")
    check_plan(database, "run", a_plan(tmp_path, settings=elsewhere), "runs.sqlite")
    assert CONDITIONS["phase1"].digest(SETTINGS) == CONDITIONS["phase1"].digest(elsewhere)
    assert load_plan(database, "nothing") is None
