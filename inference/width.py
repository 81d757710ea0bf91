"""How many sequences to decode at a time, from the measured cost of a step.

The cost of a step is not proportional to its rows and on some machines not even near it (two rows of a Q8_0 model on a
CPU cost three times one row, eight cost five times), so no constant is right: t(k) is measured at first use and kept.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from inference.backend import Backend, Batch

MEASURED = (1, 2, 4, 8, 16, 32, 64)
_ROUNDS = 16
"""What else the machine does comes and goes; the least of several rounds is what a step costs."""
_MOST_SECONDS = 2.0
_PROMPT = 64
_MOST_DRAFTED = 16
_AS_GOOD = 0.95
"""Share of the best speed that a wider batch must reach to be chosen."""


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
        """Return the number of rows, at most `most`, with the most tokens per second; the most of nearly equal ones.

        What is left over is decoded later and in a smaller batch, so that width is worth a little.
        """
        speeds = [rows / self.cost(rows) for rows in range(1, most + 1)]
        return max(rows for rows, speed in enumerate(speeds, 1) if speed >= _AS_GOOD * max(speeds))


class WidthPolicy:
    """Which of the live sequences a step decodes: as many as are fastest together."""

    def __init__(self, most: int, curve: CostCurve | None = None, *, fixed: bool = False) -> None:
        """Allow at most `most` live sequences; without a curve, or when `fixed`, every width counts as good."""
        self._curve = curve
        best = None if fixed else curve
        self._rows = [0] + [best.best(live) if best else live for live in range(1, most + 1)]
        self.most = max(self._rows)

    def rows(self, live: int) -> int:
        """Return how many of `live` sequences to decode in a step."""
        return self._rows[min(live, self.most)]

    def worth(self, rows: int, expected: float) -> float:
        """Return the tokens per second of a step of so many rows that yields `expected` tokens."""
        return expected / self._curve.cost(rows) if self._curve is not None else expected


def measure(backend: Backend, most: int) -> CostCurve:
    """Time steps of 1, 2, 4 ... rows over sequences of 64 tokens or what fits, in rounds, for about two seconds.

    The first round is always whole, as a width that was not timed would be guessed. The cache must be empty and is
    empty afterwards.
    """
    shape = backend.shape
    batch = Batch(shape.rows)
    began = time.monotonic()
    sequences = min(most, shape.sequences)
    widths = [rows for rows in MEASURED if rows <= min(shape.outputs, shape.rows, sequences * _MOST_DRAFTED)]
    cells = max(1, min(_PROMPT, shape.context // 2, shape.cells // sequences // 2, shape.rows))
    longest = min(shape.context, shape.cells // sequences) - cells
    timed: dict[int, float] = {}
    for turn in range(_ROUNDS):
        lengths = _fill(backend, batch, sequences, cells, again=turn > 0)
        for rows in widths:
            each = -(-rows // sequences)
            if lengths[0] + each > cells + longest:
                break
            seconds = _step(backend, batch, lengths[: rows // each], each)
            timed[rows] = min(seconds, timed.get(rows, seconds))
            lengths[: rows // each] = [length + each for length in lengths[: rows // each]]
        if time.monotonic() - began > _MOST_SECONDS:
            break
    for sequence in range(sequences):
        backend.trim(sequence, 0)
    return CostCurve(rows=tuple(timed), seconds=tuple(timed.values()))


def _fill(backend: Backend, batch: Batch, sequences: int, cells: int, *, again: bool) -> list[int]:
    """Bring sequences to a length, by cutting or copying where the cache can, else by reading anew."""
    forks = backend.shape.can_fork
    for sequence in range(sequences):
        if again:
            backend.trim(sequence, cells if forks else 0)
        if forks and not again and sequence:
            backend.copy(0, sequence, cells)
        elif not (forks and again):
            batch.clear()
            batch.add(sequence, 0, [1] * cells, 1)
            backend.decode(batch)
    return [cells] * sequences


def _step(backend: Backend, batch: Batch, positions: list[int], each: int) -> float:
    """Time a step of several tokens of each of several sequences; more than one are what drafts come to."""
    batch.clear()
    for sequence, position in enumerate(positions):
        batch.add(sequence, position, [1] * each, each)
    began = time.perf_counter()
    backend.decode(batch)
    return time.perf_counter() - began


def cached_curve(key: Sequence[str], backend: Backend, most: int) -> CostCurve:
    """Return the curve of a model on this machine: from the user's cache directory, or measured and put there."""
    path = kept_file(key)
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return CostCurve(rows=tuple(stored["rows"]), seconds=tuple(stored["seconds"]))
    except (OSError, ValueError, KeyError, TypeError):
        curve = measure(backend, most)
    keep(path, asdict(curve))
    return curve


def kept_file(key: Sequence[str]) -> Path:
    """Return where what was measured under a name is kept: in the user's cache directory."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if home else Path.home() / ".cache") / "atlas" / "widths" / f"{'-'.join(key)}.json"


def keep(path: Path, measured: dict[str, Any]) -> None:
    """Write what was measured, whole or not at all; where that cannot be, it is measured again next time."""
    scratch = path.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_text(json.dumps(measured), encoding="utf-8")
        scratch.replace(path)
