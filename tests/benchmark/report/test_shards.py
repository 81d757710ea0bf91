"""Shards that were searched into files of their own are reported as the one run that they are."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from benchmark.bench import run_bench
from benchmark.database import Database
from benchmark.measurement import Power
from benchmark.planted import a_task, write_tasks
from benchmark.report.shards import united
from benchmark.report.stored import load_measured
from benchmark.sampling import Choice
from tests.benchmark.planted import a_bench

pytestmark = pytest.mark.bubblewrap


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """Return the measurements of a whole run and of its three shards, by shard."""
    made = {}
    source = write_tasks(tmp_path_factory.mktemp("tasks") / "tasks.jsonl", [a_task(i) for i in range(4)])
    for shard in ("1/1", "1/3", "2/3", "3/3"):
        bench = a_bench(tmp_path_factory.mktemp("shard"), source, ("baseline",), choice=Choice(shard=shard))
        stem = "set" if shard == "1/1" else f"set-shard-{shard.replace('/', '-of-')}"
        runs = bench.search.runs.replace("runs.sqlite", f"{stem}.sqlite")
        run_bench(replace(bench, search=replace(bench.search, runs=runs)), lambda standing: None)
        made[shard] = load_measured(runs)
    return made


def metered(one, seconds):
    power = Power(watts=10.0, source="metered: CPU", seconds=seconds, joules=10.0 * seconds)
    return replace(one, measurement=replace(one.measurement, power=power))


@pytest.mark.parametrize("order", [("1/3", "2/3", "3/3"), ("3/3", "1/3", "2/3")])
def test_shards_are_the_whole_run(searched, order):
    (joined,) = united([searched[shard] for shard in order])
    whole = searched["1/1"]
    assert [g.sheet for g in joined.results["baseline"]] == [g.sheet for g in whole.results["baseline"]]
    assert [g.right for g in joined.results["baseline"]] == [g.right for g in whole.results["baseline"]]
    assert joined.data_hash == whole.data_hash
    assert (joined.name, joined.measurement.data) == ("set", whole.measurement.data)
    assert joined.measurement.tasks == whole.measurement.tasks


def test_shards_of_which_one_is_not_there_say_so(searched):
    (joined,) = united([searched["3/3"], searched["1/3"]])
    assert joined.measurement.data == f"{searched['1/1'].measurement.data}, shards 1, 3 of 3"
    names = [sheet.name for sheet in searched["1/1"].sheets]
    assert [sheet.name for sheet in joined.sheets] == [names[0], names[2], names[3]]


def test_what_they_metered_is_added_up_unless_one_metered_nothing(searched):
    one, two = metered(searched["1/3"], 30.0), metered(searched["3/3"], 10.0)
    (joined,) = united([one, two])
    power = joined.measurement.power
    assert (power.seconds, power.joules, power.watts) == (40.0, 400.0, 10.0)
    (joined,) = united([one, replace(two, measurement=replace(two.measurement, power=None))])
    assert joined.measurement.power is None


def test_what_is_no_other_shard_of_the_run_stays_apart(searched):
    whole, one, two = (searched[shard] for shard in ("1/1", "1/3", "3/3"))
    assert united([whole, one]) == [whole, one]
    assert united([one, one]) == [one, one]
    elsewhere = replace(two, measurement=replace(two.measurement, cores=999))
    assert united([one, elsewhere]) == [one, elsewhere]
    assert [m.name for m in united([one, whole, two])] == ["set", "set"]


def test_a_file_without_plans_stays_apart(searched, tmp_path):
    one, two = searched["1/3"], searched["3/3"]
    file = shutil.copy(two.file, tmp_path / "copy.sqlite")
    with Database(file, "DROP TABLE plans;"):
        bare = replace(two, file=str(file))
    assert united([one, bare]) == [one, bare]
