"""Write one completion token by token: thinking under its budget, then the answer until something ends it.

A `Writer` is asked for each row of logits what to feed next; it knows a `Vocabulary` and a source of draws, no engine.
The answer continues in the cache that holds the thinking, forced tokens included. A grammar acts on the answer alone:
a token is drawn as if there were none and only checked; when the grammar refuses it, the row is masked and drawn from
again, so that what it allows costs next to nothing.
"""

from __future__ import annotations

import codecs
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from inference.backend import Grammar, Sampler
from inference.base import Completion, Finish, Stop
from inference.confidence import Signals
from inference.finish import FinishLine, LoopWatch
from inference.forcing import ThinkingBudget
from inference.outputs import Outputs, Row

_OPENING = 64
"""A thinking block can be opened before the first word, and not after this many tokens of white space."""


class Vocabulary(Protocol):
    """What tokens mean."""

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

    def __init__(
        self,
        stops: tuple[str, ...] = (),
        *,
        finish: Finish | None = None,
        opening: str = "",
        skip_newlines: bool = False,
    ) -> None:
        """Start a text with its opening.

        Args:
            stops: texts that end it and are no part of it.
            finish: where it is complete.
            opening: what it begins with.
            skip_newlines: drop leading newlines before anything is looked for.
        """
        self._finish = FinishLine(finish) if finish is not None else None
        self._stops = tuple(stop for stop in stops if stop)
        self._reach = max((len(stop) for stop in self._stops), default=1) - 1
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._skip = skip_newlines
        self.text = opening

    @property
    def watched(self) -> bool:
        """Whether what is added can end the text."""
        return bool(self._stops) or self._finish is not None

    def add(self, piece: bytes) -> Stop | None:
        """Append a piece; return why the text ends, cut where it does, or None."""
        new = self._utf8.decode(piece)
        if self._skip:
            new = new.lstrip("\n")
            self._skip = not new
        window = max(0, len(self.text) - self._reach)
        self.text += new
        found = [at for stop in self._stops if (at := self.text.find(stop, window)) >= 0]
        if found:
            self.text = self.text[: min(found)]
        end = self._finish.reached(self.text) if self._finish is not None else None
        if end is not None:
            self.text = self.text[:end]
            return "complete"
        return "stop_text" if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What bounds an answer."""

    max_tokens: int
    stops: tuple[str, ...] = ()
    grammar: Grammar | None = None
    opening: str = ""
    finish: Finish | None = None
    cut_loops: bool = False


class Writer:
    """One completion in the making; a controller of the scheduler."""

    __slots__ = (
        "_answer",
        "_budget",
        "_ends_text",
        "_grammar",
        "_loop",
        "_most",
        "_piece",
        "_sampler",
        "_signals",
        "_terms",
        "_thinking",
        "_tokens",
        "_unread",
    )

    def __init__(
        self,
        vocabulary: Vocabulary,
        sampler: Sampler,
        budget: ThinkingBudget,
        terms: Terms,
        signals: Signals | None = None,
    ) -> None:
        """Start after the prompt; `terms` bound the answer, `budget` the thinking. Closes sampler and grammar.

        Where nothing hangs on it, what tokens say is read when somebody asks: a step of many texts is shorter so.
        """
        self._piece, self._ends_text = vocabulary.piece, vocabulary.ends_text
        self._sampler = sampler
        self._budget = budget
        self._terms, self._most, self._grammar = terms, terms.max_tokens, terms.grammar
        self._signals = signals
        self._thinking = TextTail()
        self._answer = self._answer_tail(opening=terms.opening, skip_newlines=budget.open)
        self._loop = LoopWatch() if terms.cut_loops else None
        self._unread: list[int] = []
        """Answer tokens that are not in the text yet."""
        self._tokens = 0

    @property
    def spent(self) -> int:
        """Tokens so far, of both kinds."""
        return self._budget.spent + self._tokens

    @property
    def answer(self) -> str:
        """The answer so far; its end may still be cut by a stop text, and white space by a thinking block after it."""
        self._read()
        may_open = not self._budget.over and self._tokens < _OPENING
        return "" if may_open and self._answer.text.isspace() else self._answer.text

    @property
    def thinking(self) -> str:
        """The thinking so far."""
        return self._thinking.text

    def completion(self, stop: Stop) -> Completion:
        """Return what was written."""
        self._read()
        signals = self._signals
        return Completion(
            text=self._answer.text,
            thinking=self._thinking.text.strip(),
            tokens=self._tokens,
            thinking_tokens=self._budget.spent,
            stop=stop,
            confidence=signals.confidence() if signals else None,
            log_probability=signals.log_probability() if signals else None,
            entropy=signals.entropy() if signals else None,
            hidden=signals.hidden() if signals else None,
        )

    def advance(self, outputs: Outputs, at: int, hidden: Row | None = None) -> tuple[int, ...] | Stop:
        """Return the tokens to feed after a row, or why the text ends; its last token is never fed."""
        if self._budget.over:
            return self._answer_step(outputs, at, hidden)
        forced = self._budget.forced()
        if forced:
            return self._think(forced)
        if self._budget.open:
            token = self._sampler.draw(outputs, at)
            return self._think(self._budget.instead_of(token, ends_text=self._ends_text(token)))
        return self._answer_step(outputs, at, hidden)

    def close(self) -> None:
        """Free sampler and grammar."""
        self._sampler.close()
        if self._grammar is not None:
            self._grammar.close()

    def _answer_step(self, outputs: Outputs, at: int, hidden: Row | None) -> tuple[int, ...] | Stop:
        if self._tokens >= self._most:
            return "length"
        token = self._sampler.draw(outputs, at)
        if not self._budget.over and self._opens(token):
            self._begin_answer()
            return (token,)
        grammar = self._grammar
        lawful = token if grammar is None else self._lawful(grammar, token, outputs.logits[at])
        if lawful is None or self._ends_text(lawful):
            return "end"
        if self._signals is not None:
            self._signals.add(outputs, at, lawful, hidden)
        self._tokens += 1
        self._unread.append(lawful)
        if self._answer.watched and (stop := self._read()) is not None:
            return stop
        if self._loop is not None and self._loop.add(lawful):
            return "loop"
        return "length" if self._tokens >= self._most else (lawful,)

    def _answer_tail(self, *, opening: str = "", skip_newlines: bool = True) -> TextTail:
        terms = self._terms
        return TextTail(terms.stops, finish=terms.finish, opening=opening, skip_newlines=skip_newlines)

    def _read(self) -> Stop | None:
        """Put the answer's tokens into the text; return why it ends there, if it does."""
        unread, self._unread = self._unread, []
        return self._answer.add(b"".join(map(self._piece, unread)))

    def _begin_answer(self) -> None:
        """Begin anew: what was written before a block of thinking is no answer."""
        self._unread = []
        self._answer = self._answer_tail()
        if self._signals is not None:
            self._signals.clear()

    def _opens(self, token: int) -> bool:
        if self._tokens >= _OPENING:
            return False
        self._read()
        return not self._answer.text.strip() and self._budget.opens(token)

    def _lawful(self, grammar: Grammar, token: int, row: Row) -> int | None:
        """Return the token, or another draw where the grammar refuses it; None where the grammar allows nothing."""
        if not grammar.allows(token):
            masked = grammar.masked(row)
            if masked is None:
                return None
            token = self._sampler.draw(Outputs(masked[None]), 0)
        if not self._ends_text(token):
            grammar.accept(token)
        return token

    def _think(self, tokens: tuple[int, ...]) -> tuple[int, ...]:
        """Put tokens of the block into the text; the blank line after the end mark is in no text."""
        for token in tokens:
            if not self._budget.is_mark(token):
                self._thinking.add(self._piece(token))
        if not self._budget.open:
            self._answer = self._answer_tail()
        return tokens
