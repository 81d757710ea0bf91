"""Policies are data."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from typing import get_args

import pytest

from graphs.policies import POLICIES
from nodes.context import Policy
from nodes.settings import PolicyName

MOVES = {
    "baseline": ["widen"],
    "phase1": ["widen"],
    "phase1_2": ["widen", "test", "widen", "separate"],
    "phase1_3": ["widen", "test", "repair"],
    "full": ["widen", "test", "widen", "separate", "repair"],
    "adaptive": [],
    "resample": ["widen"],
}


def test_every_policy_has_a_name_and_no_other():
    assert set(POLICIES) == set(get_args(PolicyName))
    assert all(policy.name == name for name, policy in POLICIES.items())


@pytest.mark.parametrize("name", POLICIES)
def test_policy_makes_its_moves_in_order(name):
    assert [step.move for step in POLICIES[name].schedule] == MOVES[name]


def test_policy_holds_no_code():
    for policy in POLICIES.values():
        assert not [f.name for f in fields(Policy) if callable(getattr(policy, f.name))]
    with pytest.raises(FrozenInstanceError):
        POLICIES["full"].k = 3  # type: ignore[misc]


def test_every_fixed_policy_widens_first_and_always():
    for policy in POLICIES.values():
        assert [(step.move, step.when) for step in policy.schedule[:1]] in ([], [("widen", "always")])


@pytest.mark.parametrize("name", ["baseline", "resample"])
def test_controls_draw_plain_samples(name):
    assert (POLICIES[name].slots, POLICIES[name].choice, POLICIES[name].stop_when_verified) == ("plain", "first", False)


def test_baseline_is_one_sample():
    assert POLICIES["baseline"].k == 1
