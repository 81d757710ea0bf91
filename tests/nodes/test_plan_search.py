"""PlanSearch: the tree of observations, the order of its leaves, both sketches, a hard budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from inference.base import Completion, Request
from nodes.plan_search import interleave, plan_search, plans_wanted, subsets
from nodes.state import Cost, Plan, Problem, SolveState

STATE = SolveState(problem=Problem(statement="Sum up."), started=0.0, history=("widen",))


def talk(request: Request) -> str:
    """First-order observations a and b; from some of them follows c; plans name what they build on."""
    system, user = (message.content for message in request.messages)
    if system.startswith("You study"):
        return "- c" if "already known" in user else "- a\n- b"
    if system.startswith("You design"):
        return "1. use " + "+".join(line[2:] for line in user.splitlines() if line.startswith("- "))
    steps = next(line for line in user.splitlines() if line.startswith("1. "))
    return f"Flaw: none seen\nPlan:\n{steps}\n2. mend"


def planned(ride, script: Callable = talk, state=STATE, **settings) -> tuple[Plan, ...]:
    return plan_search(state, ride(script, **{"policy": "full", **settings})).get("plans", ())


@pytest.mark.parametrize(
    ("observations", "largest", "expected"),
    [
        ("", 2, [()]),
        ("a", 2, [("a",), ()]),
        ("ab", 2, [("a", "b"), ("a",), ("b",), ()]),
        ("abc", 2, [("a", "b"), ("a", "c"), ("b", "c"), ("a",), ("b",), ("c",), ()]),
        ("abc", 1, [("a",), ("b",), ("c",), ()]),
        ("abc", 0, [()]),
    ],
)
def test_subsets_come_larger_first_and_end_with_the_empty_one(observations, largest, expected):
    assert subsets(tuple(observations), largest) == expected


def test_ten_observations_give_the_papers_number_of_subsets():
    assert len(subsets("abcdefghij", 2)) == 56


@pytest.mark.parametrize(
    ("deep", "shallow", "expected"),
    [
        ([("x",), ("y",)], [("a",), ()], [("x",), ("a",), ("y",), ()]),
        ([], [("a",), ()], [("a",), ()]),
        ([("x",), ("y",), ("z",)], [()], [("x",), (), ("y",), ("z",)]),
        ([("a",)], [("a",), ()], [("a",), ()]),
    ],
)
def test_leaves_alternate_between_the_layers(deep, shallow, expected):
    assert interleave(deep, shallow) == expected


@pytest.mark.parametrize(
    ("policy", "k", "made", "wanted"),
    [
        ("full", 8, 0, 4),
        ("full", 3, 0, 1),
        ("full", 1, 0, 0),
        ("resample", 8, 0, 0),
        ("adaptive", 8, 0, 0),
        ("adaptive", 8, 5, 0),
        ("adaptive", 8, 8, 4),
    ],
)
def test_half_of_a_mixed_widening_is_planned(ride, policy, k, made, wanted):
    state = replace(STATE, slots_made=made)
    assert plans_wanted(state, ride(policy=policy, k=k).context) == wanted


def test_plain_policy_asks_nothing(ride):
    runtime = ride(talk, policy="baseline")
    assert plan_search(STATE, runtime) == {}
    assert runtime.context.model.requests == ()


def test_both_sketches_are_kept_side_by_side(ride):
    plans = planned(ride, k=8)
    assert [plan.text for plan in plans] == [
        "1. use a+b+c",
        "1. use a+b+c\n2. mend",
        "1. use a+b",
        "1. use a+b\n2. mend",
    ]
    assert [plan.fixed_from for plan in plans] == ["", plans[0].id, "", plans[2].id]
    assert len({plan.id for plan in plans}) == 4


def test_layer_is_the_depth_of_the_deepest_observation(ride):
    assert {plan.observations: plan.layer for plan in planned(ride, k=16)} == {
        ("a", "b", "c"): 2,
        ("a", "b"): 1,
        ("a", "c"): 2,
        ("a",): 1,
    }
    assert {plan.layer for plan in planned(ride, lambda r: "1. only a plan" if "design" in str(r) else "", k=8)} == {0}


@pytest.mark.parametrize("k", [2, 4, 8, 16, 40])
def test_no_leaf_beyond_the_budget_is_sketched(ride, k):
    runtime = ride(talk, policy="full", k=k, budget_tokens=10**6)
    plans = plan_search(STATE, runtime)["plans"]
    sketches = [r for r in runtime.context.model.requests if r.messages[0].content.startswith("You design")]
    assert len(sketches) <= -(-(k // 2) // 2)
    assert len(plans) <= k // 2 + 1


def test_second_layer_can_be_switched_off(ride):
    assert {plan.layer for plan in planned(ride, k=8, observation_layers=1)} == {1}


def test_next_widening_takes_other_leaves(ride):
    first = planned(ride, k=8)
    state = SolveState(problem=STATE.problem, history=("widen", "widen"), plans=first)
    assert not {p.observations for p in planned(ride, state=state, k=8)} & {p.observations for p in first}


def test_plans_from_a_checkpoint_hold_lists(ride):
    old = Plan(id="x", text="1. x", observations=["a", "b"])  # type: ignore[arg-type]
    state = SolveState(problem=STATE.problem, history=("widen",), plans=(old,))
    assert ("a", "b") not in {tuple(p.observations) for p in planned(ride, state=state, k=8)}


@pytest.mark.parametrize("said", ["", "I have no observations.", "- \n-"])
def test_model_without_observations_still_plans(ride, said):
    def mute(request: Request) -> str:
        return said if request.messages[0].content.startswith("You study") else talk(request)

    assert [plan.observations for plan in planned(ride, mute, k=8)] == [(), ()]


def test_criticism_that_does_not_parse_or_changes_nothing_gives_no_sibling(ride):
    def agree(request: Request) -> str:
        reply = talk(request)
        return reply.replace("\n2. mend", "") if reply.startswith("Flaw") else reply

    assert {plan.fixed_from for plan in planned(ride, agree, k=8)} == {""}


def test_sketch_without_steps_is_no_plan(ride):
    assert planned(ride, lambda r: "just do it", k=8) == ()


@pytest.mark.parametrize("budget", [24, 60, 100, 333, 4000])
def test_planning_never_overspends(ride, budget):
    def rambling(request: Request) -> Completion:
        text = talk(request)
        return Completion(text=text, tokens=request.max_tokens, thinking_tokens=request.thinking.at_most)

    update = plan_search(STATE, ride(rambling, policy="full", k=16, budget_tokens=budget))
    assert sum(cost.spent for cost in update["costs"]) <= budget


def test_costs_of_all_calls_are_one_entry(ride):
    runtime = ride(talk, policy="full", k=8)
    (cost,) = plan_search(STATE, runtime)["costs"]
    assert isinstance(cost, Cost)
    assert (cost.box, cost.calls) == ("plan_search", len(runtime.context.model.requests))


def test_requests_of_one_batch_are_asked_in_one_call(ride):
    """A loop of single calls would lose the batch."""
    runtime = ride(talk, policy="full", k=16)
    batches: list[int] = []
    real = runtime.context.model.complete_many
    runtime.context.model.complete_many = lambda requests, **rest: (
        batches.append(len(requests)) or real(requests, **rest)
    )
    plan_search(STATE, runtime)
    assert batches == [1, 2, 4, 4]
