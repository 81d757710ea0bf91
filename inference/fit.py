"""Choose how a model is loaded on a machine, before loading it, and say what to change where it does not fit.

The order of preference: every layer on the GPU with as many cells as k programs can use; every layer with fewer cells,
so that some programs wait for others; fewer layers on the GPU; the processor alone. A GPU that the installed llama.cpp
cannot use does not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from inference.footprint import KV_TYPES, Footprint, KvType, Load, ModelShape, footprint
from inference.machine import Machine

FlashAttention = Literal["auto", "on", "off"]

MAIN_SHARE = 0.9
"""Share of the free main memory that a model may take; the rest is for programs in the sandbox and for the system."""
CPU_BATCH, GPU_BATCH = 128, 512
CPU_CONTEXTS = 4
"""Most whole contexts that a processor's cache holds: without flash attention the compute buffer grows with cells and
heads, to gigabytes."""
GIB = 1 << 30
_CELLS = 256
_LEAST_CONTEXT = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a user asks of a model."""

    context_tokens: int
    """Longest prompt and answer together."""
    k: int = 1
    """Programs that should decode side by side."""
    kv_type: KvType = "f16"
    flash_attention: FlashAttention = "auto"
    gpu_layers: int = -1
    """-1: as many as fit."""
    sequences: int = 1
    """Texts that the engine keeps, live and cold."""
    batch: int = 0
    """Rows in one pass at least; no fewer than suit the processor or the GPU."""
    outputs: int = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A way to load a model, what it takes and what there is; bytes."""

    load: Load
    main: Footprint
    gpu: Footprint
    main_free: int
    gpu_free: int

    @property
    def fits(self) -> bool:
        """Whether both memories suffice."""
        return self.main.total <= self.main_free and self.gpu.total <= self.gpu_free


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One change of the settings that makes a model fit, or fit better."""

    settings: tuple[tuple[str, str | int], ...]
    fit: Fit

    def __str__(self) -> str:
        """Return the lines for `atlas.toml`, joined."""
        return ", ".join(
            f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {value}" for name, value in self.settings
        )


def fit(shape: ModelShape, wish: Wish, machine: Machine) -> Fit:
    """Return the best way to load a model that fits; where none does, the one with the fewest layers on the GPU."""
    choices = [
        _fit(shape, wish, machine, cells=wish.context_tokens, layers=layers)
        for layers in _layer_choices(shape, wish, machine)
    ]
    best = next((choice for choice in choices if choice.fits), None)
    return _widest(shape, wish, machine, best) if best is not None else choices[-1]


def advice(shape: ModelShape, wish: Wish, machine: Machine) -> tuple[Advice, ...]:
    """Return the changes of one setting each that let a model fit, the mildest of each setting.

    Where one change is not enough, the first pair of a quantised cache and another change that is; empty: none.
    """
    changes = list(_changes(wish))
    found = [made for change in changes if (made := _advise(shape, wish, machine, change)) is not None]
    if not found:
        pairs = [{"kv_type": "q8_0", **change} for change in changes if "kv_type" not in change]
        found = [made for pair in pairs if (made := _advise(shape, wish, machine, pair)) is not None][:1]
    mildest = {tuple(name for name, _ in made.settings): made for made in reversed(found)}
    return tuple(reversed(mildest.values()))


def misfit(name: str, found: Fit, changes: Sequence[Advice]) -> str:
    """Return one line that says what a model lacks and what to change."""
    lacks = [
        f"{needs.total / GIB:.1f} GiB of {what}, {free / GIB:.1f} can be had"
        for what, needs, free in (
            ("main memory", found.main, found.main_free),
            ("GPU memory", found.gpu, found.gpu_free),
        )
        if needs.total > free
    ]
    mend = f"set {' or '.join(map(str, changes))}" if changes else "take a smaller quantisation or a smaller model"
    return f"{name} needs {' and '.join(lacks)}: {mend}"


def _layer_choices(shape: ModelShape, wish: Wish, machine: Machine) -> list[int]:
    everything = len(shape.layers) + 1
    if not machine.gpu_free:
        return [0]
    return [min(wish.gpu_layers, everything)] if wish.gpu_layers >= 0 else list(range(everything, -1, -1))


def _fit(shape: ModelShape, wish: Wish, machine: Machine, *, cells: int, layers: int) -> Fit:
    flash = wish.flash_attention == "on" or (wish.flash_attention == "auto" and (layers > 0 or wish.kv_type != "f16"))
    load = Load(
        cells=cells,
        sequences=wish.sequences,
        kv_type=wish.kv_type,
        flash_attention=flash,
        batch=max(wish.batch, GPU_BATCH if layers else CPU_BATCH),
        outputs=wish.outputs,
        gpu_layers=layers,
    )
    main, gpu = footprint(shape, load)
    free = int(machine.memory_free * MAIN_SHARE)
    return Fit(load=load, main=main, gpu=gpu, main_free=free, gpu_free=machine.gpu_free)


def _widest(shape: ModelShape, wish: Wish, machine: Machine, least: Fit) -> Fit:
    """Raise the cells from one context to k of them as far as they fit."""
    contexts = wish.k if least.load.gpu_layers else min(wish.k, CPU_CONTEXTS)
    low, high = wish.context_tokens // _CELLS, -(-wish.context_tokens * contexts // _CELLS)
    best = least
    while low < high:
        middle = (low + high + 1) // 2
        tried = _fit(shape, wish, machine, cells=middle * _CELLS, layers=least.load.gpu_layers)
        if tried.fits:
            best, low = tried, middle
        else:
            high = middle - 1
    return best


def _changes(wish: Wish) -> Iterator[dict[str, str | int]]:
    for kv_type in KV_TYPES[KV_TYPES.index(wish.kv_type) + 1 :]:
        yield {"kv_type": kv_type}
    context = wish.context_tokens // 2
    while context >= _LEAST_CONTEXT:
        yield {"context_tokens": context}
        context //= 2
    if wish.gpu_layers > 0:
        yield {"gpu_layers": -1}


def _advise(shape: ModelShape, wish: Wish, machine: Machine, change: dict[str, str | int]) -> Advice | None:
    changed = replace(wish, **change)  # type: ignore[arg-type]
    if changed.kv_type != "f16" and wish.flash_attention == "off":
        change = {**change, "flash_attention": "auto"}
        changed = replace(changed, flash_attention="auto")
    found = fit(shape, changed, machine)
    return Advice(settings=tuple(change.items()), fit=found) if found.fits else None
