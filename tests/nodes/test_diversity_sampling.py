"""DivSampling: one plain slot first, then plans and perturbations, inside the budget."""

from __future__ import annotations

import pytest

from inference.base import Request
from nodes.diversity_sampling import Twist, arrange, diversity_sampling, examples_text, fresh_plans
from nodes.state import Cost, Plan, Problem, PublicTest, Slot, SolveState
from tests.nodes.records import candidate

FUNCTION = Problem(
    statement="Sum up.", mode="function", entry_point="f", tests=(PublicTest(input="[1]", expected="1"),)
)
STDIO = Problem(statement="Sum up.", mode="stdio", tests=(PublicTest(input="1\n", expected="1\n"),))
PLANS = tuple(Plan(id=f"p{i}", text=f"1. plan {i}") for i in range(6))


def talk(request: Request) -> str:
    return "Say it so." if request.messages[0].content.startswith("You restate") else "1. an idea"


def queue(ride, script=talk, **settings) -> tuple[Slot, ...]:
    state = settings.pop("state", SolveState(problem=FUNCTION, plans=PLANS))
    return diversity_sampling(state, ride(script, **{"policy": "full", **settings}))["queue"]


A, B, C = Plan(id="a", text="a"), Plan(id="b", text="b"), Plan(id="c", text="c")
X, Y = Twist(sentence="x"), Twist(sentence="y")


@pytest.mark.parametrize(
    ("k", "plans", "twists", "expected"),
    [
        (1, [A], [X], [None]),
        (2, [A], [X], [None, A]),
        (3, [A], [X], [None, A, X]),
        (5, [A], [X], [None, A, X, None, None]),
        (5, [], [], [None] * 5),
        (6, [A, B, C], [X, Y], [None, A, X, B, Y, C]),
        (4, [A, B, C], [X, Y], [None, A, X, B]),
        (0, [A], [X], []),
    ],
)
def test_first_slot_is_plain_and_the_rest_alternate(k, plans, twists, expected):
    assert arrange(k, plans, twists) == expected


def test_widening_of_eight_is_mixed(ride):
    kinds = [slot.kind for slot in queue(ride, k=8)]
    assert kinds == ["plain", "plan", "perturbed", "plan", "perturbed", "plan", "plan", "plain"]


@pytest.mark.parametrize("policy", ["baseline", "resample"])
def test_control_policies_draw_plain_slots_without_a_call(ride, policy):
    runtime = ride(talk, policy=policy, k=4)
    update = diversity_sampling(SolveState(problem=FUNCTION, plans=PLANS), runtime)
    assert {slot.kind for slot in update["queue"]} == {"plain"}
    assert runtime.context.model.requests == ()


def test_all_three_perturbations_come_in_turn(ride):
    slots = [slot for slot in queue(ride, k=12, state=SolveState(problem=FUNCTION)) if slot.kind == "perturbed"]
    assert [bool(s.plan) for s in slots] == [True, False, False] * 2
    assert [bool(s.perturbation) for s in slots] == [False, True, False] * 2
    assert [bool(s.statement) for s in slots] == [False, False, True] * 2
    assert len({s.perturbation for s in slots if s.perturbation}) == 2


@pytest.mark.parametrize(
    ("problem", "examples"), [(FUNCTION, ">>> f([1])\n1"), (STDIO, "Input:\n1\nOutput:\n1")], ids=["function", "stdio"]
)
def test_rephrased_statement_keeps_the_examples(ride, problem, examples):
    state = SolveState(problem=problem)
    assert examples_text(state) == examples
    (slot,) = [slot for slot in queue(ride, k=6, state=state) if slot.statement]
    assert slot.statement == f"Say it so.\n{examples}"


def test_rephrasing_that_loses_the_name_is_dropped(ride):
    """Without examples only the text itself can name the function."""
    nameless = SolveState(problem=Problem(statement="Sum up.", mode="function", entry_point="f"))
    assert [s for s in queue(ride, k=6, state=nameless) if s.statement == "Say it so."] == []
    named = queue(ride, lambda r: "1. Write f so." if r.messages[0].content else "", k=6, state=nameless)
    assert [s.statement for s in named if s.statement] == ["1. Write f so."]


def test_empty_or_unreadable_perturbation_is_a_plain_slot(ride):
    slots = queue(ride, lambda r: " ", k=6, state=SolveState(problem=FUNCTION))
    assert len(slots) == 6
    assert [slot.kind for slot in slots].count("perturbed") == 1


def test_used_plans_are_not_drawn_again(ride):
    state = SolveState(problem=FUNCTION, plans=PLANS[:3], candidates=(candidate("c", plan_id="p0"),))
    assert [plan.id for plan in fresh_plans(state)] == ["p1", "p2"]


def test_plan_that_was_sketched_twice_is_drawn_once():
    assert fresh_plans(SolveState(problem=FUNCTION, plans=(PLANS[0], PLANS[1], PLANS[0]))) == list(PLANS[:2])


def test_slots_are_numbered_over_the_whole_search(ride):
    state = SolveState(problem=FUNCTION, plans=PLANS, slots_made=11)
    update = diversity_sampling(state, ride(talk, policy="full", k=4))
    assert [slot.index for slot in update["queue"]] == [11, 12, 13, 14]
    assert update["slots_made"] == 15


def test_pool_of_programs_limits_the_slots(ride):
    state = SolveState(problem=FUNCTION, candidates=tuple(candidate("c", i) for i in range(6)))
    assert len(queue(ride, k=8, max_programs=9, state=state)) == 3
    assert queue(ride, k=8, max_programs=6, state=state) == ()


@pytest.mark.parametrize("tokens", [0, 23, 24, 50, 100, 1000, 5000, 10**6])
@pytest.mark.parametrize("can_think", [True, False])
@pytest.mark.parametrize("profile", ["full", "compact"])
def test_slots_share_what_is_left(ride, tokens, can_think, profile):
    runtime = ride(talk, policy="full", k=8, budget_tokens=tokens, can_think=can_think, profile=profile)
    update = diversity_sampling(SolveState(problem=FUNCTION, plans=PLANS), runtime)
    slots, (cost,) = update["queue"], update["costs"]
    assert sum(s.max_tokens + s.thinking_tokens for s in slots) + cost.spent <= max(tokens, cost.spent)
    assert all(s.max_tokens > 0 and s.thinking_min_tokens <= s.thinking_tokens for s in slots)
    assert all(s.thinking_tokens == 0 for s in slots) or can_think
    assert bool(slots) is (tokens >= 24 + cost.spent)


def test_later_widenings_force_twice_the_thinking(ride):
    old = tuple(candidate("c", i, thinking_tokens=n) for i, n in enumerate((100, 200, 0)))
    state = SolveState(problem=FUNCTION, candidates=old)
    assert {slot.thinking_min_tokens for slot in queue(ride, k=2, state=state)} == {300}
    assert {slot.thinking_min_tokens for slot in queue(ride, k=2)} == {0}


def test_control_of_plain_samples_forces_nothing(ride):
    state = SolveState(problem=FUNCTION, candidates=(candidate("c", thinking_tokens=100),))
    assert {slot.thinking_min_tokens for slot in queue(ride, k=2, state=state, policy="resample")} == {0}


def test_forced_minimum_never_exceeds_the_cap(ride):
    state = SolveState(problem=FUNCTION, candidates=(candidate("c", thinking_tokens=9000),))
    (slot,) = queue(ride, k=1, state=state, thinking_tokens=500)
    assert (slot.thinking_tokens, slot.thinking_min_tokens) == (500, 500)


def test_planned_slot_of_a_small_model_does_not_think_again(ride):
    slots = queue(ride, k=4, profile="compact")
    assert {slot.kind: slot.thinking_tokens for slot in slots} == {"plain": 2048, "plan": 0, "perturbed": 0}


def test_what_was_spent_before_is_not_spent_again(ride):
    state = SolveState(problem=FUNCTION, costs=(Cost(box="x", tokens=990),))
    assert queue(ride, k=4, budget_tokens=1000, state=state, policy="resample") == ()
