"""Random weights in the blocks of Q4_K and Q6_K, which the gguf package reads and does not write.

A block's bytes are drawn as they are stored; its two scales are set so that the weights have mean 0 and a given spread.
Only a few thousand blocks are drawn and then repeated: speed does not depend on what they say.
"""

from __future__ import annotations

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from numpy.typing import NDArray

_BLOCK = 256
_DRAWN = 4096
_Q4_SPREAD, _Q4_MEAN = 257.0, 7.5
"""Standard deviation of a Q4_K weight in units of its scale, and what its minimum must be for a mean of 0."""
_Q6_SPREAD = 1365.0


def mixture(name: str, blocks: int) -> Type:
    """Return the type that Q4_K_M gives a matrix: Q6_K to the head and half of the value and down projections."""
    if name == "output.weight":
        return Type.Q6_K
    if not name.endswith(("attn_v.weight", "ffn_down.weight")):
        return Type.Q4_K
    layer, eighth = int(name.split(".")[1]), blocks // 8
    finer = layer < eighth or layer >= 7 * blocks // 8 or (layer - eighth) % 3 == 2
    return Type.Q6_K if finer else Type.Q4_K


def random_rows(kind: Type, shape: tuple[int, ...], spread: float, draw: np.random.Generator) -> NDArray[np.uint8]:
    """Return a matrix of a shape (rows, columns) as bytes, shape (rows, bytes of a row)."""
    block_bytes = gguf.GGML_QUANT_SIZES[kind][1]
    drawn = draw.integers(0, 256, (_DRAWN, block_bytes), np.uint8)
    if kind == Type.Q4_K:
        scale = spread / _Q4_SPREAD
        drawn[:, :4] = np.array([scale, _Q4_MEAN * scale], np.float16).view(np.uint8)
    else:
        drawn[:, -2:] = np.array([spread / _Q6_SPREAD], np.float16).view(np.uint8)
    rows, columns = shape
    return np.resize(drawn.reshape(-1), rows * columns // _BLOCK * block_bytes).reshape(rows, -1)
