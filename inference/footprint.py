"""How much memory a model takes, worked out from its header before anything is loaded.

Three parts: the weights, the KV cache (cells x layers x widths of key and value, in the type the cache is kept in; a
fixed state per sequence in recurrent layers), and llama.cpp's compute buffer. The first two are exact for models whose
layers attend in the ordinary way (the tests compare them with what llama.cpp reports). The compute buffer follows a
formula fitted to llama.cpp 0.5.0 with Qwen3-14B, Qwen3-4B and Qwen2.5-7B shapes, and is within a tenth of what those
reserve; a GPU also loses what CUDA takes for itself, for which `CUDA_RESERVE` is set aside (assumed, not measured).

Limits: caches that are compressed or windowed (multi-head latent attention, sliding windows) are counted in full, so
that the estimate is too high there; vision parts are not counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

from inference.gguf_file import GgufHeader

KvType = Literal["f16", "q8_0", "q4_0"]
KV_TYPES: tuple[KvType, ...] = get_args(KvType)
"""From the largest to the smallest."""

CUDA_RESERVE = 512 << 20
_FLOAT = 4
_BLOCK = re.compile(r"blk\.([0-9]+)\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One block of a model; `key` and `value` are elements per cell, the others bytes."""

    weights: int
    key: int = 0
    value: int = 0
    state: int = 0
    """Of a recurrent layer, per sequence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """What of a model decides its memory; weights in bytes."""

    layers: tuple[Layer, ...]
    embedding: int
    """Weights of the token embedding, which stays in main memory."""
    output: int
    """Weights after the last layer."""
    tied: bool
    """Whether the embedding serves as output as well; a GPU then holds a copy of it."""
    width: int
    hidden: int
    heads: int
    vocabulary: int
    ordinary: bool = True
    """Whether every layer caches whole keys and values, or a state; otherwise the cache is counted too high."""

    @property
    def weights(self) -> int:
        """Bytes of all weights."""
        return self.embedding + sum(layer.weights for layer in self.layers) + self.output

    @property
    def recurrent(self) -> bool:
        """Whether a layer keeps a state instead of cells, so that prefixes cannot be shared."""
        return any(layer.state for layer in self.layers)

    @property
    def weights_alone(self) -> ModelShape:
        """The same model as if it needed neither cache nor compute buffer."""
        layers = tuple(Layer(weights=layer.weights) for layer in self.layers)
        return replace(self, layers=layers, width=0, hidden=0, heads=0, vocabulary=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How a model is to be loaded."""

    cells: int
    """Tokens that the KV cache holds, over all sequences."""
    sequences: int = 1
    kv_type: KvType = "f16"
    flash_attention: bool = False
    batch: int = 512
    """Rows in one pass (llama.cpp's n_ubatch)."""
    outputs: int = 32
    """Rows of a pass whose logits may be wanted."""
    gpu_layers: int = 0
    """As llama.cpp counts: 1 is the output alone, one more than the layers is everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """Bytes that one kind of memory must give."""

    weights: int
    cache: int
    compute: int

    @property
    def total(self) -> int:
        """All three."""
        return self.weights + self.cache + self.compute


def shape_of(header: GgufHeader) -> ModelShape:
    """Return a model's shape from its header."""
    blocks = [0] * header.number(f"{header.architecture}.block_count")
    output = 0
    embedding = 0
    for name, tensor in header.tensors.items():
        found = _BLOCK.match(name)
        if found and int(found[1]) < len(blocks):
            blocks[int(found[1])] += tensor.size
        elif name.startswith("token_embd."):
            embedding += tensor.size
        else:
            output += tensor.size
    return ModelShape(
        layers=tuple(_layer(header, index, weights) for index, weights in enumerate(blocks)),
        embedding=embedding,
        output=output,
        tied="output.weight" not in header.tensors,
        width=_value(header, "embedding_length"),
        hidden=_hidden(header),
        heads=_value(header, "attention.head_count"),
        vocabulary=len(header.tokens),
        ordinary=not any(_value(header, f"attention.{name}") for name in ("kv_lora_rank", "sliding_window")),
    )


def cache_bytes(layers: Sequence[Layer], load: Load) -> int:
    """Return the bytes of the KV cache, and of recurrent states, of some layers."""
    block: int
    size: int
    block, size = GGML_QUANT_SIZES[GGMLQuantizationType[load.kv_type.upper()]]
    cells = padded(load.cells)
    rows = sum(-(-layer.key // block) + -(-layer.value // block) for layer in layers)
    return cells * rows * size + load.sequences * sum(layer.state for layer in layers)


def compute_bytes(shape: ModelShape, load: Load) -> int:
    """Return the bytes of llama.cpp's compute buffer: the largest of its stages."""
    cells, row = padded(load.cells), load.batch * _FLOAT
    feed_forward = row * (3 * shape.hidden + 4 * shape.width)
    logits = logit_bytes(shape, load) + 2 * row * shape.width
    if load.flash_attention:
        return max(feed_forward + cells * load.batch * 2, logits)
    return max(feed_forward, row * (cells * (shape.heads + 1) + 6 * shape.width), logits)


def logit_bytes(shape: ModelShape, load: Load) -> int:
    """Return the bytes of the logits that one pass may give."""
    return min(load.outputs, load.batch) * shape.vocabulary * _FLOAT


def footprint(shape: ModelShape, load: Load) -> tuple[Footprint, Footprint]:
    """Return what main memory and the GPUs must give.

    Layers go to the GPU from the last one backwards, the output first; the token embedding stays in main memory, and
    without any layer on a GPU everything does.
    """
    count = len(shape.layers)
    taken = min(max(load.gpu_layers, 0), count + 1)
    first = count - max(0, taken - 1)
    here, there = shape.layers[:first], shape.layers[first:]
    compute = compute_bytes(shape, load)
    main = Footprint(
        weights=shape.embedding + (0 if taken else shape.output) + sum(layer.weights for layer in here),
        cache=cache_bytes(here, load),
        compute=logit_bytes(shape, load) + (compute if here else load.batch * shape.width * _FLOAT),
    )
    if not taken:
        return main, Footprint(weights=0, cache=0, compute=0)
    gpu = Footprint(
        weights=shape.output + (shape.embedding if shape.tied else 0) + sum(layer.weights for layer in there),
        cache=cache_bytes(there, load),
        compute=compute + CUDA_RESERVE,
    )
    return main, gpu


def padded(cells: int) -> int:
    """Return the cells that llama.cpp allocates: the next multiple of 256."""
    return -(-cells // 256) * 256


def _layer(header: GgufHeader, index: int, weights: int) -> Layer:
    interval = _value(header, "full_attention_interval")
    if state := _recurrent_state(header):
        attends = (index + 1) % interval == 0 if interval else _value(header, "attention.head_count_kv", index, 0) > 0
        if not attends:
            return Layer(weights=weights, state=state)
    heads = _value(header, "attention.head_count", index)
    cached_heads = _value(header, "attention.head_count_kv", index, heads)
    head = _value(header, "embedding_length") // heads if heads else 0
    return Layer(
        weights=weights,
        key=cached_heads * _value(header, "attention.key_length", index, head),
        value=cached_heads * _value(header, "attention.value_length", index, head),
    )


def _recurrent_state(header: GgufHeader) -> int:
    """Return the bytes that a state-space layer keeps per sequence, in floats: its convolution and its state."""
    inner, state = _value(header, "ssm.inner_size"), _value(header, "ssm.state_size")
    columns = max(0, _value(header, "ssm.conv_kernel") - 1)
    groups = _value(header, "ssm.group_count")
    return _FLOAT * (columns * (inner + 2 * groups * state) + state * inner)


def _hidden(header: GgufHeader) -> int:
    """Return the widest inner layer of a pass; of experts, those that one token uses."""
    experts = _value(header, "expert_used_count") * _value(header, "expert_feed_forward_length")
    return max(_value(header, "feed_forward_length"), experts)


def _value(header: GgufHeader, name: str, index: int = 0, default: int = 0) -> int:
    """Return a number of the architecture, per layer where the file lists one for each."""
    key = f"{header.architecture}.{name}"
    listed = header.lists.get(key)
    if listed is None:
        return header.number(key, default)
    value = listed[index] if index < len(listed) else default
    return value if isinstance(value, int) else default
