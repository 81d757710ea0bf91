"""The hub: how fixed policies walk their schedules, and why a search stops."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from nodes.context import Context, Policy, Step
from nodes.lens_routing import holds, lens_routing, next_move, stop_reason
from nodes.state import Cost, SolveState
from tests.nodes.records import candidate, world

RIGHT = {"0": "0", "1": "5"}
OTHER = {"0": "0", "1": "6"}
WRONG = {"0": "9"}
ALL_WRONG = {"w": WRONG}
SETTLED = {name: RIGHT for name in "abcdefgh"}
RIVALS = {"a": RIGHT, "b": OTHER}


def at(behaviours, *history, **changes) -> SolveState:
    return world(behaviours, **{"history": history, "started": time.time(), **changes})


@pytest.mark.parametrize(
    ("policy", "behaviours", "history", "move"),
    [
        ("baseline", {}, (), "widen"),
        ("baseline", ALL_WRONG, ("widen",), None),
        ("phase1", RIVALS, ("widen",), None),
        ("phase1_2", RIVALS, ("widen",), "test"),
        ("phase1_2", SETTLED, ("widen",), "test"),
        ("phase1_2", RIVALS, ("widen", "test"), "widen"),
        ("phase1_2", RIVALS, ("widen", "test", "widen"), "widen"),
        ("phase1_2", RIVALS, ("widen", "test", "widen", "widen"), "separate"),
        ("phase1_2", SETTLED, ("widen", "test", "widen"), None),
        ("phase1_2", RIVALS, ("widen", "test", "widen", "widen", "separate"), "separate"),
        ("phase1_2", RIVALS, ("widen", "test", "separate", "separate"), None),
        ("phase1_2", SETTLED, ("widen", "test"), None),
        ("phase1_3", ALL_WRONG, ("widen",), "test"),
        ("phase1_3", ALL_WRONG, ("widen", "test"), "repair"),
        ("phase1_3", ALL_WRONG, ("widen", "test", "repair", "repair"), "repair"),
        ("phase1_3", ALL_WRONG, ("widen", "test", "repair", "repair", "repair"), None),
        ("phase1_3", SETTLED, ("widen", "test", "repair"), None),
        ("full", ALL_WRONG, ("widen",), "test"),
        ("full", ALL_WRONG, ("widen", "test"), "widen"),
        ("full", ALL_WRONG, ("widen", "test", "widen"), "repair"),
        ("full", RIVALS, ("widen", "test", "widen"), "separate"),
        ("full", ALL_WRONG, ("widen", "test", "separate"), "repair"),
        ("full", RIVALS, ("widen", "test", "separate", "separate"), None),
        ("resample", SETTLED, ("widen",) * 50, "widen"),
    ],
)
def test_schedule_is_walked(ride, policy, behaviours, history, move):
    assert next_move(at(behaviours, *history), ride(policy=policy).context) == move


def test_history_from_a_checkpoint_is_a_list(ride):
    state = replace(at(ALL_WRONG), history=["widen", "test"])
    assert next_move(state, ride(policy="phase1_3").context) == "repair"


def test_two_steps_of_one_move_are_counted_apart(ride):
    steps = (Step(move="widen"), Step(move="test", when="none_right"), Step(move="widen"), Step(move="test"))
    context = replace(ride().context, policy=Policy(name="full", schedule=steps))
    assert [next_move(at(SETTLED, *["widen"] * n), context) for n in (0, 1, 2)] == ["widen", "widen", "test"]


@pytest.mark.parametrize(
    ("condition", "holding"),
    [
        ("always", ({}, ALL_WRONG, SETTLED, RIVALS)),
        ("unsettled", ({}, ALL_WRONG, RIVALS)),
        ("several_clusters", (RIVALS,)),
        ("none_right", ({}, ALL_WRONG)),
    ],
)
def test_condition_holds_where_it_says(condition, holding):
    for behaviours in ({}, ALL_WRONG, SETTLED, RIVALS):
        assert holds(condition, at(behaviours)) is (behaviours in holding)


VERIFIED = {"a": {"0": "0", "1": "5", "2": "6"}}
PREDICTED = {"1": "5", "2": "6"}


@pytest.mark.parametrize(
    ("settings", "state", "stop"),
    [
        ({}, at(RIVALS, "widen"), ""),
        ({}, at(VERIFIED, "widen", predicted=PREDICTED), "verified"),
        ({"policy": "phase1"}, at(VERIFIED, "widen", predicted=PREDICTED), ""),
        ({"budget_tokens": 100}, at(RIVALS, costs=(Cost(box="x", tokens=50, thinking_tokens=30),)), "tokens"),
        ({"budget_tokens": 100}, at(RIVALS, costs=(Cost(box="x", tokens=76),)), ""),
        ({"budget_sandbox_seconds": 1.0}, at(RIVALS, costs=(Cost(box="x", sandbox_seconds=1.0),)), "sandbox_seconds"),
        ({"max_rounds": 2}, at(RIVALS, "widen", "test"), "rounds"),
        ({"max_rounds": 2, "policy": "full"}, at(RIVALS, "widen", "test"), ""),
    ],
)
def test_search_stops_for_a_reason(ride, settings, state, stop):
    # The states were made when the tests were collected, which may be longer ago than a search lasts.
    assert stop_reason(replace(state, started=time.time()), ride(**settings).context) == stop


def test_search_stops_when_its_seconds_are_spent(ride):
    assert stop_reason(at(RIVALS, started=time.time() - 6), ride(budget_seconds=5.0).context) == "seconds"


def test_cancelling_comes_before_all_else(ride):
    context = ride(cancelled=lambda: True, budget_tokens=0).context
    assert stop_reason(at(VERIFIED, predicted=PREDICTED), context) == "cancelled"


@pytest.mark.parametrize(
    ("settings", "behaviours", "stop"),
    [
        ({"policy": "phase1"}, RIVALS, "policy_done"),
        ({"policy": "adaptive", "min_gain": 1.0}, RIVALS, "no_gain"),
        ({"policy": "resample", "max_programs": 1}, ALL_WRONG, "programs"),
        ({"policy": "adaptive", "max_programs": 1}, ALL_WRONG, "programs"),
    ],
)
def test_search_without_a_move_ends_with_an_answer(ride, settings, behaviours, stop):
    update = lens_routing(at(behaviours, "widen"), ride(**settings))
    assert (update["move"], update["stop"]) == ("release", stop)
    assert update["answer"].stop == stop


def test_first_visit_reads_the_statement_and_widens(ride):
    update = lens_routing(SolveState(statement="Print 1."), ride())
    assert (update["move"], update["problem"].statement, update["statement"]) == ("widen", "Print 1.", "")
    assert update["started"] == pytest.approx(time.time(), abs=5)


def test_adaptive_takes_the_best_gain_per_token(ride):
    context: Context = ride().context
    assert next_move(at(ALL_WRONG, "widen"), context) in {"repair", "widen"}
    assert next_move(at(SETTLED, "widen"), context) == "test"


def test_move_is_told(ride):
    runtime = ride()
    lens_routing(at({}, "widen", candidates=(candidate("a"),)), runtime)
    assert runtime.told[0]["kind"] == "move"
