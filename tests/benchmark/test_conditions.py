"""Conditions: every policy is measured, and a control is told what to spend."""

from __future__ import annotations

from dataclasses import replace

from benchmark.conditions import CONDITIONS
from graphs.policies import POLICIES
from nodes.settings import Settings

BASE = Settings()


def test_every_policy_is_a_row_under_its_own_name():
    assert {name for name in POLICIES if CONDITIONS[name].policy == name} == set(POLICIES)


def test_a_condition_changes_only_what_it_says():
    assert CONDITIONS["full"].settings(BASE) == replace(BASE, policy="full")
    assert CONDITIONS["samples"].settings(BASE) == replace(BASE, policy="resample", k=8, max_programs=8)


def test_the_control_gets_the_compared_tokens_as_its_budget_one_sample_at_a_time():
    settings = CONDITIONS["resample"].settings(BASE, 1234)
    assert (settings.budget_tokens, settings.k) == (1234, 1)
    assert settings.max_programs > 1234


def test_a_condition_never_takes_a_budget_that_it_does_not_ask_for():
    assert CONDITIONS["full"].settings(BASE, 1234).budget_tokens == BASE.budget_tokens


def test_digests_name_condition_and_settings():
    digests = {condition.digest(BASE) for condition in CONDITIONS.values()}
    assert len(digests) == len(CONDITIONS)
    assert CONDITIONS["full"].digest(BASE) == CONDITIONS["full"].digest(Settings())
    assert CONDITIONS["full"].digest(replace(BASE, seed=1)) not in digests
