"""What outcomes say about programs: confirmed tests, clusters, agreement, anchors, posteriors."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nodes.evidence import confirmed_tests, outcomes_by_pair, votes_by_key, voting_oracles, weigh
from nodes.judging import expected_key
from nodes.state import Comparison, PublicTest, content_id
from tests.nodes.records import candidate, ran, self_test, world


def confirmed(state) -> dict[str, str]:
    outcomes = outcomes_by_pair(state)
    trusted = [e.program_id for e in state.evidence if e.passes_examples and e.public_total]
    return confirmed_tests(state, trusted, outcomes)


def by_code(state) -> dict:
    codes = {c.id: c.code for c in state.candidates}
    return {codes[item.candidate_id]: item for item in state.evidence}


@pytest.mark.parametrize(
    ("behaviours", "predicted", "expected"),
    [
        pytest.param({"a": {"0": "0", "1": "5"}}, {"1": "5"}, "5", id="agreed"),
        pytest.param({"a": {"0": "0", "1": "5"}}, {"1": "6"}, None, id="nobody-gives-it"),
        pytest.param({"a": {"0": "0", "1": "5"}}, {}, None, id="nobody-predicted-it"),
        pytest.param({"a": {"0": "9", "1": "5"}}, {"1": "5"}, None, id="fails-the-example"),
        pytest.param({"a": {"0": "0", "1": None}}, {"1": "5"}, None, id="crash"),
        pytest.param({"a": {"0": "0", "1": "5"}, "b": {"0": "0", "1": "7"}}, {"1": "5"}, "5", id="other-unpredicted"),
        pytest.param({"a": {"0": "0", "1": "5"}, "b": {"0": "9", "1": "7"}}, {"1": "7"}, None, id="only-a-wrong-one"),
        pytest.param({"a": {"0": "0", "1": "5.0"}}, {"1": "5"}, "5", id="equal-in-another-spelling"),
    ],
)
def test_test_is_confirmed_by_one_trusted_prediction(behaviours, predicted, expected):
    found = confirmed(world(behaviours, predicted=predicted))
    assert found == ({content_id("1"): expected_key("function", expected)} if expected else {})


def test_conflict_of_two_trusted_predictions_confirms_nothing():
    state = world({"a": {"0": "0", "1": "5"}, "b": {"0": "0", "1": "7"}})
    state = replace(state, self_tests=(self_test("1", "5", "7"),))
    assert confirmed(state) == {}


def test_without_examples_nothing_is_confirmed():
    state = world({"a": {"1": "5"}, "b": {"1": "5"}}, predicted={"1": "5"}, tests=())
    assert {item.confirmed_total for item in state.evidence} == {0}


def test_example_is_no_self_test():
    state = world({"a": {"0": "0"}}, self_tests=(self_test("0", "0"),))
    assert confirmed(state) == {}


def test_confirmed_test_tells_who_passes():
    state = world({"a": {"0": "0", "1": "5"}, "b": {"0": "0", "1": "7"}}, predicted={"1": "5"})
    found = by_code(state)
    assert (found["a"].confirmed_passed, found["b"].confirmed_passed) == (1, 0)
    assert found["a"].posterior > 10 * found["b"].posterior


ORACLE = replace(candidate("slow", -1), id="oracle")


@pytest.mark.parametrize(
    ("oracles", "example", "votes"),
    [
        pytest.param((ORACLE,), "0", True, id="passes"),
        pytest.param((ORACLE,), "9", False, id="fails-the-example"),
        pytest.param((ORACLE,), None, False, id="crashes-on-the-example"),
        pytest.param((candidate("a", -1),), "0", False, id="same-text-as-a-candidate"),
        pytest.param((), "0", False, id="none"),
    ],
)
def test_oracle_votes_when_it_may(oracles, example, votes):
    state = world({"a": {"0": "0", "1": "5"}}, predicted={"1": "4"}, oracles=oracles)
    state = replace(state, outcomes=(*state.outcomes, ran("slow", "0", example, "0"), ran("slow", "1", "5")))
    state = replace(state, evidence=weigh(state))
    assert bool(confirmed(state)) is votes
    assert bool(voting_oracles(state, outcomes_by_pair(state))) is votes


def test_two_equal_oracles_vote_once():
    state = world({"a": {"0": "0", "1": "5"}}, oracles=(ORACLE, replace(ORACLE, id="again")))
    state = replace(state, outcomes=(*state.outcomes, ran("slow", "0", "0", "0"), ran("slow", "1", "5")))
    (test,) = state.self_tests
    assert votes_by_key(state, test, outcomes_by_pair(state)) == {expected_key("function", "5"): 2.0}


def clusters(state) -> list[set[str]]:
    codes = {c.id: c.code for c in state.candidates}
    groups: dict[str, set[str]] = {}
    for item in state.evidence:
        groups.setdefault(item.cluster, set()).add(codes[item.candidate_id])
    return sorted(groups.values(), key=sorted)


@pytest.mark.parametrize(
    ("behaviours", "expected"),
    [
        pytest.param({"a": {"0": "0", "1": "5"}, "b": {"0": "0", "1": "5"}}, [{"a", "b"}], id="alike"),
        pytest.param({"a": {"0": "0", "1": "5"}, "b": {"0": "0", "1": "6"}}, [{"a"}, {"b"}], id="differ"),
        pytest.param(
            {"a": {"0": "0", "1": None, "2": "1"}, "b": {"0": "0", "1": None, "2": "1"}}, [{"a", "b"}], id="all-crash"
        ),
        pytest.param({"a": {"0": "0", "1": None}, "b": {"0": "0", "1": "6"}}, [{"a"}, {"b"}], id="one-crashes"),
        pytest.param({"a": {"0": "0", "1": "True"}, "b": {"0": "0", "1": "1.0"}}, [{"a", "b"}], id="equal-values"),
    ],
)
def test_programs_that_behave_alike_share_a_cluster(behaviours, expected):
    assert clusters(world(behaviours)) == expected


def test_input_on_which_all_crash_is_no_evidence():
    """Crashing in different ways on an invalid input does not part two programs."""
    state = world({"a": {"0": "0", "1": None}, "b": {"0": "0", "1": None}})
    last = replace(state.outcomes[-1], status="timeout")
    state = replace(state, outcomes=(*state.outcomes[:-1], last))
    assert len({item.cluster for item in weigh(state)}) == 1


def test_program_that_completes_nowhere_is_in_no_cluster():
    state = world({"a": {"1": "5"}, "b": {"1": None}}, tests=())
    assert (by_code(state)["b"].cluster_weight, by_code(state)["b"].posterior) == (0, 0.0)


def test_equal_texts_weigh_as_many_samples():
    state = world({"a": {"0": "0", "1": "5"}, "b": {"0": "0", "1": "6"}}, counts={"a": 3})
    assert (by_code(state)["a"].cluster_weight, by_code(state)["b"].cluster_weight) == (3, 1)


def test_agreement_is_samples_times_votes_and_one():
    state = world({"a": {"0": "0", "1": "5"}, "b": {"0": "0", "1": "6"}}, counts={"a": 2}, predicted={"1": "5"})
    assert (by_code(state)["a"].agreement, by_code(state)["b"].agreement) == (4.0, 1.0)


TWO = (PublicTest(input="0", expected="0"), PublicTest(input="1", expected="1"))


@pytest.mark.parametrize(
    ("parent", "child", "regressed"),
    [
        pytest.param({"0": "0", "1": "9"}, {"0": "0", "1": "1"}, False, id="gains"),
        pytest.param({"0": "0", "1": "9"}, {"0": "0", "1": "8"}, False, id="keeps"),
        pytest.param({"0": "0", "1": "9"}, {"0": "9", "1": "1"}, True, id="trades-one-for-another"),
        pytest.param({"0": "0", "1": "9"}, {"0": None, "1": None}, True, id="loses"),
        pytest.param({"0": None, "1": None}, {"0": None, "1": None}, False, id="nothing-to-lose"),
    ],
)
def test_repair_that_loses_an_anchor_is_regressed(parent, child, regressed):
    state = world({"p": parent, "c": child}, tests=TWO)
    family = (state.candidates[0], replace(state.candidates[1], parent=state.candidates[0].id))
    state = replace(state, candidates=family)
    assert {item.candidate_id: item.regressed for item in weigh(state)} == {"p0": False, "c1": regressed}


def test_confirmed_test_is_an_anchor_too():
    state = world({"p": {"0": "0", "1": "5"}, "c": {"0": "0", "1": "6"}}, predicted={"1": "5"})
    family = (state.candidates[0], replace(state.candidates[1], parent=state.candidates[0].id))
    assert [item.regressed for item in weigh(replace(state, candidates=family))] == [False, True]


def posteriors(**confidence: float | None) -> dict[str, float]:
    state = world({name: {"0": "0", "1": "5"} for name in confidence})
    told = tuple(replace(c, confidence=confidence[c.code]) for c in state.candidates)
    state = replace(state, candidates=told)
    return {code: item.posterior for code, item in by_code(replace(state, evidence=weigh(state))).items()}


def test_missing_confidence_counts_as_low():
    found = posteriors(a=1.0, b=2.0, c=None)
    assert found["c"] <= found["a"] < found["b"]


def test_no_confidence_at_all_counts_as_low():
    assert posteriors(a=None)["a"] < posteriors(a=1.0)["a"]


def test_equal_confidence_parts_nobody():
    assert len(set(posteriors(a=1.0, b=1.0, c=1.0).values())) == 1


def test_posterior_falls_from_right_to_wrong():
    """Passes all in the large cluster, in the small one, fails a confirmed test, fails an example."""
    state = world(
        {
            "large": {"0": "0", "1": "5", "2": "1"},
            "small": {"0": "0", "1": "5", "2": "2"},
            "vetoed": {"0": "0", "1": "6", "2": "1"},
            "wrong": {"0": "9"},
        },
        counts={"large": 3},
        predicted={"1": "5"},
    )
    found = [by_code(state)[name].posterior for name in ("large", "small", "vetoed", "wrong")]
    assert found == sorted(found, reverse=True)
    assert found[1] > 10 * found[2]
    assert all(0.0 <= value <= 1.0 for value in found)


def test_failing_crowd_is_never_likelier_than_certain():
    state = world({"lone": {"0": "0", "1": "5"}, "crowd": {"0": "9"}}, counts={"crowd": 30}, predicted={"1": "5"})
    assert by_code(state)["crowd"].posterior < 0.02 < by_code(state)["lone"].posterior


def test_passing_among_many_that_fail_is_less_sure():
    """With few examples a wrong program passes by luck; how often samples pass says how well the model knows."""
    sure, lucky = (
        by_code(world({"a": {"0": "0", "1": "5"}, "w": {"0": "9"}}, counts={"w": n}))["a"].posterior for n in (1, 7)
    )
    assert lucky < 0.5 * sure


def test_confirming_takes_the_plurality_of_those_that_pass():
    behaviours = {"crowd": {"0": "0", "1": "6"}, "a": {"0": "0", "1": "5"}}
    assert not confirmed(world(behaviours, counts={"crowd": 2}, predicted={"1": "5"}))
    assert confirmed(world(behaviours, counts={"crowd": 1}, predicted={"1": "5"}))


def test_two_consistent_wins_beat_the_larger_cluster():
    state = world({"a": {"0": "0", "1": "5"}, "b": {"0": "0", "1": "6"}}, counts={"a": 5, "b": 3})
    win = Comparison(first=content_id("b"), second=content_id("a"), points=1.0, input_id=content_id("1"))
    found = by_code(replace(state, evidence=weigh(replace(state, comparisons=(win, win)))))
    assert found["b"].posterior > found["a"].posterior


@pytest.mark.parametrize(("points", "first_leads"), [(1.0, True), (0.0, False)])
def test_judged_pair_moves_the_weight(points, first_leads):
    state = world({"a": {"0": "0", "1": "5"}, "b": {"0": "0", "1": "6"}})
    pair = Comparison(first=content_id("a"), second=content_id("b"), points=points, input_id=content_id("1"))
    found = by_code(replace(state, evidence=weigh(replace(state, comparisons=(pair,)))))
    assert (found["a"].posterior > found["b"].posterior) is first_leads


def test_program_that_never_ran_has_no_evidence():
    assert weigh(world({"a": {}}, tests=())) == ()
