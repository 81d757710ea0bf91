"""Self-certainty equals its definition and fails closed."""

from math import log

import numpy as np
import pytest

from inference.confidence import SelfCertainty
from inference.outputs import Outputs


def by_definition(row, count=20):
    log_probabilities = row.astype(np.float64) - row.max()
    log_probabilities -= np.log(np.exp(log_probabilities).sum())
    return -(log(min(count, row.size)) + np.sort(log_probabilities)[-count:].mean())


def token_certainty(row):
    return Outputs(row[None]).certainty(0)


@pytest.mark.parametrize("size", [5, 20, 21, 4096, 151_936])
@pytest.mark.parametrize("spread", [0.0, 0.01, 1.0, 6.0, 500.0])
def test_token_certainty_is_its_definition(size, spread):
    row = (np.random.default_rng(size).standard_normal(size) * spread).astype(np.float32)
    exact = 1e-4 if size < 10_000 else 1e-3
    assert token_certainty(row) == pytest.approx(by_definition(row), rel=1e-4, abs=exact)


@pytest.mark.parametrize("size", [30, 9000])
def test_rows_of_a_batch_are_scored_as_alone(size):
    """Peaked, flat, masked and broken rows in one batch: none changes what another one scores."""
    draw = np.random.default_rng(7)
    rows = np.stack([draw.standard_normal(size) * spread for spread in (0.01, 2.0, 90.0)]).astype(np.float32)
    masked, broken = rows[:1].copy(), np.full((1, size), np.nan, np.float32)
    masked[:, 5:] = -np.inf
    together = Outputs(np.concatenate([rows, masked, broken]))
    scores = [together.certainty(at) for at in range(5)]
    assert scores[:3] == pytest.approx([by_definition(row) for row in rows], rel=1e-4, abs=1e-3)
    assert not np.isfinite(scores[3:]).any()


def test_flat_row_over_twenty_is_zero():
    assert token_certainty(np.zeros(20, np.float32)) == pytest.approx(0.0, abs=1e-6)


def scored(certainties):
    collector = SelfCertainty()
    collector._certainties = list(certainties)
    return collector.score()


def test_short_answer_is_one_window():
    assert scored([1.0, 2.0, 6.0]) == pytest.approx(3.0)


def test_long_answer_scores_its_lowest_tenth():
    values = np.random.default_rng(2).random(500)
    windows = np.sort(np.convolve(values, np.ones(128) / 128, "valid"))
    assert scored(values) == pytest.approx(windows[: len(windows) // 10].mean())


def test_one_doubtful_stretch_lowers_the_score():
    sure = [5.0] * 600
    assert scored(sure[:200] + [1.0] * 128 + sure[:272]) < scored(sure) - 3


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_unfinished_numbers_give_none(value):
    collector = SelfCertainty()
    collector.note(token_certainty(np.full(30, value, np.float32)))
    assert collector.score() is None


def test_no_tokens_give_none():
    assert SelfCertainty().score() is None
