"""How many sequences to decode at a time, from the measured cost of a step.

The cost of a step is not proportional to its rows and on some machines not even near it (two rows of a Q8_0 model on a
CPU cost three times one row, eight cost five times), so no constant is right: t(k) is measured at first use and kept.
It is measured over a short cache and over a longer one. Where sequences share a cache each row attends to the cells of
all of them, so that a small model writes sixteen texts sooner as four times four: then twelve are not in the way.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass
from itertools import combinations, pairwise
from pathlib import Path
from statistics import median
from typing import Any

from inference.backend import Backend, Batch

MEASURED = (1, 2, 4, 8, 16, 24, 32, 48, 64)
_ROUNDS = 64
"""What else the machine does comes and goes; the least of several rounds is what a step costs."""
_LEAST_ROUNDS, _SECONDS, _MOST_SECONDS = 3, 1.0, 3.0
"""Rounds end after the first number of seconds when there were some, and after the second in any case."""
_LONGEST, _LONGEST_SLOW = 1024, 512
"""Cells over which steps are timed, beside a short cache; fewer where a model reads slowly."""
_BLOCK = 256
"""llama.cpp attends to the cells in use rounded up to a multiple of this; both lengths lie in the upper half of one."""
_UNFORKED = 32
"""Tokens of each sequence where all must be read one by one."""
_SLOW_SECONDS, _MOST_READ_SECONDS = 0.5, 6.0
"""A model that reads 128 tokens in more than the first is slow; in more than the second, its machine is hardly fit for
it, and what a cell costs is not timed: that would take minutes."""
_UNDISTURBED = 0.9
"""Share of the wall time that the thread which asks for steps computes where nothing else does: 0.97 and more."""
_MOST_DRAFTED = 16
_STRIDE = 7919


@dataclass(frozen=True, slots=True, kw_only=True)
class CostCurve:
    """Seconds of a decoding step by its rows, linear in between and beyond, and by the cells that a row attends to."""

    rows: tuple[int, ...]
    seconds: tuple[float, ...]
    """Over an empty cache, or a short one where `per_cell` is not known."""
    per_cell: tuple[float, float] | None = None
    """What a cell that each row attends to adds to a step, and to each of its rows; None where it was not measured."""
    read: float = 0.0
    """Seconds for each token of a prompt; 0 where it was not measured."""

    def cost(self, rows: float, cells: float = 0.0) -> float:
        """Return the seconds of a step whose rows attend to so many cells each."""
        step, row = self.per_cell or (0.0, 0.0)
        return self._empty(rows) + cells * (step + row * rows)

    def _empty(self, rows: float) -> float:
        points = list(zip(self.rows, self.seconds, strict=True))
        if len(points) == 1 or rows <= points[0][0]:
            return points[0][1] * max(1.0, rows / points[0][0])
        for (x0, y0), (x1, y1) in pairwise(points):
            if rows <= x1:
                return y0 + (y1 - y0) * (rows - x0) / (x1 - x0)
        return max(y1, y0 + (y1 - y0) * (rows - x0) / (x1 - x0))


class WidthPolicy:
    """Which of the live sequences a step decodes: as many as are fastest together."""

    def __init__(self, most: int, curve: CostCurve | None = None, *, fixed: bool = False) -> None:
        """Allow at most `most` live sequences; without a curve, or when `fixed`, every width counts as good."""
        self.most = most
        self._curve = curve
        widths = range(1, most + 1)
        self._costs = [(curve.cost(rows), curve.cost(rows, 1.0)) for rows in widths] if curve and not fixed else []
        self._cells = 0.0
        self._seconds: list[float] = []
        self._rows: dict[int, int] = {}
        self.expect(0.0, [0.0] * most)

    def expect(self, cells: float, attended: Sequence[float]) -> None:
        """Choose anew.

        Args:
            cells: what a row attends to now.
            attended: what a row will attend to on average, when one, two, three ... of the texts are decoded together.
        """
        self._cells = cells
        self._rows.clear()
        self._seconds = [
            empty + (one - empty) * each for (empty, one), each in zip(self._costs, attended, strict=False)
        ]

    def rows(self, texts: int) -> int:
        """Return how many of some texts to decode in a step, so that all are written soonest: so many after so many.

        `expect` was told of as many texts.
        """
        if not self._costs:
            return min(texts, self.most)
        if texts not in self._rows:
            widths = range(1, min(texts, len(self._seconds)) + 1)
            # Of equal ones the widest, whose texts are done first.
            self._rows[texts] = min(reversed(widths), key=lambda rows: self._together(texts, rows), default=0)
        return self._rows[texts]

    def _together(self, texts: int, rows: int) -> float:
        """Return the seconds in which each of some texts gets a token."""
        left = texts % rows
        return texts // rows * self._seconds[rows - 1] + (self._seconds[left - 1] if left else 0.0)

    def worth(self, rows: int, expected: float) -> float:
        """Return the tokens per second of a step of so many rows that yields `expected` tokens."""
        return expected / self._curve.cost(rows, self._cells) if self._curve is not None else expected


def blocks(context: int) -> int:
    """Return over how many blocks of cells a step is timed in a context."""
    return min(context, _LONGEST) // _BLOCK


def measure(backend: Backend, most: int, context: int, *, brief: bool = False) -> CostCurve:
    """Time steps of 1, 2, 4 ... rows over short sequences and over longer ones, for a second or more each.

    The cache must be empty and is empty afterwards.

    Args:
        backend: what decodes.
        most: texts that are decoded together at most.
        context: tokens that the model can hold, however many cells there are.
        brief: over short sequences only.
    """
    shape = backend.shape
    sequences, longest = min(most, shape.sequences), min(context, shape.context)
    length = _BLOCK // 2 if shape.can_fork else _UNFORKED
    cells = max(1, min(length, longest // 2, shape.cells // sequences // 2))
    read_seconds = _read_seconds(backend, cells)
    slow = read_seconds > _SLOW_SECONDS
    # Wider steps than of one token for each text hold drafts, which a slow model has little use for.
    rows = sequences * (2 if slow else _MOST_DRAFTED)
    widths = [width for width in MEASURED if width <= min(shape.outputs, shape.rows, rows)]
    short = _timed(backend, sequences, widths, cells, longest)
    more = (blocks(min(longest, shape.cells, _LONGEST_SLOW if slow else _LONGEST)) - 1) * _BLOCK
    if brief or more <= 0 or not shape.can_fork or read_seconds > _MOST_READ_SECONDS:
        return CostCurve(rows=tuple(short), seconds=tuple(short.values()), read=read_seconds / cells)
    long = _timed(backend, sequences, list(short), cells + more, longest)
    # For each row, as a reading's error is a share of it: a line through the steps would be bent by the widest one.
    row, step = _line({1 / rows: (long[rows] - short[rows]) / more / rows for rows in short})
    # All widths of a round come to less than half a block, a quarter on average.
    seconds = [max(short[rows] / 2, short[rows] - (cells + _BLOCK // 4) * (step + row * rows)) for rows in short]
    return CostCurve(rows=tuple(short), seconds=tuple(seconds), per_cell=(step, row), read=read_seconds / cells)


def _line(points: dict[float, float]) -> tuple[float, float]:
    """Return intercept and slope, neither less than 0, of a line that heeds no stray point (Theil, Sen)."""
    slopes = [(y1 - y0) / (x1 - x0) for (x0, y0), (x1, y1) in combinations(points.items(), 2)]
    slope = max(0.0, median(slopes)) if slopes else 0.0
    return max(0.0, median(y - slope * x for x, y in points.items())), slope


def _read_seconds(backend: Backend, cells: int) -> float:
    began = time.perf_counter()
    _fill(backend, Batch(backend.shape.rows), 1, cells, again=False)
    backend.trim(0, 0)
    return time.perf_counter() - began


def _timed(backend: Backend, sequences: int, widths: Sequence[int], cells: int, longest: int) -> dict[int, float]:
    """Return the seconds of steps of several widths over sequences of a length, in rounds.

    The first round is always whole, as a width that was not timed would be guessed. The first step after a prompt takes
    twice as long and is not counted.
    """
    shape = backend.shape
    batch = Batch(shape.rows)
    forks = shape.can_fork
    if not forks or cells + 2 * max(widths) > shape.cells:
        longest = min(longest, shape.cells // sequences)
    timed: dict[int, float] = {}
    lengths = _fill(backend, batch, sequences, cells, again=False)
    _step(backend, batch, [cells], 1)
    lengths[0] += 1
    began = time.monotonic()
    for turn in range(1, _ROUNDS + 1):
        if forks or turn > 1:
            lengths = _fill(backend, batch, sequences, cells, again=True)
        for rows in widths:
            each = -(-rows // sequences)
            if lengths[0] + each > longest:
                break
            seconds = _step(backend, batch, lengths[: rows // each], each)
            timed[rows] = min(seconds, timed.get(rows, seconds))
            lengths[: rows // each] = [length + each for length in lengths[: rows // each]]
        if time.monotonic() - began > (_SECONDS if turn >= _LEAST_ROUNDS else _MOST_SECONDS):
            break
    for sequence in range(sequences):
        backend.trim(sequence, 0)
    return timed


def _fill(backend: Backend, batch: Batch, sequences: int, cells: int, *, again: bool) -> list[int]:
    """Bring sequences to a length, by cutting or copying where the cache can, else by reading anew."""
    forks, rows = backend.shape.can_fork, backend.shape.rows
    for sequence in range(sequences):
        if again:
            backend.trim(sequence, cells if forks else 0)
        if forks and not again and sequence:
            backend.copy(0, sequence, cells)
        elif not (forks and again):
            for at in range(0, cells, rows):
                batch.clear()
                batch.add(sequence, at, _tokens(backend, sequence, at, min(rows, cells - at)), 1)
                backend.decode(batch)
    return [cells] * sequences


def _tokens(backend: Backend, sequence: int, position: int, count: int) -> list[int]:
    """Return tokens that differ, as flash attention is faster where all scores are equal."""
    return [(_STRIDE * (at + sequence)) % backend.shape.vocabulary for at in range(position, position + count)]


def _step(backend: Backend, batch: Batch, positions: list[int], each: int) -> float:
    """Time a step of several tokens of each of several sequences; more than one are what drafts come to."""
    batch.clear()
    for sequence, position in enumerate(positions):
        batch.add(sequence, position, _tokens(backend, sequence, position, each), each)
    began = time.perf_counter()
    backend.decode(batch)
    return time.perf_counter() - began


def cached_curve(
    key: Sequence[str],
    open_: Callable[[], AbstractContextManager[Backend]],
    most: int,
    context: int,
    *,
    brief: bool = False,
    on_gpu: bool = False,
) -> CostCurve:
    """Return the curve of a model on this machine: from the user's cache directory, or measured and put there.

    What was measured on a processor while something else kept it busy is used this once and not kept.

    Args:
        key: names the model and all that decides its speed.
        open_: gives the back end, only where nothing is kept.
        most: texts that are decoded together at most.
        context: tokens that the model can hold.
        brief: over short sequences only.
        on_gpu: whether the thread that asks for a step only waits for it.
    """
    path = _kept_file([*key, "brief"] if brief else key)
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        step_and_row = stored["per_cell"]
        return CostCurve(
            rows=tuple(stored["rows"]),
            seconds=tuple(stored["seconds"]),
            per_cell=None if step_and_row is None else (float(step_and_row[0]), float(step_and_row[1])),
            read=float(stored["read"]),
        )
    except (OSError, ValueError, LookupError, TypeError):
        with open_() as backend:
            began, own = time.perf_counter(), time.thread_time()
            curve = measure(backend, most, context, brief=brief)
            share = (time.thread_time() - own) / (time.perf_counter() - began)
    if on_gpu or share >= _UNDISTURBED:
        _keep(path, asdict(curve))
    return curve


def _kept_file(key: Sequence[str]) -> Path:
    """Return where what was measured under a name is kept: in the user's cache directory."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if home else Path.home() / ".cache") / "atlas" / "widths" / f"{'-'.join(key)}.json"


def _keep(path: Path, measured: dict[str, Any]) -> None:
    """Write what was measured, whole or not at all; where that cannot be, it is measured again next time."""
    scratch = path.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_text(json.dumps(measured), encoding="utf-8")
        scratch.replace(path)
