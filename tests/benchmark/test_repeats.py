"""Several seeds of one measurement: the task is the unit, so a repeated seed adds no certainty."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from benchmark.repeats import over_seeds, pooled, pooled_difference
from benchmark.statistics import bootstrap_mean


def a_run(right, verified=False):
    run = SimpleNamespace(verified=verified, tokens=10, seconds=1.0)
    return SimpleNamespace(right=right, right_somewhere=True, run=run)


def results(baseline, full, verified=None):
    marks = verified or [False] * len(full)
    searched = [a_run(*pair) for pair in zip(full, marks, strict=True)]
    return {"baseline": [a_run(one) for one in baseline], "full": searched}


ONE = results([True, False, False, False], [True, True, False, True], [True, True, False, False])
TWO = results([False, False, True, False], [True, True, True, False], [True, False, True, False])


def test_a_task_counts_once_however_many_seeds_it_has():
    alone = pooled([ONE], "full").selected
    assert pooled([ONE, ONE, ONE], "full").selected == alone
    assert alone == bootstrap_mean([1.0, 1.0, 0.0, 1.0])
    assert pooled_difference([ONE] * 3, "full", "baseline") == pooled_difference([ONE], "full", "baseline")


def test_seeds_are_averaged_inside_a_task():
    both = pooled([ONE, TWO], "full")
    assert both.selected.value == pytest.approx((1 + 1 + 0.5 + 0.5) / 4)
    assert both.single.value == pytest.approx((0.5 + 0 + 0.5 + 0) / 4)
    assert both.efficiency.value == pytest.approx((3 - 1) / (4 - 1))
    assert pooled_difference([ONE, TWO], "full", "baseline").value == pytest.approx(0.5)


def test_right_if_verified_is_a_ratio_over_tasks():
    both = pooled([ONE, TWO], "full")
    assert both.verified.value == pytest.approx(4 / 8)
    assert both.verified_right.value == pytest.approx(1.0)
    assert pooled([ONE, TWO], "baseline").verified_right is None


def test_seeds_of_different_tasks_are_no_repeats():
    with pytest.raises(ValueError, match="shorter"):
        over_seeds([[1.0, 0.0], [1.0]])
