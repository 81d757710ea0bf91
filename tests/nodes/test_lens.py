"""The hand-set estimate: odds, the stopping posterior, what each move is worth."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from scipy.stats import beta

from nodes.lens import best, cluster_weights, is_unsettled, move_values, odds_of_passing, right_so_far, settled
from nodes.state import Cost
from tests.nodes.records import candidate, world

RIGHT = {"0": "0", "1": "5"}
OTHER = {"0": "0", "1": "6"}
WRONG = {"0": "9"}


def test_settled_is_the_upper_half_of_the_beta_posterior():
    for leader, rest in product(range(12), range(12)):
        assert settled(leader, rest) == pytest.approx(beta(leader + 1, rest + 1).sf(0.5), abs=1e-12)


@pytest.mark.parametrize(
    ("counts", "unsettled"), [({"a": 3}, True), ({"a": 4}, False), ({"a": 4, "b": 1}, True), ({"a": 8, "b": 1}, False)]
)
def test_sampling_is_settled_at_ninety_five_percent(counts, unsettled):
    behaviours = {name: table for name, table in (("a", RIGHT), ("b", OTHER)) if name in counts}
    assert is_unsettled(world(behaviours, counts=counts)) is unsettled


def test_nothing_right_is_unsettled():
    assert is_unsettled(world({"a": WRONG}, counts={"a": 20}))


def test_odds_rise_with_tests_up_to_a_bound():
    rising = [odds_of_passing(n, 0) for n in range(5)]
    assert rising[0] < rising[1] < rising[2] < rising[3] == rising[4]
    assert odds_of_passing(1, 1) > odds_of_passing(1, 0)
    assert odds_of_passing(1, 9) == odds_of_passing(1, 4)
    assert odds_of_passing(0, 0, z=-1.0) < odds_of_passing(0, 0) < odds_of_passing(0, 0, z=1.0)


def test_best_is_the_earlier_among_equals():
    lead = best(world({"a": RIGHT, "b": RIGHT}))
    assert lead
    assert lead.candidate_id == "a0"
    assert best(world({})) is None


def test_clusters_come_heaviest_first():
    state = world({"a": RIGHT, "b": OTHER}, counts={"b": 2})
    assert list(cluster_weights(right_so_far(state)).values()) == [2, 1]


def test_crashing_program_is_not_right_for_want_of_tests():
    state = world({"a": {"1": None}, "b": {"1": "5"}}, tests=())
    assert [item.candidate_id for item in right_so_far(state)] == ["b1"]


def moves(state, context) -> set[str]:
    return {value.move for value in move_values(state, context)}


@pytest.mark.parametrize(
    ("behaviours", "possible"),
    [
        pytest.param({}, {"widen"}, id="nothing-yet"),
        pytest.param({"a": WRONG}, {"widen", "repair"}, id="all-wrong"),
        pytest.param({"a": RIGHT}, {"widen", "test"}, id="one-right"),
        pytest.param({"a": RIGHT, "w": WRONG}, {"widen", "test"}, id="one-right-one-wrong"),
        pytest.param({"a": RIGHT, "b": OTHER}, {"widen", "test", "separate"}, id="rivals"),
    ],
)
def test_only_moves_that_can_act_are_offered(ride, behaviours, possible):
    assert moves(world(behaviours), ride().context) == possible


def test_enough_confirmed_tests_need_no_more(ride):
    state = world({"a": {"0": "0", "1": "5", "2": "6"}}, predicted={"1": "5", "2": "6"})
    assert "test" not in moves(state, ride(verified_tests=2).context)


def test_full_pool_offers_no_new_programs(ride):
    context = ride(max_programs=1).context
    assert moves(world({"a": WRONG}), context) == set()
    assert moves(world({"a": RIGHT}), context) == {"test"}


def test_problem_without_examples_is_tested_first(ride):
    """Without a test nothing can run; another widening would learn nothing."""
    state = world({}, tests=(), candidates=(candidate("a"),))
    values = {value.move: value.per_token for value in move_values(state, ride().context)}
    assert values["test"] > values["widen"]


def test_testing_again_is_worth_less(ride):
    first = world({"a": RIGHT})
    again = replace(first, history=("widen", "test"))
    gains = [next(v.gain for v in move_values(state, ride().context) if v.move == "test") for state in (first, again)]
    assert gains[1] == pytest.approx(gains[0] / 2)


def test_price_of_a_move_is_what_it_cost_so_far(ride):
    paid = world({"a": RIGHT}, costs=(Cost(box="self_test_synthesis", calls=2, tokens=1000),))
    value = next(v for v in move_values(paid, ride(test_generations=4).context) if v.move == "test")
    assert value.tokens == 2000


def test_a_leader_that_grows_makes_widening_worth_less(ride):
    gains = [
        next(v.gain for v in move_values(world({"a": RIGHT}, counts={"a": n}), ride().context) if v.move == "widen")
        for n in (1, 2, 4, 8)
    ]
    assert gains == sorted(gains, reverse=True)


def test_worth_of_separating_does_not_depend_on_who_came_first(ride):
    gains = [
        next(v.gain for v in move_values(world(table, counts={"a": 7}), ride().context) if v.move == "separate")
        for table in ({"a": RIGHT, "b": OTHER}, {"b": OTHER, "a": RIGHT})
    ]
    assert gains[0] == pytest.approx(gains[1])
