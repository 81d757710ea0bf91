"""Statistics against values that were worked out by hand or are in textbooks."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from benchmark.statistics import (
    bootstrap_mean,
    bootstrap_ratio,
    mcnemar,
    paired_difference,
    pass_at_k,
    wilson,
)


def test_wilson_gives_the_textbook_interval_of_8_in_10():
    share = wilson(8, 10)
    assert (share.value, round(share.low, 4), round(share.high, 4)) == (0.8, 0.4902, 0.9433)


def test_wilson_leaves_room_above_none_and_below_all():
    assert wilson(0, 20).high == pytest.approx(0.1611, abs=1e-4)
    assert wilson(20, 20).low == pytest.approx(0.8389, abs=1e-4)


def test_a_share_of_nothing_is_no_number():
    assert wilson(0, 0) is None
    assert bootstrap_mean([]) is None
    assert bootstrap_ratio([0.0, 0.0], [0.0, 0.0]) is None


@pytest.mark.parametrize(("n", "right", "k"), [(8, 0, 3), (8, 3, 1), (8, 3, 3), (8, 3, 8), (5, 5, 2), (6, 2, 5)])
def test_pass_at_k_is_the_share_of_subsets_with_a_right_sample(n, right, k):
    draws = list(combinations([True] * right + [False] * (n - right), k))
    assert pass_at_k(n, right, k) == pytest.approx(sum(map(any, draws)) / len(draws))


@pytest.mark.parametrize(("n", "right", "k"), [(3, 1, 4), (3, 4, 1), (3, 1, 0), (3, -1, 1)])
def test_pass_at_k_refuses_what_cannot_be_told(n, right, k):
    with pytest.raises(ValueError, match="cannot be told"):
        pass_at_k(n, right, k)


def test_mcnemar_is_the_exact_sign_test_of_the_tasks_that_differ():
    ours = [True] * 9 + [False] * 1 + [True] * 20
    theirs = [False] * 9 + [True] * 1 + [True] * 20
    assert mcnemar(ours, theirs) == pytest.approx(2 * (1 + 10) / 2**10)


def test_mcnemar_of_equal_results_is_one():
    assert mcnemar([True, False], [True, False]) == 1.0


def test_paired_difference_uses_the_pairing():
    ours, theirs = [True, False] * 100, [False, True] * 100
    same = paired_difference(ours, ours)
    crossed = paired_difference(ours, theirs)
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)
    assert crossed.value == 0.0
    assert crossed.low < -0.1
    assert crossed.high > 0.1


def test_paired_difference_refuses_other_problems():
    with pytest.raises(ValueError, match="zip"):
        paired_difference([True], [True, False])


def test_bootstrap_interval_is_near_the_normal_one_and_the_same_every_time():
    values = np.random.default_rng(7).normal(0.5, 0.2, 400).tolist()
    first, again = bootstrap_mean(values), bootstrap_mean(values)
    half = 1.96 * np.std(values) / 20
    assert first == again
    assert first.low == pytest.approx(first.value - half, abs=0.003)
    assert first.high == pytest.approx(first.value + half, abs=0.003)


def test_bootstrap_ratio_weighs_tasks_by_their_count():
    ratio = bootstrap_ratio([1.0, 0.0], [1.0, 3.0])
    assert ratio.value == 0.25
    assert (ratio.low, ratio.high) == (0.0, 1.0)


@pytest.mark.parametrize("wholes", [[-1.0, -1.0, -1.0], [1.0, -1.0, -1.0], [1.0, -1.0, 0.0]])
def test_a_ratio_to_nothing_or_less_is_no_number(wholes):
    assert bootstrap_ratio([1.0, 0.0, 0.0], wholes) is None


def test_resamples_with_nothing_below_are_left_out_of_the_interval():
    ratio = bootstrap_ratio([1.0, 0.0], [1.0, 0.0])
    assert (ratio.value, ratio.low, ratio.high) == (1.0, 1.0, 1.0)
