"""A NumPy forward pass of a `qwen3` GGUF file, to check an engine against; slow, and nothing but clear.

It reads sizes and tensors from the file itself (F32 or Q8_0). Limits: one sequence, no cache, tied embeddings.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

from benchmark.embedded.sizes import Dimensions

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceModel:
    """Sizes and weights of a file."""

    size: Dimensions
    weights: dict[str, Array]
    """By tensor name without `.weight`; Q8_0 is unpacked."""


def read_model(path: Path) -> ReferenceModel:
    """Return the model of a GGUF file."""
    reader = gguf.GGUFReader(str(path))

    def number(key: str) -> float:
        return float(reader.get_field(f"qwen3.{key}").contents())

    weights = {t.name.removesuffix(".weight"): _unpacked(t) for t in reader.tensors}
    size = Dimensions(
        vocabulary=weights["token_embd"].shape[0],
        width=int(number("embedding_length")),
        layers=int(number("block_count")),
        heads=int(number("attention.head_count")),
        key_value_heads=int(number("attention.head_count_kv")),
        hidden=int(number("feed_forward_length")),
        context=int(number("context_length")),
        rope_base=number("rope.freq_base"),
        epsilon=number("attention.layer_norm_rms_epsilon"),
    )
    return ReferenceModel(size=size, weights=weights)


def _unpacked(tensor: gguf.ReaderTensor) -> Array:
    return np.array(gguf.quants.dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)


def logits(model: ReferenceModel, tokens: NDArray[np.int64]) -> Array:
    """Return the logits [length, vocabulary] of a sequence of token ids."""
    size, w = model.size, model.weights
    x = w["token_embd"][tokens]
    half = size.head_width // 2
    angles = np.arange(len(tokens))[:, None] * size.rope_base ** (-np.arange(half) / half)[None, :]
    turn = (np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32))
    for i in range(size.layers):
        own = {name.removeprefix(f"blk.{i}."): a for name, a in w.items() if name.startswith(f"blk.{i}.")}
        x = x + _attention(size, own, _norm(x, own["attn_norm"], size.epsilon), turn)
        y = _norm(x, own["ffn_norm"], size.epsilon)
        gate = y @ own["ffn_gate"].T
        x = x + (gate / (1 + np.exp(-gate)) * (y @ own["ffn_up"].T)) @ own["ffn_down"].T
    return _norm(x, w["output_norm"], size.epsilon) @ w["token_embd"].T


def _norm(x: Array, weight: Array, epsilon: float) -> Array:
    return np.asarray(x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + epsilon) * weight, dtype=np.float32)


def _rotate(x: Array, turn: tuple[Array, Array]) -> Array:
    cosine, sine = (t[:, None, :] for t in turn)
    first, second = np.split(x, 2, axis=-1)
    return np.concatenate((first * cosine - second * sine, second * cosine + first * sine), axis=-1)


def _attention(size: Dimensions, own: dict[str, Array], x: Array, turn: tuple[Array, Array]) -> Array:
    length, head = len(x), size.head_width
    q = (x @ own["attn_q"].T).reshape(length, size.heads, head)
    k = (x @ own["attn_k"].T).reshape(length, size.key_value_heads, head)
    v = (x @ own["attn_v"].T).reshape(length, size.key_value_heads, head)
    q = _rotate(_norm(q, own["attn_q_norm"], size.epsilon), turn)
    k = _rotate(_norm(k, own["attn_k_norm"], size.epsilon), turn)
    group = size.heads // size.key_value_heads
    k, v = np.repeat(k, group, axis=1), np.repeat(v, group, axis=1)
    scores = np.einsum("qhd,khd->hqk", q, k) * head**-0.5
    scores = np.where(np.tril(np.ones((length, length), dtype=bool)), scores, -np.inf)
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    scores = scores / scores.sum(axis=-1, keepdims=True)
    mixed: Array = np.einsum("hqk,khd->qhd", scores, v).reshape(length, -1) @ own["attn_output"].T
    return mixed
