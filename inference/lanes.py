"""Shared cells or cells of their own: which decodes faster, measured once for a model on a machine and kept.

With shared cells every row of a step attends to the cells of all sequences (P + k g/2 of them on average, for a prompt
of P tokens and k texts of g), but the prompt's keys are read once for all rows. With cells of its own a row attends to
P + g/2, and reads them alone, by flash attention. Where one overtakes the other depends on machine and model, so both
are timed at the lengths that are expected.

Limits: the expectation is a quarter of the context for the prompt and an eighth for a text, which is what the search's
own requests come to; who knows better sets `Width.streams`. A model that reads a prompt slowly is not measured: its
weights outweigh its cache, and shared cells save memory.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from inference.backend import Backend, Batch
from inference.llama import Layout
from inference.width import keep, kept_file

_LONGEST = 1024, 512
_TOGETHER = 8
_STEPS = 12
_PROBE = 64
_MOST_SECONDS = 0.25
"""A model that needs longer for 64 tokens of a prompt is not measured."""


def expected_lengths(context: int) -> tuple[int, int]:
    """Return the tokens of a prompt and of a text that a context is likely made for."""
    return min(_LONGEST[0], context // 4), min(_LONGEST[1], context // 8)


def streams_pay(
    key: tuple[str, ...], context: int, layouts: tuple[Layout, Layout], open_: Callable[[Layout], Backend]
) -> bool:
    """Say whether cells of their own (the second layout) decode faster than shared ones (the first).

    Args:
        key: names the model and all that decides its speed, for the file in the user's cache directory.
        context: longest prompt and text together.
        layouts: with shared cells, and with cells of their own.
        open_: opens the model with a layout; it is closed again.

    Raises:
        ModelError: the model does not open.
    """
    path = kept_file((*key, "lanes"))
    try:
        return bool(json.loads(path.read_text(encoding="utf-8"))["streams"])
    except (OSError, ValueError, KeyError, TypeError):
        seconds = [_timed(open_(layout), context) for layout in layouts]
    pays = all(seconds) and seconds[1] < seconds[0]
    keep(path, {"streams": pays, "seconds": seconds})
    return pays


def _timed(backend: Backend, context: int) -> float:
    try:
        return step_seconds(backend, *expected_lengths(context))
    finally:
        backend.close()


def step_seconds(backend: Backend, prompt: int, text: int) -> float:
    """Return the seconds of a step over half-written texts with one prompt; 0 when the model is too slow to ask."""
    shape = backend.shape
    rows = min(_TOGETHER, shape.sequences, shape.outputs)
    batch = Batch(shape.rows)
    began = time.perf_counter()
    _read(backend, batch, 0, 0, min(_PROBE, prompt))
    if time.perf_counter() - began > _MOST_SECONDS or not shape.can_fork:
        return 0.0
    _read(backend, batch, 0, min(_PROBE, prompt), prompt)
    for sequence in range(1, rows):
        backend.copy(0, sequence, prompt)
    written = prompt + text // 2
    for sequence in range(rows):
        _read(backend, batch, sequence, prompt, written)
    return min(_step(backend, batch, rows, written + turn) for turn in range(_STEPS))


def _read(backend: Backend, batch: Batch, sequence: int, begin: int, end: int) -> None:
    for at in range(begin, end, backend.shape.rows):
        batch.clear()
        batch.add(sequence, at, [1] * (min(end, at + backend.shape.rows) - at), 0)
        backend.decode(batch)


def _step(backend: Backend, batch: Batch, rows: int, position: int) -> float:
    batch.clear()
    batch.add_rows(list(range(rows)), [position] * rows, [1] * rows)
    began = time.perf_counter()
    backend.decode(batch)
    return time.perf_counter() - began
