"""How far a stated P(correct) can be believed: reliability, Brier score, expected calibration error, AUROC.

The unit is the task: intervals are bootstrapped over whole tasks, since the programs of one rise and fall together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.statistics import LEVEL, Estimate, wilson

BINS = 10
RESAMPLES = 1000
_EDGES = (50 * (1 - LEVEL), 50 * (1 + LEVEL))

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """One stated probability, and what came of it."""

    p: float
    right: bool
    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Statements of about the same probability."""

    low: float
    high: float
    stated: float
    """Their mean."""
    right: Estimate
    """Share that was right, Wilson."""
    tasks: tuple[str, ...]


def reliability(said: Sequence[Stated], bins: int = BINS) -> tuple[Bin, ...]:
    """Return the bins of equal width that hold a statement; the last one includes 1."""
    made = []
    for index in range(bins):
        inside = [one for one in said if index == min(bins - 1, int(one.p * bins))]
        right = wilson(sum(one.right for one in inside), len(inside))
        if right is not None:
            mean = sum(one.p for one in inside) / len(inside)
            low, high = index / bins, (index + 1) / bins
            tasks = tuple(dict.fromkeys(one.task for one in inside))
            made.append(Bin(low=low, high=high, stated=mean, right=right, tasks=tasks))
    return tuple(made)


def brier(said: Sequence[Stated]) -> Estimate | None:
    """Return the mean squared error of the statements; 0 is perfect, 0.25 is a coin."""
    return _over_tasks(said, lambda weights, p, right: weights @ (p - right) ** 2 / weights.sum(axis=1))


def calibration_error(said: Sequence[Stated]) -> Estimate | None:
    """Return the expected calibration error over ten bins; biased upwards when there are few statements."""
    return _over_tasks(said, _calibration_error)


def auroc(said: Sequence[Stated]) -> Estimate | None:
    """Return P(a right one is stated higher than a wrong one), ties half; None unless there are both."""
    return _over_tasks(said, _auroc)


def _calibration_error(weights: Floats, p: Floats, right: Floats) -> Floats:
    """Return the error under each row of weights, (draws, statements) -> (draws,)."""
    inside = np.minimum((p * BINS).astype(int), BINS - 1)[:, None] == np.arange(BINS)
    gaps = weights @ (inside * (p - right)[:, None])
    return np.asarray(np.abs(gaps).sum(axis=1) / weights.sum(axis=1))


def _auroc(weights: Floats, p: Floats, right: Floats) -> Floats:
    """Return the area under each row of weights, (draws, statements) -> (draws,); NaN where one side is missing."""
    places = np.unique(p, return_inverse=True)[1][:, None] == np.arange(len(np.unique(p)))
    positive = weights @ (places * right[:, None])
    negative = weights @ (places * (1 - right)[:, None])
    below = negative.cumsum(axis=1) - negative / 2
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray((positive * below).sum(axis=1) / pairs)


def _over_tasks(
    said: Sequence[Stated], score: Callable[[Floats, Floats, Floats], Floats], seed: int = 0
) -> Estimate | None:
    """Return a score with the percentile interval over resampled tasks; None where it is not defined."""
    if not said:
        return None
    p = np.array([one.p for one in said], dtype=np.float64)
    right = np.array([one.right for one in said], dtype=np.float64)
    value = float(score(np.ones((1, len(said))), p, right)[0])
    if np.isnan(value):
        return None
    names, places = np.unique([one.task for one in said], return_inverse=True)
    draws = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES)
    low, high = np.nanpercentile(score(draws[:, places].astype(np.float64), p, right), _EDGES)
    return Estimate(value=value, low=float(low), high=float(high))
