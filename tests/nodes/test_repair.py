"""Repair: which program, from which failure, in which ways; the parent stays in the pool."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inference.base import Request
from nodes.evidence import weigh
from nodes.repair import ANGLES, ORDER, earlier_attempts, repair, worst_first
from nodes.state import Plan, PublicTest, SolveState
from tests.nodes.records import candidate, ran, world

TWO = (PublicTest(input="0", expected="0"), PublicTest(input="1", expected="1"))
FENCED = "Because.\n```python\nmended\n```"


def target(state: SolveState) -> str | None:
    found = worst_first(state)
    return found[0].code if found else None


@pytest.mark.parametrize(
    ("behaviours", "expected"),
    [
        pytest.param({"far": {"0": "9", "1": "9"}, "near": {"0": "0", "1": "9"}}, "near", id="nearest"),
        pytest.param({"a": {"0": "9", "1": "9"}, "b": {"0": None, "1": None}}, "a", id="earlier-among-equals"),
        pytest.param({"right": {"0": "0", "1": "1"}, "w": {"0": "9", "1": "9"}}, "w", id="never-a-passing-one"),
        pytest.param({"right": {"0": "0", "1": "1"}}, None, id="nothing-to-repair"),
        pytest.param({}, None, id="nothing-ran"),
    ],
)
def test_target_is_nearest_to_passing(behaviours, expected):
    assert target(world(behaviours, tests=TWO)) == expected


def test_failed_confirmed_test_makes_a_target():
    state = world({"a": {"0": "0", "2": "5"}, "b": {"0": "0", "2": "6"}}, predicted={"2": "5"})
    assert target(state) == "b"


def test_target_that_was_repaired_in_vain_comes_last():
    state = world({"near": {"0": "0", "1": "9"}, "far": {"0": "9", "1": "9"}, "child": {"0": "9", "1": "9"}}, tests=TWO)
    family = (*state.candidates[:2], replace(state.candidates[2], parent="near0"))
    state = replace(state, candidates=family)
    assert target(replace(state, evidence=weigh(state))) == "far"


class Programmer:
    """Records what was asked, by the first word after "You"."""

    def __init__(self) -> None:
        self.batches: list[str] = []

    def __call__(self, request: Request) -> str:
        verb = request.messages[0].content.split()[1]
        self.batches.append(verb)
        said = {"analyse": "Wrong: x\nRight: y\n", "review": "Flaw: f\nPlan:\n1. better"}
        return said.get(verb, FENCED)


WRONG = world({"w": {"0": "0", "1": "9"}}, tests=TWO, history=("widen", "repair"), slots_made=7)


def test_three_ways_from_one_failure(ride):
    said = Programmer()
    update = repair(replace(WRONG, plans=(Plan(id="p", text="1. plan"),)), ride(said))
    assert said.batches == ["debug", "debug", *["analyse"] * 4, "review", "combine", "are"]
    assert [c.origin for c in update["candidates"]] == list(ORDER)
    assert {c.parent for c in update["candidates"]} == {"w0"}
    assert [c.index for c in update["candidates"]] == [7, 8, 9, 10]
    assert update["slots_made"] == 11
    assert update["plans"][0].text == "1. better"
    assert update["candidates"][-1].plan_id == update["plans"][0].id


def test_without_a_plan_nothing_is_rewritten(ride):
    update = repair(WRONG, ride(Programmer()))
    assert [c.origin for c in update["candidates"]] == list(ORDER[:3])
    assert update["plans"] == ()


@pytest.mark.parametrize(("room", "made"), [(1, 1), (2, 2), (3, 3), (4, 4), (9, 4)])
def test_repair_keeps_to_the_number_of_programs(ride, room, made):
    said = Programmer()
    update = repair(replace(WRONG, plans=(Plan(id="p", text="1. plan"),)), ride(said, max_programs=1 + room))
    assert len(update["candidates"]) == made
    assert ("analyse" in said.batches) is (room > 2)


def test_synthesis_sees_all_four_angles(ride):
    runtime = ride(Programmer())
    repair(WRONG, runtime)
    prompt = runtime.context.model.requests[-1].messages[1].content
    assert all(f"- {angle}: Wrong: x Right: y" in prompt for angle in ANGLES)


def test_repair_sees_the_program_and_its_failure_first(ride):
    runtime = ride(Programmer())
    repair(WRONG, runtime)
    prompt = runtime.context.model.requests[0].messages[1].content
    assert "```python\nw\n```" in prompt
    assert "f(1) returned 9, expected 1" in prompt


def test_texts_that_copy_the_program_are_drafted_from_it(ride):
    runtime = ride(Programmer())
    repair(WRONG, runtime)
    drafted = {
        request.lookup > 0 for request in runtime.context.model.requests if "```python" in request.messages[1].content
    }
    asked = [request for request in runtime.context.model.requests if request.lookup]
    assert drafted == {True, False}
    assert len(asked) == 3


def test_reply_without_code_costs_and_gives_nothing(ride):
    update = repair(WRONG, ride(lambda r: "I give up."))
    assert update["candidates"] == ()
    assert update["costs"][0].spent > 0


def test_nothing_to_repair_changes_nothing(ride):
    assert repair(world({"a": {"0": "0"}}), ride([])) == {}


def test_next_round_asks_with_other_seeds(ride):
    """The same failure again with the same seeds would draw the same texts again."""
    seeds = []
    for history in (("widen", "repair"), ("widen", "repair", "repair")):
        runtime = ride(Programmer())
        repair(replace(WRONG, history=history), runtime)
        seeds.append({request.seed for request in runtime.context.model.requests})
    assert not seeds[0] & seeds[1]


def test_two_self_debugs_are_two_samples(ride):
    runtime = ride(Programmer())
    repair(WRONG, runtime)
    first, second = runtime.context.model.requests[:2]
    assert first.messages == second.messages
    assert first.seed != second.seed


def generations(n: int) -> SolveState:
    family = tuple(candidate(f"g{i}", i, parent=f"g{i - 1}{i - 1}" if i else "") for i in range(n))
    return SolveState(
        problem=WRONG.problem, candidates=family, outcomes=tuple(ran(f"g{i}", "1", str(9 + i), "1") for i in range(n))
    )


def test_history_shows_ancestors_oldest_first():
    state = generations(3)
    shown = earlier_attempts(state, state.candidates[2])
    assert [attempt["code"] for attempt in shown] == ["g0", "g1"]
    assert [attempt["failure"] for attempt in shown] == ["f(1) returned 9, expected 1", "f(1) returned 10, expected 1"]


def test_history_is_bounded():
    state = generations(9)
    assert [a["code"] for a in earlier_attempts(state, state.candidates[8])] == ["g5", "g6", "g7"]
