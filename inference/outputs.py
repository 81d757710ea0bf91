"""The rows of logits of one step, and what is computed from them once for all who ask.

A sampler wants the likeliest tokens of a row, the self-certainty wants those and the sum of all exponentials. What one
row is asked, its neighbours are asked next: where the vocabulary is small, as many rows as fit the processor's nearest
caches are worked through at a time, since calls cost more than arithmetic there; rows of a large one go one by one.
Nothing is computed before it is asked for of one of them, and no row is copied.

How the likeliest are found: a row is cut into blocks of equal width that are laid on one another, and the largest of
each column is taken. At least `count` numbers reach the `count`-th largest of these maxima, and hardly more do.

Limits: a vocabulary whose size has no divisor between 2 and 128 is sorted whole, which takes ten times as long where it
is large; those of real models are padded.
"""

from __future__ import annotations

import threading
from functools import cache, cached_property
from math import isfinite, log

import numpy as np
from numpy.typing import NDArray

Row = NDArray[np.float32]
"""Logits, shape (vocabulary,), or a hidden state, shape (width of the model,)."""
Rows = NDArray[np.float32]
"""Logits, shape (rows, vocabulary)."""
Ids = NDArray[np.int64]

LIKELIEST = 20
_SMALL_VOCABULARY = 8192
_TOGETHER = 1 << 17
"""Logits of a small vocabulary that are worked through at a time: half a megabyte."""
_MOST_BLOCKS = 128
_LEAST_WIDTH = 256
_LOWEST = np.finfo(np.float32).min
_PLAIN = 60.0
"""Logits whose exponentials, of any that a vocabulary can hold, do not overflow single precision."""


class Outputs:
    """The wanted rows of a batch, in the order of the batch; valid until the next one is decoded."""

    def __init__(self, logits: Rows) -> None:
        """Look at rows, shape (rows, vocabulary)."""
        self.logits = logits
        self._pass: _Pass | None = None

    def likeliest(self, at: int, count: int) -> tuple[float, Ids, Row]:
        """Return the largest logit of a row, and ids and logits of tokens among which are its `count` likeliest.

        What is minus infinity is left out. A row that holds NaN has NaN for its largest.
        """
        passed, place = self._passed(at, count)
        begin, end = passed.ends[place], passed.ends[place + 1]
        return passed.tops[place], passed.ids[begin:end], passed.logits[begin:end]

    def certainty(self, at: int) -> float:
        """Return -(log K + mean top-K log-probability) of a row in nats; not finite when the row is not."""
        passed, place = self._passed(at, LIKELIEST)
        return passed.certainties[place]

    def log_probability(self, at: int, token: int) -> float:
        """Return the log-probability of a token of a row in nats; not finite when the row is not."""
        passed, place = self._passed(at, LIKELIEST)
        return float(self.logits[at, token]) - passed.log_sums[place]

    def entropy(self, at: int) -> float:
        """Return the entropy of a row's distribution in nats; NaN when the row is not finite."""
        row = self.logits[at]
        top = np.maximum.reduce(row)
        if not isfinite(top):
            return float("nan")
        shifted = row[row > -np.inf] - top
        shares = np.exp(shifted)
        total = float(shares.sum())
        return log(total) - float(np.dot(shares, shifted)) / total

    def _passed(self, at: int, count: int) -> tuple[_Pass, int]:
        """Return the pass over a row, and the row's place in it."""
        held = self._pass
        if held is None or held.count < count or not held.begin <= at < held.end:
            size = self.logits.shape[1]
            together = 1 if size > _SMALL_VOCABULARY else _TOGETHER // size
            held = self._pass = _Pass(self.logits[at : at + together], at, count)
        return held, at - held.begin


class _Pass:
    """What is known of a few neighbouring rows: their largest logits, and their likeliest tokens, row behind row."""

    def __init__(self, rows: Rows, begin: int, count: int) -> None:
        """Find tokens among which are the `count` likeliest of each row."""
        size, self._rows = rows.shape[1], rows
        self._grid = len(rows), _blocks(size, count), -1
        self.begin, self.end, self.count = begin, begin + len(rows), count
        find = _in_columns if size > _SMALL_VOCABULARY else _in_rows
        self.tops, self.ends, self.ids, self.logits = find(rows, rows.reshape(self._grid), count)

    @cached_property
    def certainties(self) -> list[float]:
        """The self-certainty of each row in nats."""
        sizes = np.diff(self.ends)
        count = min(LIKELIEST, self._rows.shape[1])
        width = max(count, int(sizes.max()))
        beside = np.full((len(sizes), width), -np.inf, np.float32)
        beside[np.arange(width) < sizes[:, None]] = self.logits
        beside.partition(width - count, axis=1)
        sums: list[float] = np.add.reduce(beside[:, width - count :], axis=1).tolist()
        return [whole - log(count) - top / count for whole, top in zip(self.log_sums, sums, strict=True)]

    @cached_property
    def log_sums(self) -> list[float]:
        """The logarithm of the sum of each row's exponentials; not finite where a row is not."""
        rows, tops = self._rows, np.asarray(self.tops, np.float32)
        floats = _scratch(rows.size).floats[: rows.size].reshape(rows.shape)
        plain = max(map(abs, self.tops)) < _PLAIN
        with np.errstate(all="ignore"):
            np.exp(rows if plain else np.subtract(rows, tops[:, None], out=floats), out=floats)
            columns = np.add.reduce(floats.reshape(self._grid), axis=1)
            sums: list[float] = (np.log(np.add.reduce(columns, axis=1)) + (0 if plain else tops)).tolist()
        return sums


Found = tuple[list[float], list[int], Ids, Row]
"""The largest logit of each row; where each row's tokens begin and the last one's end; their ids and logits."""


def _in_rows(rows: Rows, grid: Rows, count: int) -> Found:
    """Find tokens among which are the `count` likeliest of each of some rows, by a look at every number of them."""
    maxima = np.maximum.reduce(grid, axis=1)
    maxima.sort(axis=1)
    place = max(0, maxima.shape[1] - count)
    bounds = np.maximum(maxima[:, place : place + 1], _LOWEST)
    marks = np.greater_equal(rows, bounds, out=_scratch(rows.size).marks[: rows.size].reshape(rows.shape))
    flat = marks.ravel().nonzero()[0]
    ends = flat.searchsorted(_begins(*rows.shape))
    return maxima[:, -1].tolist(), ends.tolist(), flat % rows.shape[1], rows.ravel()[flat]


def _in_columns(rows: Rows, grid: Rows, count: int) -> Found:
    """Find tokens among which are the `count` likeliest of one row, in those columns alone that hold them."""
    maxima = np.maximum.reduce(grid[0], axis=0)
    place = max(0, maxima.size - count)
    bound = np.maximum(np.partition(maxima, place)[place], _LOWEST)
    columns = (maxima >= bound).nonzero()[0]
    held = grid[0].take(columns, axis=1)
    flat = (held >= bound).ravel().nonzero()[0]
    block, column = np.divmod(flat, max(1, columns.size))
    ids = block * maxima.size + columns[column]
    return [float(np.maximum.reduce(maxima))], [0, ids.size], ids, held.ravel()[flat]


@cache
def _begins(rows: int, size: int) -> Ids:
    """Return where each of some rows begins, and the last ends, in the array of all."""
    return np.arange(rows + 1) * size


@cache
def _blocks(size: int, count: int) -> int:
    """Return into how many blocks of equal width, which leave enough columns, a row is cut."""
    most = min(_MOST_BLOCKS, size // max(_LEAST_WIDTH, 4 * count))
    return next((blocks for blocks in range(most, 1, -1) if size % blocks == 0), 1)


class _Scratch:
    """Arrays of a pass's size that a thread keeps: to get fresh memory costs more than to fill it."""

    def __init__(self, size: int) -> None:
        self.marks = np.empty(size, np.bool_)
        self.floats = np.empty(size, np.float32)


_kept = threading.local()


def _scratch(size: int) -> _Scratch:
    kept: _Scratch | None = getattr(_kept, "scratch", None)
    if kept is None or kept.marks.size < size:
        kept = _kept.scratch = _Scratch(size)
    return kept
