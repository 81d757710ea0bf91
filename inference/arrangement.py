"""Which kernels and which cache a model is opened with, by what a step costs in each on this machine.

Two things are measured at first use and kept with the curves (`inference/width.py`): llama.cpp can lay the weights out
anew for the processor (`use_extra_bufts`), which makes steps of few texts faster and on some processors those of many
texts, and prompts, slower; and sequences share their cells or have cells of their own (`inference/lanes.py`). The
weights are never in memory twice.

Limits: with one text at a time nothing is measured, so that a text depends on nothing that was. One search takes the
weights as llama.cpp lays them out: for its few texts the kernels differ little, and to load and time a model twice
would take longer than the search. A file of less than 100 MB is too small for its layout to matter.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from inference.gguf_file import GgufHeader
from inference.lanes import streams_pay
from inference.layout import ONE_SEARCH, Width, build_key, layout_for
from inference.llama import Layout, LlamaContext
from inference.width import CostCurve, cached_curve

_LEAST_WEIGHTS = 100 << 20
_PROMPT, _TEXT, _SHARED_BY = 400, 200, 8
"""Tokens of a prompt and of a text, and texts that share a prompt, for which the kernels are compared: a search's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a model file is opened with, beside its cache."""

    path: Path
    header: GgufHeader
    context: int
    """Longest prompt and text together."""
    gpu_layers: int
    threads: int
    segment: int
    """How much of a prompt is read at once where one text is decoded at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """How a model is opened."""

    layout: Layout
    repack: bool
    curve: CostCurve | None
    """What a step costs so; None where one text is decoded at a time."""


def arrangement(machine: Machine, width: Width) -> Arrangement:
    """Return the fastest way to open a model, from what was measured before or is measured now.

    Raises:
        ModelError: llama.cpp refuses the file, or memory does not suffice.
    """
    layout = layout_for(machine.header, machine.context, machine.segment, width)
    if width.texts == 1:
        return Arrangement(layout=layout, repack=width.repack is not False, curve=None)
    measured = partial(_curve, machine, width.texts)
    repack = _repacks(machine, width, partial(measured, layout, brief=True))
    curve = measured(layout, repack)
    if width.streams is None and not layout.unified:
        shared = layout_for(machine.header, machine.context, machine.segment, replace(width, streams=False))
        widths = range(width.most or 1, layout.sequences + 1)
        with_shared = measured(shared, repack)
        if not streams_pay(machine.context, widths, with_shared, curve):
            return Arrangement(layout=shared, repack=repack, curve=with_shared)
    return Arrangement(layout=layout, repack=repack, curve=curve)


def _repacks(machine: Machine, width: Width, measured: Callable[[bool], CostCurve]) -> bool:
    """Say whether weights that are laid out anew serve a search faster than those of the file."""
    if width.repack is not None:
        return width.repack
    if width.texts <= ONE_SEARCH or LlamaContext.uses_gpu(machine.gpu_layers):
        return True
    if machine.path.stat().st_size < _LEAST_WEIGHTS:
        return True
    return seconds_of(measured(True), width.texts) <= seconds_of(measured(False), width.texts)


def seconds_of(curve: CostCurve, texts: int) -> float:
    """Return the seconds in which some texts of a search are written, at the best number of them at a time."""
    prompts = -(-texts // _SHARED_BY) * _PROMPT * curve.read
    each = min(curve.cost(rows, _PROMPT + _TEXT / 2) / rows for rows in range(1, texts + 1))
    return prompts + texts * _TEXT * each


def _curve(machine: Machine, texts: int, layout: Layout, repack: bool, *, brief: bool = False) -> CostCurve:
    build = build_key(layout, machine.context, machine.gpu_layers, machine.threads, repack=repack)

    def open_() -> closing[LlamaContext]:
        return closing(opened(machine, layout, repack=repack))

    on_gpu = LlamaContext.uses_gpu(machine.gpu_layers)
    key = machine.header.fingerprint[:24], build
    return cached_curve(key, open_, texts, machine.context, brief=brief, on_gpu=on_gpu)


def opened(machine: Machine, layout: Layout, *, repack: bool) -> LlamaContext:
    """Load a model.

    Raises:
        ModelError: llama.cpp refuses the file, or memory does not suffice.
    """
    return LlamaContext(
        machine.path, layout=layout, gpu_layers=machine.gpu_layers, threads=machine.threads, repack=repack
    )
