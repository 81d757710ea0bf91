"""Where a run's time went, and what it cost."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace

import pytest

from benchmark import planted
from benchmark.measurement import Power
from benchmark.runner import Workbench
from benchmark.runs import Run
from benchmark.spending import (
    ApiPrice,
    Price,
    api_money,
    api_prices,
    by_box,
    joules,
    mean_by_box,
    meter_ratio,
    money,
    per_solved,
    told_and_metered,
)
from benchmark.spent import Spent
from inference.base import Completion
from inference.scripted import ScriptedModel
from nodes.state import Cost, SolveState
from tests.benchmark.planted import a_search

COSTS = (
    Cost(box="plan_search", calls=1, tokens=30, prompt_tokens=100, seconds=1.0),
    Cost(box="budgeted_generation", calls=4, tokens=50, thinking_tokens=20, prompt_tokens=400, seconds=4.0),
    Cost(box="sandbox_execution", seconds=0.5, sandbox_seconds=0.4, programs_run=4),
)


def a_run(costs=COSTS, **spent):
    # Half of the model's work came from the pool: 2.5 s of it, and 1 s of the sandbox's.
    given = {"model_s": 2.5, "sandbox_s": 0.5, "saved_s": 3.5} | spent
    return Run(state=SolveState(costs=costs), seconds=3.4 + 3.5, wall_s=3.4, spent=Spent(**given))


def test_boxes_add_up_to_the_run_as_if_nothing_had_been_reused():
    boxes = by_box(a_run())
    assert {name: round(box.seconds, 6) for name, box in boxes.items()} == {
        "plan_search": 1.0,
        "budgeted_generation": 4.0,
        "sandbox_execution": 1.5,
        "harness": 0.4,
    }
    assert sum(box.seconds for box in boxes.values()) == pytest.approx(a_run().seconds)
    assert sum(box.tokens for box in boxes.values()) == a_run().tokens


def timed_reply(request):
    """Answer as the planted programmer, in the time that a small model takes."""
    time.sleep(0.1)
    return Completion(text=planted.reply(request), tokens=30, prompt_tokens=100, seconds=0.1)


@pytest.mark.bubblewrap
def test_what_the_boxes_tell_is_what_the_meter_read_within_five_per_cent(tmp_path):
    search = a_search(tmp_path, ("phase1",), open_model=lambda settings: ScriptedModel(timed_reply, name="timed"))
    with closing(Workbench(search)) as bench:
        sheet = planted.a_task(1).sheet
        bench.run_missing(sheet)
        run = bench.stored(sheet)["phase1"]
    told, metered = told_and_metered([run])
    assert metered > 0.5
    assert told == pytest.approx(metered, rel=0.05)
    assert told + run.harness_s == pytest.approx(run.seconds, rel=0.05)
    assert told_and_metered([a_run(reused=1)]) == (0, 0)


def test_means_are_over_tasks_also_where_a_box_was_not_used():
    short = a_run(costs=COSTS[1:], model_s=1.5)
    mean = mean_by_box([a_run(), short])
    assert mean["plan_search"].tokens == 15.0
    assert list(mean)[-2:] == ["sandbox_execution", "harness"]


def test_energy_is_a_process_share_of_the_power():
    power = Power(watts=100.0, source="metered", seconds=20.0, joules=2000.0)
    assert joules(a_run(), power, jobs=2) == pytest.approx(345.0)
    assert money(a_run(), power, 2, Price(per_kwh=0.36)) == pytest.approx(345.0 / 3.6e6 * 0.36)
    assert meter_ratio({"a": [a_run()] * 6, "b": [a_run()] * 5}, power, 2) == pytest.approx(11 * 3.4 * 50 / 2000)
    assert meter_ratio({"a": [a_run()]}, Power(watts=20, source="an estimate"), 1) is None


def test_what_others_had_meanwhile_is_neither_the_runs_own_time_nor_its_energy():
    shared = replace(a_run(waited_s=0.3), seconds=3.4 - 0.3 + 3.5)
    assert shared.own_wall_s == pytest.approx(3.1)
    assert shared.harness_s == pytest.approx(0.1)
    assert sum(box.seconds for box in by_box(shared).values()) == pytest.approx(shared.seconds)
    power = Power(watts=100.0, source="metered", seconds=20.0, joules=310.0)
    assert meter_ratio({"a": [shared]}, power, 1) == pytest.approx(1.0)


def test_a_solved_task_pays_for_the_unsolved_ones():
    estimate = per_solved([2.0, 2.0, 2.0, 2.0], [True, False, True, False])
    assert estimate.value == 4.0
    assert estimate.low <= 4.0 <= estimate.high
    assert per_solved([1.0], [False]) is None


def test_an_api_takes_money_for_both_kinds_of_tokens():
    assert api_money(a_run(), ApiPrice(name="x", prompt=2.0, generated=10.0)) == pytest.approx(
        (500 * 2 + 100 * 10) / 1e6
    )


def test_prices_are_read_from_one_line():
    assert api_prices("big model 1.25/10, small 0.2/0.8") == (
        ApiPrice(name="big model", prompt=1.25, generated=10.0),
        ApiPrice(name="small", prompt=0.2, generated=0.8),
    )
    assert api_prices("") == ()


@pytest.mark.parametrize("text", ["x", "x 1", "1/2", "x 1/y", "x -1/2"])
def test_a_price_that_says_nothing_is_named(text):
    with pytest.raises(ValueError, match="api_prices: "):
        api_prices(text)
