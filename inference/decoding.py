"""Write one completion token by token: thinking under its budget, then the answer until something ends it.

The loop knows a `Sequence` of tokens that can be sampled and fed, not an engine; that is the seam at which llama.cpp,
or a toy in a test, is put in. The answer continues in the cache that holds the thinking, forced tokens included.
"""

from __future__ import annotations

import codecs
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from inference.base import Completion, Stop
from inference.confidence import SelfCertainty
from inference.forcing import ThinkingBudget


class TokenSequence(Protocol):
    """A sequence in an engine, prompt already read."""

    def sample(self) -> int:
        """Draw the next token; nothing is fed."""

    def feed(self, tokens: tuple[int, ...]) -> None:
        """Append tokens to the sequence."""

    def logits(self) -> NDArray[np.float32]:
        """Return the row, shape (vocabulary,), that the last token was drawn from; valid until the next `feed`."""

    def piece(self, token: int) -> bytes:
        """Return a token's text, which need not be whole characters."""

    def ends_text(self, token: int) -> bool:
        """Say whether a token ends the generation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What ends decoding from outside."""

    deadline: float | None = None
    """A `time.monotonic()` value."""
    cancelled: Callable[[], bool] | None = None

    def reached(self) -> Stop | None:
        """Return why decoding must end now, or None."""
        if self.cancelled is not None and self.cancelled():
            return "cancelled"
        if self.deadline is not None and time.monotonic() >= self.deadline:
            return "deadline"
        return None


class TextTail:
    """A growing text: bytes come in pieces, characters come out whole, stop texts are looked for at the end only."""

    def __init__(self, stops: tuple[str, ...] = (), *, skip_newlines: bool = False) -> None:
        """Start an empty text; with `skip_newlines` its leading newlines are dropped before stops are looked for."""
        self._stops = tuple(stop for stop in stops if stop)
        self._reach = max((len(stop) for stop in self._stops), default=1) - 1
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._skip = skip_newlines
        self.text = ""

    def add(self, piece: bytes) -> bool:
        """Append a piece; return True, and cut the text, when a stop text is complete."""
        new = self._utf8.decode(piece)
        if self._skip:
            new = new.lstrip("\n")
            self._skip = not new
        window = max(0, len(self.text) - self._reach)
        self.text += new
        found = [at for stop in self._stops if (at := self.text.find(stop, window)) >= 0]
        if found:
            self.text = self.text[: min(found)]
        return bool(found)


class Writer:
    """One completion in the making."""

    def __init__(
        self,
        sequence: TokenSequence,
        budget: ThinkingBudget,
        *,
        max_tokens: int,
        stops: tuple[str, ...],
        limits: Limits,
    ) -> None:
        """Start after the prompt; `max_tokens` bounds the answer, `budget` the thinking."""
        self._sequence = sequence
        self._budget = budget
        self._max_tokens = max_tokens
        self._stops = stops
        self._limits = limits
        self._certainty = SelfCertainty()
        self._thinking = TextTail()
        self._answer = TextTail(stops, skip_newlines=budget.open)
        self._pending: tuple[int, ...] = ()
        self._tokens = 0

    def write(self, on_progress: Callable[[int], None] | None) -> Completion:
        """Decode until something ends it; `on_progress` is called with the tokens so far after each step."""
        stop: Stop | None = None
        while stop is None:
            stop = self._limits.reached() or self._step()
            if on_progress is not None:
                on_progress(self._budget.spent + self._tokens)
        return Completion(
            text=self._answer.text,
            thinking=self._thinking.text.strip(),
            tokens=self._tokens,
            thinking_tokens=self._budget.spent,
            stop=stop,
            confidence=self._certainty.score(),
        )

    def _step(self) -> Stop | None:
        forced = self._budget.forced()
        if forced:
            self._think(forced)
            return None
        if self._budget.open:
            token = self._sample()
            self._think(self._budget.instead_of(token, ends_text=self._sequence.ends_text(token)))
            return None
        return self._answer_step()

    def _answer_step(self) -> Stop | None:
        if self._tokens >= self._max_tokens:
            return "length"
        token = self._sample()
        if self._sequence.ends_text(token):
            return "end"
        if not self._answer.text.strip() and self._budget.opens(token):
            self._certainty.clear()
            self._answer = TextTail(self._stops, skip_newlines=True)
            self._pending = (token,)
            return None
        self._certainty.add(self._sequence.logits())
        self._tokens += 1
        self._pending = (token,)
        return "stop_text" if self._answer.add(self._sequence.piece(token)) else None

    def _think(self, tokens: tuple[int, ...]) -> None:
        """Put tokens of the block into the text and queue them; the blank line after the end mark is in no text."""
        for token in tokens:
            if not self._budget.is_mark(token):
                self._thinking.add(self._sequence.piece(token))
        self._pending += tokens
        if not self._budget.open:
            self._answer = TextTail(self._stops, skip_newlines=True)

    def _sample(self) -> int:
        """Feed what waits, then draw: the last token of a text is never fed, which saves one pass."""
        if self._pending:
            self._sequence.feed(self._pending)
            self._pending = ()
        return self._sequence.sample()
