"""How wide an engine is and how its cache is laid out, from the model's header and what was asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from hashlib import sha256

from inference.footprint import KvType
from inference.gguf_file import GgufHeader
from inference.llama import Layout, LlamaContext
from inference.width import blocks

ONE_SEARCH, MOST_WIDTH = 16, 64
"""Texts that one search decodes together at most, and many searches."""
_LEAST_ROWS = 256
"""On a processor longer batches read a prompt no faster, and over a shared cache by a tenth slower, as each row of a
batch attends to the cells of all."""
_MOST_CONTEXTS = 4
"""A large shared cache holds this many longest texts, or fewer if the width is less; a small one more."""
_STREAM_BYTES = 1 << 30
"""Sequences get cells of their own when all of them together take no more than this, unless more is offered."""
_LEAST_STREAMS = 8
"""Fewer sequences with cells of their own are no match for many that share theirs."""
_BYTES_PER_VALUE = 2
_SPARE_STREAMS = 2
_LEAST_OUTPUTS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Width:
    """How many texts are decoded together, and in what cache; zeros and None are chosen by model and machine."""

    most: int = 0
    """1 decodes alone and is reproducible; 0 takes the fastest number, measured once and kept."""
    up_to: int = ONE_SEARCH
    """Most texts that the fastest number is looked for among."""
    bytes: int = _STREAM_BYTES
    """Memory that sequences with cells of their own may take together."""
    repack: bool | None = None
    """Whether the weights are laid out anew for this processor when they are loaded; None takes what is faster here."""
    cells: int = 0
    """Tokens that a shared cache holds."""
    streams: bool | None = None
    """True gives each sequence cells of its own: more memory, faster for long texts over short prompts. None takes what
    decodes faster here at the lengths that are expected (`inference/lanes.py`), where memory allows both."""
    kv_type: KvType = "f16"
    """Type of the cache; a quantised one needs flash attention."""
    flash_attention: bool | None = None
    """None: on a GPU, and on a processor where sequences have cells of their own."""

    @property
    def texts(self) -> int:
        """Most texts that are decoded together."""
        return self.most or self.up_to


def layout_for(header: GgufHeader, context: int, segment: int, width: Width) -> Layout:
    """Return the layout for a width; alone, one sequence that keeps the last prompt is all there is.

    `segment` is how much of a prompt is read at once alone.
    """
    if width.most == 1:
        alone = Layout(sequences=1, cells=context, rows=segment, outputs=segment, unified=True)
        return replace(alone, kv_type=width.kv_type, flash_attention=width.flash_attention)
    most, each = width.texts, max(1, context * _cell_bytes(header))
    sequences = most + _SPARE_STREAMS
    roomy = sequences * each <= _STREAM_BYTES
    streams = width.streams
    if streams is None:
        fitting = width.bytes // each
        streams = not width.cells and fitting >= min(sequences, _LEAST_STREAMS + _SPARE_STREAMS)
        sequences = min(sequences, fitting) if streams else sequences
    shared = max(context, width.cells or (sequences // 2 if roomy else min(most, _MOST_CONTEXTS)) * context)
    return Layout(
        sequences=sequences if streams else 2 * most + _SPARE_STREAMS,
        cells=sequences * context if streams else shared,
        rows=max(_LEAST_ROWS, segment),
        outputs=max(_LEAST_OUTPUTS, most),
        unified=not streams,
        kv_type=width.kv_type,
        flash_attention=width.flash_attention,
    )


def _cell_bytes(header: GgufHeader) -> int:
    """Return the bytes of keys and values of one token."""
    architecture = header.architecture
    heads = header.number(f"{architecture}.attention.head_count", 1)
    width = header.number(f"{architecture}.embedding_length") // max(1, heads)
    key = header.number(f"{architecture}.attention.key_length", width)
    value = header.number(f"{architecture}.attention.value_length", width)
    groups = header.number(f"{architecture}.attention.head_count_kv", heads)
    return header.number(f"{architecture}.block_count") * groups * (key + value) * _BYTES_PER_VALUE


def build_key(layout: Layout, context: int, gpu_layers: int, threads: int, *, repack: bool) -> str:
    """Return a name for what besides the model decides the cost of a step and how well it can be measured."""
    cache = (layout.unified, layout.kv_type, layout.flash(on_gpu=gpu_layers != 0))
    # How many sequences memory allows changes from day to day, and next to nothing of what a step costs.
    measured = layout.outputs, blocks(min(context, layout.cells))
    facts = (LlamaContext.build(), cache, measured, gpu_layers, threads, os.cpu_count(), repack)
    return sha256(repr(facts).encode()).hexdigest()[:16]
