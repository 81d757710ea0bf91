"""Muon for the matrices, AdamW for embedding and norms.

Muon (Jordan et al. 2024) replaces a matrix's momentum by its nearest orthogonal one, with five Newton-Schulz steps.
Needs the `train` extra.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

MUON_RATE = 0.02
ADAM_RATE = 0.003
DECAY = 0.03
MOMENTUM = 0.95
CLIP = 1.0


def orthogonal(gradient: Tensor) -> Tensor:
    """Return the orthogonal factor of a matrix, near enough, in bfloat16."""
    x = gradient.bfloat16()
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x.T if tall else x


class Optimiser:
    """Both optimisers with one relative learning rate."""

    def __init__(self, network: nn.Module) -> None:
        named = list(network.named_parameters())
        self.matrices = [p for name, p in named if p.ndim == 2 and "token_embd" not in name]
        self.others = [p for name, p in named if p.ndim != 2 or "token_embd" in name]
        self.momenta = [torch.zeros_like(p) for p in self.matrices]
        self.adam = torch.optim.AdamW(self.others, lr=ADAM_RATE, betas=(0.9, 0.95), weight_decay=0.0)

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def step(self, rate: float) -> None:
        """Apply the gradients with `rate` times the full learning rates, and clear them."""
        nn.utils.clip_grad_norm_(self.others, CLIP)
        for group in self.adam.param_groups:
            group["lr"] = ADAM_RATE * rate
        self.adam.step()
        for matrix, momentum in zip(self.matrices, self.momenta, strict=True):
            if matrix.grad is None:
                continue
            momentum.lerp_(matrix.grad, 1 - MOMENTUM)
            update = orthogonal(matrix.grad.lerp(momentum, MOMENTUM))
            scale = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
            matrix.mul_(1 - MUON_RATE * rate * DECAY)
            matrix.add_(update, alpha=-MUON_RATE * rate * scale)
        for parameter in (*self.matrices, *self.others):
            parameter.grad = None

    def state(self) -> dict[str, object]:
        """Return what a checkpoint needs."""
        return {"momenta": self.momenta, "adam": self.adam.state_dict()}

    def restore(self, state: dict[str, object]) -> None:
        """Take up what `state` returned."""
        momenta = state["momenta"]
        adam = state["adam"]
        if not isinstance(momenta, list) or not isinstance(adam, dict):
            raise TypeError("not an optimiser state")
        for own, saved in zip(self.momenta, momenta, strict=True):
            own.copy_(saved)
        self.adam.load_state_dict(adam)
