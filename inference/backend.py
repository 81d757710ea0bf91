"""The seam below the engine: what a machine that decodes several token sequences must offer.

Two implementations: llama.cpp (`inference/llama.py`) and a deterministic toy (`inference/toy.py`), over which the
scheduler is tested without a model file. Every limit of `Shape` is checked by the caller; a back end may end the
process when one is broken, as llama.cpp does.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Protocol

from inference.base import ModelError
from inference.outputs import Outputs, Row


class NoRoomError(ModelError):
    """The cache has no cells for a batch; nothing was decoded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The limits of a back end."""

    sequences: int
    """Sequence ids 0 .. sequences-1."""
    cells: int
    """Tokens that the cache holds, over all sequences."""
    context: int
    """Most tokens of one sequence."""
    rows: int
    """Most tokens in one batch."""
    outputs: int
    """Most rows of a batch whose logits are wanted."""
    vocabulary: int
    shares_cells: bool
    """A copied prefix takes no cells of its own; otherwise every sequence has `context` cells to itself."""
    can_fork: bool
    """Prefixes can be copied and ends removed; False for recurrent, hybrid and sliding-window models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How tokens are drawn: penalties, top_k, top_p, min_p, temperature, draw; greedy at temperature 0."""

    temperature: float = 0.8
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    seed: int = 0
    repeat_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    banned: tuple[int, ...] = ()
    """Tokens that are never drawn."""

    @property
    def penalises(self) -> bool:
        """Whether earlier tokens change what is drawn."""
        return (self.repeat_penalty, self.presence_penalty, self.frequency_penalty) != (1.0, 0.0, 0.0)


class Sampler(Protocol):
    """Draws the tokens of one sequence; keeps the state of its random numbers and penalties."""

    def draw(self, outputs: Outputs, at: int) -> int:
        """Draw a token from a row of logits, which is left as it was."""

    def close(self) -> None:
        """Free what the sampler holds."""


class Grammar(Protocol):
    """What one answer may still say."""

    def allows(self, token: int) -> bool:
        """Say whether a token may come next."""

    def accept(self, token: int) -> None:
        """Advance by a token that `allows` said yes to."""

    def masked(self, row: Row) -> Row | None:
        """Return a copy of a row with every forbidden token at minus infinity; None when nothing is allowed."""

    def close(self) -> None:
        """Free what the grammar holds."""


class Batch:
    """Rows of one decoding step in arrays that are made once and stay where they are; filled anew for each step.

    Plain arrays: after a step the processor's caches are cold, and what NumPy does for sixteen numbers is more code.
    """

    def __init__(self, rows: int) -> None:
        """Reserve `rows` rows."""
        self.tokens, self.positions, self.sequences = (array("i", [0]) * rows for _ in range(3))
        self.wanted = array("b", [0]) * rows
        self._ones = array("b", [1]) * rows
        self.size = 0
        self.outputs = 0

    def clear(self) -> None:
        """Start an empty batch."""
        self.size = self.outputs = 0

    def add(self, sequence: int, position: int, tokens: list[int], wanted: int) -> int:
        """Append tokens of one sequence and want the logits of the last `wanted`; return the place of their first."""
        count, place = len(tokens), self.outputs
        self.add_rows([sequence] * count, list(range(position, position + count)), tokens)
        if count > wanted:
            self.wanted[self.size - count : self.size - wanted] = array("b", [0]) * (count - wanted)
        self.outputs = place + wanted
        return place

    def add_rows(self, sequences: list[int], positions: list[int], tokens: list[int]) -> None:
        """Append one wanted token for each of several sequences.

        Raises:
            ValueError: there are more than rows.
        """
        start, end = self.size, self.size + len(tokens)
        if end > len(self.tokens):
            raise ValueError(f"a batch of {len(self.tokens)} rows was to hold {end}")
        self.tokens[start:end] = array("i", tokens)
        self.sequences[start:end] = array("i", sequences)
        self.positions[start:end] = array("i", positions)
        self.wanted[start:end] = self._ones[: end - start]
        self.size = end
        self.outputs += end - start


class Backend(Protocol):
    """A model and its cache; used by one thread at a time, except for the vocabulary."""

    @property
    def shape(self) -> Shape:
        """The limits."""

    def decode(self, batch: Batch, *, hidden: bool = False) -> None:
        """Evaluate a batch; `hidden` makes the states of its rows available as well, all of which must be wanted.

        Raises:
            NoRoomError: the cache is full; nothing was changed.
            ModelError: the back end failed.
        """

    def outputs(self) -> Outputs:
        """Return a view of the logits of the wanted rows of the last batch, valid until the next one."""

    def hidden(self, at: int) -> Row:
        """Return a view of the state of a wanted row of the last batch, which was decoded with `hidden`."""

    def copy(self, source: int, target: int, length: int) -> None:
        """Make an empty sequence begin with the first `length` tokens of another."""

    def trim(self, sequence: int, length: int) -> None:
        """Forget all tokens of a sequence but the first `length`; any length but 0 needs `can_fork`."""

    def sampler(self, sampling: Sampling) -> Sampler:
        """Return a sampler."""

    def grammar(self, text: str) -> Grammar:
        """Return a GBNF grammar at its start.

        Raises:
            ModelError: the text is no grammar, or the back end has none.
        """

    def piece(self, token: int) -> bytes:
        """Return a token's text, which need not be whole characters; control tokens have none."""

    def ends_text(self, token: int) -> bool:
        """Say whether a token ends the generation."""

    def close(self) -> None:
        """Free everything."""
