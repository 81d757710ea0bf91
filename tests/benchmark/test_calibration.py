"""Scores of stated probabilities, against values that are plain to see and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from benchmark.calibration import Stated, auroc, brier, calibration_error, reliability


def said(pairs):
    return [Stated(p=p, right=right, task=str(i)) for i, (p, right) in enumerate(pairs)]


@pytest.fixture(scope="module")
def many():
    draw = np.random.default_rng(3)
    p = draw.integers(0, 21, 400) / 20
    right = draw.random(400) < p
    return [Stated(p=float(a), right=bool(b), task=str(i // 4)) for i, (a, b) in enumerate(zip(p, right, strict=True))]


def test_scores_agree_with_scikit_learn(many):
    p, right = [one.p for one in many], [one.right for one in many]
    assert auroc(many).value == pytest.approx(roc_auc_score(right, p))
    assert brier(many).value == pytest.approx(brier_score_loss(right, p))


def test_intervals_hold_the_value_and_are_wider_for_tasks_than_for_statements(many):
    apart = [Stated(p=one.p, right=one.right, task=str(i)) for i, one in enumerate(many)]
    alike = [Stated(p=many[i // 4].p, right=many[i // 4].right, task=str(i // 4)) for i in range(400)]
    for score in (auroc, brier, calibration_error):
        assert score(many).low <= score(many).value <= score(many).high
    assert auroc(alike).high - auroc(alike).low > auroc(apart).high - auroc(apart).low


def test_a_forecaster_who_is_always_sure_and_right_has_no_error():
    sure = said([(1.0, True), (0.0, False), (1.0, True)])
    assert (brier(sure).value, calibration_error(sure).value, auroc(sure).value) == (0.0, 0.0, 1.0)


def test_one_sided_outcomes_have_no_area():
    assert auroc(said([(0.3, True), (0.7, True)])) is None
    assert brier([]) is None


def test_bins_hold_every_statement_once_and_the_last_includes_one():
    bins = reliability(said([(0.0, False), (0.05, True), (0.95, True), (1.0, True)]))
    assert [(one.low, one.right.value, len(one.tasks)) for one in bins] == [(0.0, 0.5, 2), (0.9, 1.0, 2)]
    assert bins[1].stated == pytest.approx(0.975)
