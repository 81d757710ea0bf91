"""`ToyBackend`: a deterministic model in NumPy with a real cache, over which the scheduler is tested.

Its vocabulary is the 256 bytes and three marks. Each cell holds a token, its position and a state that depends on every
token before it, as keys and values do; a row's logits are drawn from its state. So a sequence that reads a wrong, a
missing or a stranger's cell says something else, and a batch gives each sequence exactly what it gets alone. Everything
that llama.cpp answers with an assertion is an error here.

`copies` makes the model go on as its context did after the last two tokens, which is how a repair reads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.backend import Batch, Grammar, NoRoomError, Sampler, Sampling, Shape
from inference.base import ModelError
from inference.outputs import Outputs, Row
from inference.truncation import Truncation, allowed

START, END, STOP = 256, 257, 258
"""Thinking marks and the end of the text."""
VOCABULARY = 259
_STATES = 1009
_WIDTH = 8
_COPY_BONUS = 20.0


@dataclass(slots=True)
class _Cell:
    token: int
    position: int
    state: int
    holders: set[int]


class ToySampler:
    """Draws by the inverse of the distribution function from a seeded stream of uniform numbers."""

    def __init__(self, sampling: Sampling) -> None:
        """Start the stream."""
        self._sampling = sampling
        self._uniform = np.random.default_rng(sampling.seed % (1 << 32))
        self.closed = False

    def draw(self, outputs: Outputs, at: int) -> int:
        """Draw a token; penalties are not known here."""
        own, row = self._sampling, outputs.logits[at]
        if own.banned:
            row = row.copy()
            row[list(own.banned)] = -np.inf
        if own.temperature <= 0:
            return int(row.argmax())
        rule = Truncation(top_k=own.top_k, top_p=own.top_p, min_p=own.min_p, temperature=own.temperature)
        ids, shares = allowed(row, rule)
        return int(ids[min(int(np.searchsorted(np.cumsum(shares), self._uniform.random())), len(ids) - 1)])

    def close(self) -> None:
        """Mark the sampler as freed."""
        self.closed = True


class ToyBackend:
    """A back end of bytes."""

    def __init__(self, shape: Shape | None = None, *, copies: bool = False, seed: int = 0) -> None:
        """Make the tables; the default shape is small."""
        self.shape = shape or toy_shape()
        self.samplers: list[ToySampler] = []
        self.rows_decoded = 0
        self.batches: list[int] = []
        self.closed = False
        self._copies = copies
        draw = np.random.default_rng(seed)
        self._table = (draw.standard_normal((_STATES, VOCABULARY)) * 2).astype(np.float32)
        self._states = draw.standard_normal((_STATES, _WIDTH)).astype(np.float32)
        self._cells: list[_Cell] = []
        self._held: list[list[_Cell]] = [[] for _ in range(self.shape.sequences)]
        self._logits: list[Row] = []
        self._hidden: list[Row] = []

    @property
    def cells_used(self) -> int:
        """Cells that a sequence holds."""
        return len({id(cell) for held in self._held for cell in held})

    def length(self, sequence: int) -> int:
        """Return the tokens of a sequence in the cache."""
        return len(self._held[sequence])

    def text(self, sequence: int) -> list[int]:
        """Return the tokens of a sequence in the cache."""
        return [cell.token for cell in self._held[sequence]]

    def decode(self, batch: Batch, *, hidden: bool = False) -> None:
        """Give every row a cell and a state.

        Raises:
            NoRoomError: too few cells.
            ModelError: the batch breaks a limit or leaves a gap.
        """
        self._check(batch)
        if hidden and batch.outputs != batch.size:
            raise ModelError("the toy tells the states of whole batches only, as llama.cpp does")
        if self.cells_used + batch.size > self.shape.cells:
            raise NoRoomError("the toy's cache is full")
        self._logits, self._hidden = [], []
        for row in range(batch.size):
            cell = self._append(batch.sequences[row], batch.tokens[row], batch.positions[row])
            if batch.wanted[row]:
                self._logits.append(self._logits_of(batch.sequences[row], cell))
                if hidden:
                    self._hidden.append(self._states[cell.state % _STATES])
        self.rows_decoded += batch.size
        self.batches.append(batch.size)

    def _check(self, batch: Batch) -> None:
        wanted = sum(batch.wanted[: batch.size])
        if not 0 < batch.size <= self.shape.rows or wanted > self.shape.outputs:
            raise ModelError(f"a batch of {batch.size} rows with {wanted} outputs breaks the toy's limits")

    def _append(self, sequence: int, token: int, position: int) -> _Cell:
        held = self._held[sequence]
        if position != len(held) or position >= self.shape.context or not 0 <= token < VOCABULARY:
            raise ModelError(f"position {position} of sequence {sequence} does not follow {len(held)} tokens")
        before = held[-1].state if held else 1
        cell = _Cell(token, position, (before * 31 + token * 7 + 3) % 1_000_003, {sequence})
        held.append(cell)
        return cell

    def _logits_of(self, sequence: int, cell: _Cell) -> Row:
        row: Row = self._table[cell.state % _STATES]
        if self._copies and (follower := self._follower(sequence)) is not None:
            row = row.copy()
            row[follower] += _COPY_BONUS
        return row

    def _follower(self, sequence: int) -> int | None:
        tokens = self.text(sequence)
        pair = tokens[-2:]
        for at in range(len(tokens) - 3, -1, -1):
            if tokens[at : at + 2] == pair:
                return tokens[at + 2]
        return None

    def outputs(self) -> Outputs:
        """Return the logits of the wanted rows."""
        return Outputs(np.stack(self._logits) if self._logits else np.empty((0, VOCABULARY), np.float32))

    def hidden(self, at: int) -> Row:
        """Return the state of a wanted row, shape (8,)."""
        return self._hidden[at]

    def copy(self, source: int, target: int, length: int) -> None:
        """Share the cells of a prefix, or copy them where the shape says so.

        Raises:
            ModelError: the target is not empty, the source too short, or the shape forbids it.
        """
        if self._held[target] or length > len(self._held[source]) or not self.shape.can_fork:
            raise ModelError(f"sequence {target} cannot begin with {length} tokens of {source}")
        for cell in self._held[source][:length]:
            own = cell if self.shape.shares_cells else _Cell(cell.token, cell.position, cell.state, set())
            own.holders.add(target)
            self._held[target].append(own)

    def trim(self, sequence: int, length: int) -> None:
        """Forget the end of a sequence.

        Raises:
            ModelError: the shape forbids it.
        """
        if length and not self.shape.can_fork:
            raise ModelError("the toy's memory cannot forget a part")
        for cell in self._held[sequence][length:]:
            cell.holders.discard(sequence)
        del self._held[sequence][length:]

    def sampler(self, sampling: Sampling) -> Sampler:
        """Return a sampler, and keep it so that a test can see it closed."""
        self.samplers.append(ToySampler(sampling))
        return self.samplers[-1]

    def grammar(self, text: str) -> Grammar:
        """Refuse: bytes have no grammar here.

        Raises:
            ModelError: always.
        """
        raise ModelError("the toy has no grammars: use a GGUF model")

    def piece(self, token: int) -> bytes:
        """Return the byte; marks have no text."""
        return bytes([token]) if token < START else b""

    def ends_text(self, token: int) -> bool:
        """Say whether the token is the end of the text."""
        return token == STOP

    def close(self) -> None:
        """Forget everything."""
        self._held = [[] for _ in range(self.shape.sequences)]
        self.closed = True


def toy_shape(
    *,
    sequences: int = 8,
    cells: int = 1024,
    context: int = 256,
    rows: int = 64,
    forks: bool = True,
    shares: bool = True,
) -> Shape:
    """Return a shape; `shares` is False for sequences with cells of their own."""
    return Shape(
        sequences=sequences,
        cells=cells,
        context=context,
        rows=rows,
        outputs=rows,
        vocabulary=VOCABULARY,
        shares_cells=shares,
        can_fork=forks,
    )
