"""Truncation rules: which tokens of a distribution may be drawn at all, and with which probability.

The order is llama.cpp's: top_k, then top_p, then min_p, each on what the one before left; epsilon (a least probability)
comes last. Every rule keeps the likeliest token.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.outputs import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncation:
    """What is cut from a distribution; the defaults cut nothing."""

    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    epsilon: float = 0.0
    """Least probability, before truncation."""
    temperature: float = 1.0


def allowed(row: Row, rule: Truncation) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the ids that a rule leaves of a row of logits, the likeliest first, and their renormalised probabilities.

    Equal logits keep the order of their ids, so that the result depends on the row alone.
    """
    scaled = row.astype(np.float64) / rule.temperature
    scaled -= scaled.max()
    shares = np.exp(scaled)
    shares /= shares.sum()
    order = np.argsort(-shares, kind="stable")
    if rule.top_k > 0:
        order = order[: rule.top_k]
    kept = shares[order]
    if rule.top_p < 1:
        enough = int(np.searchsorted(np.cumsum(kept / kept.sum()), rule.top_p)) + 1
        order, kept = order[:enough], kept[:enough]
    keep = (kept >= rule.min_p * kept[0]) & (kept >= rule.epsilon)
    keep[0] = True
    order, kept = order[keep], kept[keep]
    return order, kept / kept.sum()
