"""Sizes of the embedded model's network."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimensions:
    """Sizes of the network."""

    vocabulary: int = 1024
    width: int = 256
    layers: int = 4
    heads: int = 4
    key_value_heads: int = 2
    hidden: int = 704
    """Width of the feed-forward part."""
    context: int = 1024
    rope_base: float = 10_000.0
    epsilon: float = 1e-6

    @property
    def head_width(self) -> int:
        """Width of one attention head."""
        return self.width // self.heads
