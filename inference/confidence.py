"""Self-certainty of an answer, from the logits it was sampled from (ReASC, arXiv 2601.02970).

A token's certainty is -(log K + mean log-probability of the K likeliest tokens), in nats: near 0 for a flat
distribution, larger the further the mass is from uniform over those K. A response is as sure as its least sure part:
the mean over the lowest tenth of sliding windows of 128 tokens; a shorter answer is one window.

Beside it, on request: the log-probability of the answer, the entropy of the distributions it was drawn from, and the
mean hidden state. All come from rows that the decoding computed anyway (`inference/outputs.py`); nothing of a row is
kept. A row that is not finite gives no statistic at all, rather than a number that reads as confidence.
"""

from __future__ import annotations

from math import isfinite

import numpy as np
from numpy.typing import NDArray

from inference.outputs import Outputs

WINDOW = 128
LOWEST_SHARE = 0.1


class Signals:
    """What is noted of the rows an answer was drawn from."""

    def __init__(self, *, confidence: bool = True, detailed: bool = False) -> None:
        """Start with no tokens; `detailed` asks for log-probability and entropy."""
        self._certainty = SelfCertainty() if confidence else None
        self._detailed = detailed
        self._log_probability = 0.0
        self._entropy = 0.0
        self._tokens = 0
        self._hidden: NDArray[np.float64] | None = None
        self._states = 0

    def add(self, outputs: Outputs, at: int, token: int, hidden: NDArray[np.float32] | None = None) -> None:
        """Take the row that an answer token was drawn from, and the hidden state, shape (width,), if any."""
        if self._certainty is not None:
            self._certainty.note(outputs.certainty(at))
        if self._detailed:
            self._log_probability += outputs.log_probability(at, token)
            self._entropy += outputs.entropy(at)
            self._tokens += 1
        if hidden is not None:
            self._hidden = hidden.astype(np.float64) if self._hidden is None else self._hidden + hidden
            self._states += 1

    def clear(self) -> None:
        """Forget all tokens."""
        if self._certainty is not None:
            self._certainty.clear()
        self._log_probability = self._entropy = 0.0
        self._tokens = self._states = 0
        self._hidden = None

    def confidence(self) -> float | None:
        """Return the self-certainty in nats, or None when it was not asked for or a row was not finite."""
        return None if self._certainty is None else self._certainty.score()

    def log_probability(self) -> float | None:
        """Return the sum over the tokens in nats, or None when it was not asked for or a row was not finite."""
        finite = self._detailed and self._tokens and isfinite(self._log_probability)
        return self._log_probability if finite else None

    def entropy(self) -> float | None:
        """Return the mean over the tokens in nats, or None as above."""
        return self._entropy / self._tokens if self._detailed and self._tokens and isfinite(self._entropy) else None

    def hidden(self) -> tuple[float, ...] | None:
        """Return the mean state, or None without any."""
        return None if self._hidden is None else tuple((self._hidden / self._states).tolist())


class SelfCertainty:
    """Collects one certainty per answer token."""

    def __init__(self) -> None:
        """Start with no tokens."""
        self._certainties: list[float] = []

    def note(self, certainty: float) -> None:
        """Take the certainty of one answer token."""
        self._certainties.append(certainty)

    def clear(self) -> None:
        """Forget all tokens."""
        self._certainties.clear()

    def score(self) -> float | None:
        """Return the response's self-certainty in nats, or None without tokens or after a row that is not finite."""
        if not self._certainties:
            return None
        values = np.asarray(self._certainties)
        if not np.isfinite(values).all():
            return None
        width = min(WINDOW, len(values))
        sums = np.concatenate(([0.0], np.cumsum(values)))
        windows = np.sort((sums[width:] - sums[:-width]) / width)
        lowest = max(1, int(LOWEST_SHARE * len(windows)))
        return float(windows[:lowest].mean())
