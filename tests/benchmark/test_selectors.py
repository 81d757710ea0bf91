"""Selectors on stored runs, without a model, on programs whose behaviour is plain to see."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmark.selectors import KS, RULE, SELECTORS, gain, is_mixed, kept, reevaluate
from nodes.state import Candidate
from tests.benchmark.plain_runs import a_run


def chosen(graded, name, k=8):
    choice = kept(graded, k)
    return SELECTORS[name](choice).code


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("first", "bad"),
        ("token confidence", "worse"),
        ("largest cluster", "bad"),
        ("first that passes the examples", "close"),
        (RULE, "good"),
        ("agreement with self-tests (CodeT)", "close"),
    ],
)
def test_each_selector_follows_its_rule(name, code):
    codes = ["bad", "close", "good", "worse", "also good", "bad", "bad"]
    graded = a_run(codes, confidence=(0.1, 0.2, 0.3, 0.9), votes=(("7", 2.0),))
    assert chosen(graded, name) == code


def test_confirmed_tests_come_first_where_the_search_chooses():
    assert chosen(a_run(["close", "good", "good"], votes=(("6", 1.0),)), "evidence, plain Lens") == "good"


def test_only_the_first_programs_count():
    graded = a_run(["close", "good", "also good"])
    assert [chosen(graded, RULE, k) for k in (1, 2, 3)] == ["close", "close", "good"]


def test_a_sample_without_code_takes_its_place_among_the_first():
    graded = a_run(["bad", "close", "good"])
    state = graded.run.state
    later = [replace(c, index=c.index + (c.index > 0)) for c in state.candidates]  # the second reply held no code
    object.__setattr__(state, "candidates", tuple(later))
    assert [[c.code for c in kept(graded, k).candidates] for k in (1, 2, 3)] == [["bad"], ["bad"], ["bad", "close"]]
    assert [c.code for c in kept(graded).candidates] == ["bad", "close", "good"]
    assert [is_mixed(graded, k) for k in (3, 4)] == [False, True]


def test_random_is_an_expectation_and_oracle_a_ceiling():
    graded = [a_run(["bad", "good", "bad", "worse"]), a_run([], name="none")]
    found = {(one.selector, one.k): one for one in reevaluate(graded)}
    assert found["random", 4].right == (0.25, 0.0)
    assert found["oracle", 2].right == (1.0, 0.0)
    assert found[RULE, 8].right == (1.0, 0.0)
    assert {k for _, k in found} == set(KS)


def test_a_gain_carries_its_interval():
    graded = [a_run(["close", "good", "also good"], name=str(i)) for i in range(6)]
    found = {one.selector: one for one in reevaluate(graded, ks=(3,))}
    made = gain(found[RULE], found["first"])
    assert (made.value, made.low, made.high) == (1.0, 1.0, 1.0)


def test_a_program_that_never_ran_is_chosen_last():
    graded = a_run(["good", "bad"])
    bare = Candidate(id="x", index=-1, code="never ran")
    state = graded.run.state
    object.__setattr__(state, "candidates", (bare, *state.candidates))
    assert chosen(graded, RULE) == "good"


def test_mixed_tasks_are_those_where_a_choice_matters():
    assert is_mixed(a_run(["bad", "good"]))
    assert not is_mixed(a_run(["bad", "good"]), k=1)
    assert not is_mixed(a_run(["good", "also good"]))
