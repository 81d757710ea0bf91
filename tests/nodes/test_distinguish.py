"""S*: one representative per cluster, judged in both orders."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inference.base import Request
from nodes.distinguish import MOST_INPUTS, distinguish, points, top_pair
from nodes.state import Comparison, PublicTest, content_id
from tests.nodes.records import world

RIVALS = world({"a": {"0": "0", "1": "5", "22": "1"}, "b": {"0": "0", "1": "5", "22": "2"}}, history=("separate",))


@pytest.mark.parametrize(
    ("straight", "swapped", "expected"),
    [
        (1, 2, 1.0),
        (2, 1, 0.0),
        (1, 1, 0.5),
        (2, 2, 0.5),
        (0, 0, 0.5),
        (1, 0, 0.5),
        (0, 2, 0.5),
        (2, 0, 0.5),
        (None, None, 0.5),
        (1, None, 0.5),
        (None, 1, 0.5),
    ],
)
def test_only_a_win_in_both_orders_counts(straight, swapped, expected):
    assert points(straight, swapped) == expected


def judge(request: Request) -> str:
    """Prefer the output 2, wherever it stands; propose an input."""
    user = request.messages[1].content
    if not request.messages[0].content.startswith("You decide"):
        return "f(7)\nf(0)\nf(7)"
    return "Answer: 2" if user.index("\n2\n```") > user.index("\n1\n```") else "Answer: 1"


def test_judge_that_is_sure_gives_the_point(ride):
    (compared,) = distinguish(RIVALS, ride(judge))["comparisons"]
    assert compared == Comparison(first=content_id("a"), second=content_id("b"), points=0.0, input_id=content_id("22"))


def test_judge_that_likes_the_first_place_gives_a_tie(ride):
    (compared,) = distinguish(RIVALS, ride(lambda r: "Answer: 1"))["comparisons"]
    assert compared.points == 0.5


def test_judge_is_asked_twice_with_the_order_swapped(ride):
    runtime = ride(judge)
    distinguish(RIVALS, runtime)
    straight, swapped = (r.messages[1].content for r in runtime.context.model.requests[2:])
    assert "Result 1:\n```\n1\n```\n\nResult 2:\n```\n2\n```" in straight
    assert "Result 1:\n```\n2\n```\n\nResult 2:\n```\n1\n```" in swapped
    assert {r.temperature for r in runtime.context.model.requests[2:]} == {0.0}


def test_new_inputs_are_tests_without_votes(ride):
    (test,) = distinguish(RIVALS, ride(judge))["self_tests"]
    assert (test.input, test.votes, test.provenance) == ("7", (), ("separating",))


def test_number_of_new_inputs_is_bounded(ride):
    many = "\n".join(f"f({i})" for i in range(100, 150))
    assert len(distinguish(RIVALS, ride(lambda r: many))["self_tests"]) == MOST_INPUTS


def test_one_cluster_is_left_alone(ride):
    runtime = ride([])
    assert distinguish(world({"a": {"0": "0"}, "b": {"0": "0"}}), runtime) == {}


def test_pair_are_the_two_heaviest_clusters():
    behaviours = {name: {"0": "0", "1": output} for name, output in (("a", "1"), ("b", "2"), ("c", "3"))}
    pair = top_pair(world(behaviours, counts={"c": 3, "b": 2}))
    assert pair
    assert (pair.first.code, pair.second.code) == ("c", "b")


def test_failing_program_is_no_rival():
    assert top_pair(world({"a": {"0": "0", "1": "5"}, "w": {"0": "9", "1": "6"}})) is None


def test_shortest_input_on_which_both_completed_is_judged():
    pair = top_pair(
        world({"a": {"0": "0", "333": "1", "22": "1", "4": None}, "b": {"0": "0", "333": "2", "22": "2", "4": "1"}})
    )
    assert pair
    assert pair.case == "22"


def test_judged_input_is_not_judged_again():
    seen = Comparison(first=content_id("b"), second=content_id("a"), points=0.5, input_id=content_id("22"))
    pair = top_pair(replace(RIVALS, comparisons=(seen,)))
    assert pair
    assert (pair.case, pair.first_run) == ("", None)


def test_outputs_that_look_alike_when_cut_are_not_judged():
    """Both differ after the kept characters: the judge would see two equal texts."""
    cut = tuple(replace(o, output="x" * 2000) if o.input_id == content_id("22") else o for o in RIVALS.outcomes)
    pair = top_pair(replace(RIVALS, outcomes=cut))
    assert pair
    assert pair.case == ""


def test_rivals_without_a_case_are_asked_for_inputs_alone(ride):
    seen = Comparison(first=content_id("a"), second=content_id("b"), points=0.5, input_id=content_id("22"))
    runtime = ride(judge)
    update = distinguish(replace(RIVALS, comparisons=(seen,)), runtime)
    assert len(runtime.context.model.requests) == 2
    assert update["comparisons"] == ()


def test_program_reading_standard_input_is_judged_too(ride):
    example = PublicTest(input="0\n", expected="0\n")
    state = world({"a": {"0\n": "0\n", "2\n5\n": "1\n"}, "b": {"0\n": "0\n", "2\n5\n": "2\n"}}, tests=(example,))
    state = replace(state, problem=replace(state.problem, mode="stdio", entry_point=""), history=("separate",))
    runtime = ride(lambda r: "Input:\n```\n1\n9\n```\n")
    update = distinguish(state, runtime)
    assert [test.input for test in update["self_tests"]] == ["1\n9\n"]
    assert "Input:\n```\n2\n5\n```" in runtime.context.model.requests[2].messages[1].content
