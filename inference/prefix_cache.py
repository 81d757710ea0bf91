"""Sequences of a back end and what they hold: prefixes are shared, recent ones kept, cold ones given up when needed.

Cells are counted here, as llama.cpp cannot say how many are free: with shared cells each cell counts once however many
sequences hold it; otherwise a copy takes cells of its own.

Exact mode (`segment` > 0): a prefix is reused only up to a place at which every prompt is cut when it is read, so that
each cell has been computed in the same pass whichever request came first.
"""

from __future__ import annotations

from collections.abc import Sequence

from inference.backend import Backend, Shape
from inference.prefix_tree import PrefixTree, Tokens, as_tokens, common_length

_LEAST_COPY = 32
"""Where a copy moves memory, a shorter prefix is read anew."""


def _share_kept(shape: Shape) -> int:
    return shape.cells // 8 if shape.shares_cells else shape.cells


class CellCount:
    """How many cells are taken, exactly.

    A sequence holds cells that others may hold as well, each with its number of holders, and behind them a tail of its
    own, which is only a number: it grows with every token of every text.
    """

    def __init__(self, cells: int, sequences: int, *, shared: bool) -> None:
        """Start with an empty cache."""
        self.free = cells
        self._shared = shared
        self._held: list[list[list[int]]] = [[] for _ in range(sequences)]
        self._tails = [0] * sequences

    def length(self, sequence: int) -> int:
        """Return the tokens of a sequence."""
        return len(self._held[sequence]) + self._tails[sequence]

    def grow(self, sequence: int, tokens: int) -> None:
        """Take cells for new tokens of a sequence."""
        self._tails[sequence] += tokens
        self.free -= tokens

    def grow_each(self, sequences: Sequence[int]) -> None:
        """Take a cell for each of several sequences."""
        tails = self._tails
        for sequence in sequences:
            tails[sequence] += 1
        self.free -= len(sequences)

    def copy(self, source: int, target: int, length: int) -> None:
        """Let an empty sequence begin as another one does."""
        if not self._shared:
            self.grow(target, length)
            return
        self._held[source] += [[1] for _ in range(self._tails[source])]
        self._tails[source] = 0
        prefix = self._held[source][:length]
        for cell in prefix:
            cell[0] += 1
        self._held[target] = prefix

    def trim(self, sequence: int, length: int) -> None:
        """Give back what a sequence holds beyond a length and nobody else holds."""
        held = self._held[sequence]
        tail = min(self._tails[sequence], self.length(sequence) - length)
        self._tails[sequence] -= tail
        self.free += tail
        for cell in held[length:]:
            cell[0] -= 1
            self.free += not cell[0]
        del held[length:]


class PrefixCache:
    """Sequence ids in three states: free, live (a request decodes in it), cold (kept for its prefix)."""

    def __init__(
        self, backend: Backend, *, segment: int = 0, most_cold_cells: int | None = None, most_live: int = 0
    ) -> None:
        """Start with all sequences free; at most an eighth of the cells is kept cold unless told otherwise.

        With shared cells every row attends to all that are in use, so what is kept slows down what is decoded. Without,
        llama.cpp decodes only neighbouring sequences in one pass, so what is kept moves above the first `most_live`.
        """
        shape = backend.shape
        self._backend = backend
        self._segment = segment
        self._most_live = most_live
        self._cells = CellCount(shape.cells, shape.sequences, shared=shape.shares_cells)
        self._most_cold = _share_kept(shape) if most_cold_cells is None else most_cold_cells
        self._least = 1 if shape.shares_cells else _LEAST_COPY
        self._tree = PrefixTree()
        self._free = list(range(shape.sequences))[::-1]
        self._cold: dict[int, bool] = {}
        # Whether it was used again, after an idle time; the one that was not used for longest comes first.
        self._recent: set[int] = set()
        """Those that were kept since the engine was idle, whose use by others of one batch tells nothing."""
        self._pins: dict[int, Tokens] = {}
        self._next_pin = 0
        self.reused = 0
        self.evicted = 0

    @property
    def free_cells(self) -> int:
        """Cells that nobody holds."""
        return self._cells.free

    @property
    def cold(self) -> tuple[int, ...]:
        """Sequences that are kept for their prefix, the longest unused first."""
        return tuple(self._cold)

    @property
    def free_sequences(self) -> tuple[int, ...]:
        """Sequences that hold nothing."""
        return tuple(self._free)

    def length(self, sequence: int) -> int:
        """Return the tokens that a sequence holds."""
        return self._cells.length(sequence)

    def usable(self, prompt: Tokens) -> int:
        """Return how much of a prompt need not be read."""
        return self._best(prompt)[0]

    def open(self, prompt: Tokens) -> tuple[int, int] | None:
        """Take a sequence for a prompt; return it and how many tokens it holds already, or None when all are live."""
        length, source = self._best(prompt)
        if not self._free and source in self._cold and len(self._cold) == 1:
            del self._cold[source]
            self._cut(source, length)
            self.reused += length
            return source, length
        if not (self._free or self._evict(spare=source) or self._evict(spare=source, pinned=True)):
            return None
        sequence = min(self._free)
        self._free.remove(sequence)
        if length:
            self._backend.copy(source, sequence, length)
            self._cells.copy(source, sequence, length)
            self._tree.put(sequence, prompt[:length])
            self.reused += length
            if source in self._cold:
                self._cold[source] = self._cold.pop(source) or source not in self._recent
        return sequence, length

    def grow(self, sequence: int, tokens: int) -> None:
        """Count tokens that are about to be decoded."""
        self._cells.grow(sequence, tokens)

    def grow_each(self, sequences: Sequence[int]) -> None:
        """Count one token of each of several sequences."""
        self._cells.grow_each(sequences)

    def name(self, sequence: int, tokens: Tokens) -> None:
        """Make what a sequence holds, from its beginning, known to others."""
        if self._backend.shape.can_fork:
            self._tree.put(sequence, tokens)

    def trim(self, sequence: int, length: int) -> None:
        """Forget the end of a sequence."""
        self._backend.trim(sequence, length)
        self._cells.trim(sequence, length)

    def retire(self, sequence: int, tokens: Sequence[int], *, wanted: bool = False) -> None:
        """Keep a live sequence for these first tokens of it, unless another one is kept that holds them.

        `wanted`: it is known that they will be used again.
        """
        kept = as_tokens(tokens)
        if not self._backend.shape.can_fork or not len(kept):
            self.release(sequence)
            return
        length, holders = self._tree.match(kept)
        if length == len(kept) and any(holder in self._cold and self._serves(holder, kept) for holder in holders):
            self.release(sequence)
            return
        self._cut(sequence, len(kept))
        self._tree.put(sequence, kept)
        sequence = self._moved_up(sequence, kept)
        self._cold[sequence] = wanted
        self._recent.add(sequence)
        while self.cold_cells > self._most_cold and len(self._cold) > 1 and self._evict(spare=sequence):
            pass

    def _moved_up(self, sequence: int, kept: Tokens) -> int:
        """Copy what is kept to where no live sequence is, if there is a place; return where it is."""
        if self._backend.shape.shares_cells or sequence >= self._most_live:
            return sequence
        if max(self._free, default=0) < self._most_live and not self._evict(spare=-1):
            return sequence
        target = max(self._free, default=0)
        if target < self._most_live:
            return sequence
        self._free.remove(target)
        self._backend.copy(sequence, target, len(kept))
        self._cells.copy(sequence, target, len(kept))
        self._tree.put(target, kept)
        self.release(sequence)
        return target

    def release(self, sequence: int) -> None:
        """Give a sequence back."""
        self._cut(sequence, 0)
        self._tree.drop(sequence)
        self._free.append(sequence)

    def evict(self, *, pinned: bool = True) -> bool:
        """Give up the prefix that was not used for longest, a pinned one last or never; False when there is none."""
        return self._evict(spare=-1) or (pinned and self._evict(spare=-1, pinned=True))

    def begin(self) -> None:
        """Take note that an idle engine gets work: from now on it tells something when a prefix is used again."""
        self._recent.clear()

    def leave_strangers(self, prompt: Tokens) -> None:
        """Before an idle engine begins with a prompt: give up what was kept, never used again, and is no part of it.

        With shared cells every row of every step to come would attend to it.
        """
        if not self._backend.shape.shares_cells or self._segment:
            return
        for sequence, used in list(self._cold.items()):
            text = self._tree.text(sequence)
            if not used and not self._pinned(sequence) and 2 * common_length(text, prompt) < len(text):
                self._give_up(sequence)

    def pin(self, tokens: Sequence[int]) -> int:
        """Keep prefixes that begin with these tokens before others; return a name for `unpin`."""
        self._next_pin += 1
        self._pins[self._next_pin] = as_tokens(tokens)
        return self._next_pin

    def unpin(self, name: int) -> None:
        """Let a prefix go the way of the others."""
        self._pins.pop(name, None)

    def _best(self, prompt: Tokens) -> tuple[int, int]:
        """Return the most of a prompt that can be reused, never all of it, and a sequence that holds it."""
        if not self._backend.shape.can_fork:
            return 0, -1
        length, holders = self._tree.match(prompt[:-1])
        if not holders:
            return 0, -1
        if self._segment:
            return max((self._exact(prompt, length, holder), holder) for holder in holders)
        holder = next((one for one in holders if one in self._cold), holders[0])
        return (length, holder) if length >= self._least else (0, -1)

    def _exact(self, prompt: Tokens, common: int, holder: int) -> int:
        """Return how much of a common prefix was read in the same passes as it will be."""
        text = self._tree.text(holder)
        if common == len(prompt) - 1 and (len(text) == common or not common % self._segment):
            return common
        return common // self._segment * self._segment

    def _serves(self, holder: int, tokens: Tokens) -> bool:
        """Say whether a kept sequence makes another one needless; in exact mode the end of a prompt is a place."""
        return not self._segment or len(self._tree.text(holder)) == len(tokens)

    def _cut(self, sequence: int, length: int) -> None:
        if length < self._cells.length(sequence):
            self.trim(sequence, length)
        if sequence in self._tree and length < len(self._tree.text(sequence)):
            self._tree.put(sequence, self._tree.text(sequence)[:length])

    @property
    def cold_cells(self) -> int:
        """Tokens of kept prefixes; those that several sequences share count more than once."""
        return sum(self._cells.length(sequence) for sequence in self._cold)

    def _pinned(self, sequence: int) -> bool:
        text = self._tree.text(sequence)
        return any(common_length(text, pin) == len(pin) for pin in self._pins.values())

    def _evict(self, *, spare: int, pinned: bool = False) -> bool:
        victim = next((one for one in self._cold if one != spare and (pinned or not self._pinned(one))), None)
        if victim is None:
            return False
        self._give_up(victim)
        return True

    def _give_up(self, sequence: int) -> None:
        del self._cold[sequence]
        self.release(sequence)
        self.evicted += 1
