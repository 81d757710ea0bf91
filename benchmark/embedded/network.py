"""The embedded model's network in PyTorch: a small Qwen3 (RMSNorm, QK-norm, rotary positions, SwiGLU, grouped queries).

Attention is written out, which is faster on CPU cores at these lengths than the fused kernel. Embeddings are tied.
Needs the `train` extra.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmark.embedded.sizes import Dimensions


def rotary(size: Dimensions) -> tuple[Tensor, Tensor]:
    """Return cosine and sine tables, [context, head width / 2]."""
    half = size.head_width // 2
    inverse = size.rope_base ** (-torch.arange(half, dtype=torch.float64) / half)
    angles = torch.arange(size.context, dtype=torch.float64)[:, None] * inverse[None, :]
    return angles.cos().float(), angles.sin().float()


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn [rows, heads, length, head width] by position; halves are paired, not neighbours."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)


class Block(nn.Module):  # type: ignore[misc]
    """Attention and feed-forward, each behind a norm."""

    def __init__(self, size: Dimensions) -> None:
        super().__init__()
        d, head = size.width, size.head_width
        self.size = size
        self.attn_norm = nn.Parameter(torch.ones(d))
        self.attn_q = nn.Linear(d, size.heads * head, bias=False)
        self.attn_k = nn.Linear(d, size.key_value_heads * head, bias=False)
        self.attn_v = nn.Linear(d, size.key_value_heads * head, bias=False)
        self.attn_q_norm = nn.Parameter(torch.ones(head))
        self.attn_k_norm = nn.Parameter(torch.ones(head))
        self.attn_output = nn.Linear(size.heads * head, d, bias=False)
        self.ffn_norm = nn.Parameter(torch.ones(d))
        self.ffn_gate = nn.Linear(d, size.hidden, bias=False)
        self.ffn_up = nn.Linear(d, size.hidden, bias=False)
        self.ffn_down = nn.Linear(size.hidden, d, bias=False)

    def _norm(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.rms_norm(x.float(), weight.shape, weight, self.size.epsilon)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor, mask: Tensor) -> Tensor:
        """Return the residual stream, [rows, length, width]."""
        x = x + self._attention(self._norm(x, self.attn_norm), cosine, sine, mask)
        y = self._norm(x, self.ffn_norm)
        return x + self.ffn_down(F.silu(self.ffn_gate(y)) * self.ffn_up(y))

    def _attention(self, x: Tensor, cosine: Tensor, sine: Tensor, mask: Tensor) -> Tensor:
        rows, length, _ = x.shape
        head = self.size.head_width
        q = self.attn_q(x).view(rows, length, self.size.heads, head).transpose(1, 2)
        k = self.attn_k(x).view(rows, length, self.size.key_value_heads, head).transpose(1, 2)
        v = self.attn_v(x).view(rows, length, self.size.key_value_heads, head).transpose(1, 2)
        q = rotate(self._norm(q, self.attn_q_norm), cosine, sine).to(v.dtype)
        k = rotate(self._norm(k, self.attn_k_norm), cosine, sine).to(v.dtype)
        group = self.size.heads // self.size.key_value_heads
        k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
        scores = torch.softmax((q * head**-0.5) @ k.transpose(-1, -2) + mask, dim=-1)
        return self.attn_output((scores.to(v.dtype) @ v).transpose(1, 2).reshape(rows, length, -1))


class Network(nn.Module):  # type: ignore[misc]
    """Tokens to logits."""

    cosine: Tensor
    sine: Tensor

    def __init__(self, size: Dimensions) -> None:
        super().__init__()
        self.size = size
        self.token_embd = nn.Embedding(size.vocabulary, size.width)
        self.blk = nn.ModuleList(Block(size) for _ in range(size.layers))
        self.output_norm = nn.Parameter(torch.ones(size.width))
        cosine, sine = rotary(size)
        self.register_buffer("cosine", cosine, persistent=False)
        self.register_buffer("sine", sine, persistent=False)
        self._initialise()

    def _initialise(self) -> None:
        nn.init.normal_(self.token_embd.weight, std=0.02)
        for name, weight in self.blk.named_parameters():
            if weight.ndim == 2:
                late = name.endswith(("attn_output.weight", "ffn_down.weight"))
                nn.init.normal_(weight, std=weight.shape[1] ** -0.5 * (0.3 if late else 0.7))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits [rows, length, vocabulary] for tokens [rows, length]."""
        length = tokens.shape[1]
        mask = torch.full((length, length), float("-inf")).triu(1)
        cosine, sine = self.cosine[:length], self.sine[:length]
        x = self.token_embd(tokens)
        if torch.is_autocast_enabled("cpu"):
            mask = mask.to(torch.bfloat16)
        for block in self.blk:
            x = block(x, cosine, sine, mask)
        x = F.rms_norm(x.float(), self.output_norm.shape, self.output_norm, self.size.epsilon)
        return F.linear(x, self.token_embd.weight)


def named_arrays(network: Network) -> dict[str, NDArray[np.float32]]:
    """Return the weights as arrays, under their GGUF tensor names without `.weight`."""
    state = network.state_dict()
    return {name.removesuffix(".weight"): tensor.float().numpy() for name, tensor in state.items()}
