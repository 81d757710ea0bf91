"""Self-certainty of an answer, from the logits it was sampled from (ReASC, arXiv 2601.02970).

A token's certainty is -(log K + mean log-probability of the K likeliest tokens), in nats: near 0 for a flat
distribution, larger the further the mass is from uniform over those K. A response is as sure as its least sure part:
the mean over the lowest tenth of sliding windows of 128 tokens; a shorter answer is one window.

Beside it, on request: the log-probability of the answer, the entropy of the distributions it was drawn from, and the
mean hidden state. All come from rows that the decoding computed anyway; nothing of a row is kept, and one pass of
exponentials serves all. A row that is not finite gives no statistic at all, rather than a number that reads as
confidence.
"""

from __future__ import annotations

import threading
from math import isfinite, log

import numpy as np
from numpy.typing import NDArray

LIKELIEST = 20
WINDOW = 128
LOWEST_SHARE = 0.1
_FIRST_MARGIN = 8.0
_LAST_MARGIN = 64.0


class Signals:
    """What is noted of the rows an answer was drawn from."""

    def __init__(self, *, detailed: bool = False) -> None:
        """Start with no tokens; `detailed` adds log-probability and entropy."""
        self._certainty = SelfCertainty()
        self._detailed = detailed
        self._log_probability = 0.0
        self._entropy = 0.0
        self._tokens = 0
        self._hidden: NDArray[np.float64] | None = None
        self._states = 0

    def add(self, row: NDArray[np.float32], token: int, hidden: NDArray[np.float32] | None = None) -> None:
        """Take the logits that an answer token was drawn from, and the hidden state, shape (width,), if any."""
        pass_ = RowPass(row)
        self._certainty.note(pass_.certainty())
        if self._detailed:
            self._log_probability += pass_.log_probability(row[token])
            self._entropy += pass_.entropy()
            self._tokens += 1
        if hidden is not None:
            self._hidden = hidden.astype(np.float64) if self._hidden is None else self._hidden + hidden
            self._states += 1

    def clear(self) -> None:
        """Forget all tokens."""
        self._certainty.clear()
        self._log_probability = self._entropy = 0.0
        self._tokens = self._states = 0
        self._hidden = None

    def confidence(self) -> float | None:
        """Return the self-certainty in nats."""
        return self._certainty.score()

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

    def add(self, row: NDArray[np.float32]) -> None:
        """Take the logits, shape (vocabulary,), that one answer token was sampled from; the row is not kept."""
        self.note(token_certainty(row))

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


class RowPass:
    """One pass of exponentials over a row, in arrays that the thread keeps: making them costs more than the pass."""

    def __init__(self, row: NDArray[np.float32]) -> None:
        """Compute the shifted logits and their exponentials."""
        self._top = float(row.max())
        self.finite = isfinite(self._top)
        if not self.finite:
            return
        self._shifted, self._exponentials = _scratch(row.size)
        np.subtract(row, self._top, out=self._shifted)
        np.exp(self._shifted, out=self._exponentials)
        self._sum = float(self._exponentials.sum())

    def certainty(self) -> float:
        """Return -(log K + mean top-K log-probability) in nats; NaN when the row is not finite."""
        if not self.finite:
            return float("nan")
        likeliest = _largest(self._shifted, min(LIKELIEST, self._shifted.size))
        return float(log(self._sum) - log(likeliest.size) - likeliest.mean(dtype=np.float64))

    def log_probability(self, logit: float) -> float:
        """Return the log-probability of a logit of the row; NaN when the row is not finite."""
        return float(logit) - self._top - log(self._sum) if self.finite else float("nan")

    def entropy(self) -> float:
        """Return the entropy of the row's distribution in nats; NaN when the row is not finite."""
        if not self.finite:
            return float("nan")
        drawable = self._exponentials > 0
        weighted = float(np.dot(self._exponentials[drawable], self._shifted[drawable]))
        return log(self._sum) - weighted / self._sum


_local = threading.local()


def _scratch(size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return two arrays of this thread."""
    kept: tuple[NDArray[np.float32], NDArray[np.float32]] | None = getattr(_local, "arrays", None)
    if kept is None or kept[0].size != size:
        kept = np.empty(size, np.float32), np.empty(size, np.float32)
        _local.arrays = kept
    return kept


def token_certainty(row: NDArray[np.float32]) -> float:
    """Return -(log K + mean top-K log-probability) in nats for one row of logits; NaN when the row is not finite."""
    return RowPass(row).certainty()


def _largest(shifted: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Return the `count` largest of logits whose maximum is 0; a threshold first, as sorting a whole row is slow."""
    margin = _FIRST_MARGIN
    chosen = (shifted > -margin).nonzero()[0]
    while chosen.size < count and margin < _LAST_MARGIN:
        margin *= 2
        chosen = (shifted > -margin).nonzero()[0]
    candidates = shifted[chosen] if chosen.size >= count else shifted.copy()
    candidates.partition(candidates.size - count)
    return candidates[candidates.size - count :]
