"""The answer is chosen by evidence, and verified only under all of its conditions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nodes.answering import best_answer, choose, verification
from nodes.state import Cost, PublicTest, SolveState
from tests.nodes.records import ONE_EXAMPLE, candidate, world

PROVED = {"0": "0", "1": "5", "2": "6"}
PREDICTED = {"1": "5", "2": "6"}


def proved(behaviours=None, **changes) -> SolveState:
    return world({"a": PROVED, **(behaviours or {})}, **{"predicted": PREDICTED, **changes})


def test_verified_under_all_conditions(ride):
    verified, reason = verification(proved(), ride().context)
    assert verified
    assert reason == "passes 1 examples and 2 confirmed self-tests; no rival"


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        pytest.param(world({}), "no program was written", id="no-program"),
        pytest.param(world({}, candidates=(candidate("a"),)), "the program was not run on any test", id="not-run"),
        pytest.param(
            proved(tests=(), behaviours={}), "no examples were found in the problem to check against", id="no-examples"
        ),
        pytest.param(
            world({"a": {**PROVED, "0": "9"}}, predicted=PREDICTED), "it fails 1 of 1 examples", id="fails-an-example"
        ),
        pytest.param(
            world({"a": {"0": "0", "1": "5", "2": "7"}}, predicted=PREDICTED),
            "only 1 of the 2 confirmed self-tests that it takes were found",
            id="too-few-confirmed",
        ),
        pytest.param(world({"a": PROVED}), "only 0 of the 2 confirmed self-tests that it takes were found", id="none"),
        pytest.param(
            proved({"b": {**PROVED, "3": "1"}, "a": {**PROVED, "3": "2"}}),
            "1 programs that also pass the examples behave differently from its 1",
            id="rival",
        ),
    ],
)
def test_one_broken_condition_is_enough(ride, state, reason):
    assert verification(state, ride().context) == (False, reason)


def test_failed_confirmed_test_breaks_it(ride):
    """Each of two programs confirms a test that the other one fails."""
    state = world(
        {"a": {"0": "0", "1": "5", "2": "8"}, "b": {"0": "0", "1": "7", "2": "6"}},
        predicted=PREDICTED,
    )
    assert verification(state, ride(verified_tests=1).context) == (False, "it fails 1 confirmed self-tests")


@pytest.mark.parametrize(("weight", "verified"), [(1, False), (2, False), (3, True)])
def test_rival_counts_from_half_the_weight(ride, weight, verified):
    state = proved({"a": {**PROVED, "3": "1"}, "b": {**PROVED, "3": "2"}}, counts={"a": weight})
    assert verification(state, ride().context)[0] is verified


@pytest.mark.parametrize(("weight", "verified"), [(2, False), (3, True)])
def test_program_that_fails_a_confirmed_test_is_a_rival_all_the_same(ride, weight, verified):
    """It passes the examples, and the test that it fails is the search's own guess."""
    state = proved({"b": {"0": "0", "1": "7", "2": "6"}}, counts={"a": weight})
    assert verification(state, ride().context)[0] is verified


def test_minority_that_shares_two_wrong_predictions_is_not_verified(ride):
    state = world({"crowd": {"0": "0", "1": "1", "2": "2"}, "a": PROVED}, counts={"crowd": 7}, predicted=PREDICTED)
    chosen = choose(state, ride().context)
    assert chosen
    assert (chosen.code, verification(state, ride().context)[0]) == ("crowd", False)


def test_function_that_nothing_checks_forbids_verified(ride):
    state = proved()
    state = replace(state, problem=replace(state.problem, also_called=("decode",)))
    assert verification(state, ride().context) == (False, "the examples also call decode, which nothing checks")


@pytest.mark.parametrize(
    ("behaviours", "counts", "chosen"),
    [
        pytest.param({"w": {"0": "9"}, "a": {"0": "0"}}, {}, "a", id="examples-first"),
        pytest.param({"w": {"0": "0", "1": "7"}, "a": {"0": "0", "1": "5"}}, {"w": 3}, "w", id="crowd-over-a-vote"),
        pytest.param({"w": {"0": "0", "1": "7", "2": "7"}, "a": PROVED}, {"w": 2}, "a", id="votes-over-crowd"),
        pytest.param({"w": {"0": "0", "1": "7"}, "a": {"0": "0", "1": "5"}}, {}, "a", id="confirmed"),
        pytest.param({"b": {"0": "0", "3": "1"}, "a": {"0": "0", "3": "2"}}, {"a": 2}, "a", id="crowd"),
        pytest.param({"a": {"0": "0"}, "b": {"0": "0"}}, {}, "a", id="earlier"),
        pytest.param({"w": {"0": None}, "a": {"0": None}}, {}, "w", id="nobody-passes"),
    ],
)
def test_evidence_chooses(ride, behaviours, counts, chosen):
    found = choose(world(behaviours, counts=counts, predicted=PREDICTED), ride().context)
    assert found
    assert found.code == chosen


@pytest.mark.parametrize(("policy", "chosen"), [("phase1", "b"), ("resample", "b"), ("full", "a")])
def test_policy_says_how_to_choose(ride, policy, chosen):
    state = world({"w": {"0": "9"}, "b": {"0": "0", "3": "1"}, "a": {"0": "0", "3": "2"}}, counts={"a": 2})
    found = choose(state, ride(policy=policy).context)
    assert found
    assert found.code == chosen


def test_first_policy_without_a_passing_program_takes_the_first(ride):
    found = choose(world({"w": {"0": "9"}, "v": {"0": "8"}}), ride(policy="phase1").context)
    assert found
    assert found.code == "w"


def test_regressed_repair_yields_to_its_parent(ride):
    tests = (*ONE_EXAMPLE, PublicTest(input="1", expected="1"))
    state = world({"p": {"0": "0", "1": "9"}, "c": {"0": "9", "1": "1"}}, tests=tests)
    family = (state.candidates[0], replace(state.candidates[1], parent="p0", index=-5))
    from nodes.evidence import weigh

    state = replace(state, candidates=family)
    found = choose(replace(state, evidence=weigh(state)), ride().context)
    assert found
    assert found.code == "p"


def test_answer_says_what_it_knows(ride):
    state = proved(costs=(Cost(box="x", tokens=7),))
    answer = best_answer(state, ride().context, "verified")
    assert (answer.code, answer.verified, answer.stop, answer.candidate_id) == ("a", True, "verified", "a0")
    assert answer.cost == state.costs
    assert answer.evidence == (
        "origin: plain",
        "examples passed: 1 of 1",
        "confirmed self-tests passed: 2 of 2",
        "self-tests written: 2",
        "agreement: 1 of 1 samples behave alike; 1 behaviours pass every test; 1 distinct programs",
    )


def test_empty_answer_claims_nothing(ride):
    answer = best_answer(SolveState(), ride().context, "tokens")
    assert (answer.code, answer.verified, answer.confidence, answer.evidence, answer.seconds) == (
        "",
        False,
        0.0,
        (),
        0.0,
    )
