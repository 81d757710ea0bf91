"""How many sequences to decode at a time, from the measured cost of a step.

The cost of a step is not proportional to its rows and on some machines not even near it (two rows of a Q8_0 model on a
CPU cost three times one row, eight cost five times), so no constant is right: t(k) is measured at first use and kept.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from inference.backend import Backend, Batch

MEASURED = (1, 2, 4, 8, 16, 32)
_REPEATS = 4
_MOST_SECONDS = 2.0
_PROMPT = 64
_BETTER = 1.02
"""A wider batch must be this much faster to be chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostCurve:
    """Seconds of a decoding step by its rows; linear in between and beyond."""

    rows: tuple[int, ...]
    seconds: tuple[float, ...]

    def cost(self, rows: float) -> float:
        """Return the seconds of a step."""
        points = list(zip(self.rows, self.seconds, strict=True))
        if len(points) == 1 or rows <= points[0][0]:
            return points[0][1] * max(1.0, rows / points[0][0])
        for (x0, y0), (x1, y1) in pairwise(points):
            if rows <= x1 or x1 == self.rows[-1]:
                return y0 + (y1 - y0) * (rows - x0) / (x1 - x0)
        return points[-1][1]

    def best(self, most: int) -> int:
        """Return the number of rows, at most `most`, with the most tokens per second; the fewest of equal ones."""
        best = 1
        for rows in range(2, most + 1):
            if rows / self.cost(rows) > _BETTER * best / self.cost(best):
                best = rows
        return best


class WidthPolicy:
    """Which of the live sequences a step decodes: as many as are fastest together."""

    def __init__(self, most: int, curve: CostCurve | None = None) -> None:
        """Allow at most `most` live sequences; without a curve every width counts as good."""
        self._curve = curve
        self._rows = [0] + [curve.best(live) if curve else live for live in range(1, most + 1)]
        self.most = max(self._rows)

    def rows(self, live: int) -> int:
        """Return how many of `live` sequences to decode in a step."""
        return self._rows[min(live, self.most)]

    def pays(self, rows: int, drafted: int, expected: float) -> bool:
        """Say whether `drafted` more rows, of which `expected` are accepted, make a step worth more than it costs."""
        if self._curve is None:
            return True
        before, after = self._curve.cost(rows), self._curve.cost(rows + drafted)
        return (rows + expected) / after > rows / before


def measure(backend: Backend, most: int) -> CostCurve:
    """Time steps of 1, 2, 4 ... rows over sequences of 64 tokens or what fits; stops when two seconds are gone.

    The cache must be empty and is empty afterwards.
    """
    batch = Batch(backend.shape.rows)
    timed: dict[int, float] = {}
    began = time.monotonic()
    filled = 0
    shape = backend.shape
    widths = [rows for rows in MEASURED if rows <= min(most, shape.sequences, shape.outputs)]
    cells = max(1, min(_PROMPT, shape.context - 1, shape.cells // widths[-1] - 1, shape.rows) - _REPEATS)
    for rows in widths:
        for sequence in range(filled, rows):
            _fill(backend, batch, sequence, cells)
        filled = rows
        timed[rows] = min(_step(backend, batch, rows, cells + repeat) for repeat in range(_REPEATS))
        for sequence in range(rows):
            _refill(backend, batch, sequence, cells)
        if time.monotonic() - began > _MOST_SECONDS:
            break
    for sequence in range(filled):
        backend.trim(sequence, 0)
    return CostCurve(rows=tuple(timed), seconds=tuple(timed.values()))


def _fill(backend: Backend, batch: Batch, sequence: int, cells: int) -> None:
    batch.clear()
    batch.add(sequence, 0, [1] * cells, 1)
    backend.decode(batch)


def _refill(backend: Backend, batch: Batch, sequence: int, cells: int) -> None:
    """Bring a sequence back to its length; what cannot be cut is read again."""
    if backend.shape.can_fork:
        backend.trim(sequence, cells)
    else:
        backend.trim(sequence, 0)
        _fill(backend, batch, sequence, cells)


def _step(backend: Backend, batch: Batch, rows: int, position: int) -> float:
    batch.clear()
    for sequence in range(rows):
        batch.add(sequence, position, [1], 1)
    began = time.perf_counter()
    backend.decode(batch)
    return time.perf_counter() - began


def cached_curve(key: Sequence[str], backend: Backend, most: int) -> CostCurve:
    """Return the curve of a model on this machine: from the user's cache directory, or measured and put there."""
    path = _folder() / f"{'-'.join(key)}.json"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return CostCurve(rows=tuple(stored["rows"]), seconds=tuple(stored["seconds"]))
    except (OSError, ValueError, KeyError, TypeError):
        curve = measure(backend, most)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_suffix(f".{os.getpid()}")
        scratch.write_text(json.dumps(asdict(curve)), encoding="utf-8")
        scratch.replace(path)
    except OSError:
        return curve
    return curve


def _folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if home else Path.home() / ".cache") / "atlas" / "widths"
