"""The statistics of every table: Wilson, paired bootstrap, exact McNemar, unbiased pass@k.

Problems are the unit: intervals say what other problems of the same kind would give, not what other seeds would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from scipy.stats import binomtest

RESAMPLES = 10_000
LEVEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number and its 95 % interval, all as shares of one."""

    value: float
    low: float
    high: float


def wilson(right: int, n: int) -> Estimate | None:
    """Return a share with Wilson's score interval; None of nothing.

    Raises:
        ValueError: `right` is not in 0..n.
    """
    if n == 0:
        return None
    interval = binomtest(right, n).proportion_ci(LEVEL, method="wilson")
    return Estimate(value=right / n, low=float(interval.low), high=float(interval.high))


def bootstrap_mean(values: Sequence[float], *, seed: int = 0) -> Estimate | None:
    """Return a mean with the percentile interval of 10,000 resamples of problems; None of nothing."""
    return bootstrap_ratio(values, [1.0] * len(values), seed=seed)


def bootstrap_ratio(parts: Sequence[float], wholes: Sequence[float], *, seed: int = 0) -> Estimate | None:
    """Return sum(parts) / sum(wholes) over problems with its bootstrap interval.

    None when the wholes sum to nothing or less. Resamples whose wholes do are left out of the interval: it is that of
    the ratio where there is one.
    """
    above, below = np.asarray(parts, dtype=float), np.asarray(wholes, dtype=float)
    if below.sum() <= 0:
        return None
    drawn = np.random.default_rng(seed).integers(0, len(above), (RESAMPLES, len(above)))
    sums = below[drawn].sum(axis=1)
    ratios = above[drawn].sum(axis=1)[sums > 0] / sums[sums > 0]
    low, high = np.percentile(ratios, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return Estimate(value=float(above.sum() / below.sum()), low=float(low), high=float(high))


def paired_difference(ours: Sequence[bool], theirs: Sequence[bool], *, seed: int = 0) -> Estimate | None:
    """Return the mean of `ours - theirs` with a bootstrap interval over problems; None of nothing.

    Raises:
        ValueError: the two are not about the same problems.
    """
    return bootstrap_mean([float(a) - float(b) for a, b in zip(ours, theirs, strict=True)], seed=seed)


def mcnemar(ours: Sequence[bool], theirs: Sequence[bool]) -> float:
    """Return the exact two-sided p of McNemar's test; 1 when the two never differ.

    Raises:
        ValueError: the two are not about the same problems.
    """
    pairs = list(zip(ours, theirs, strict=True))
    won, lost = sum(a and not b for a, b in pairs), sum(b and not a for a, b in pairs)
    return float(binomtest(won, won + lost, 0.5).pvalue) if won + lost else 1.0


def pass_at_k(n: int, right: int, k: int) -> float:
    """Return the unbiased estimate of P(one of k samples is right) from `right` of `n` (arXiv 2107.03374).

    Raises:
        ValueError: fewer samples than k, or `right` is not in 0..n.
    """
    if not 0 <= right <= n or k > n or k < 1:
        raise ValueError(f"pass@{k} cannot be told from {right} right of {n} samples")
    return 1.0 - comb(n - right, k) / comb(n, k)
