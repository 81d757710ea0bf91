"""Budget forcing on tokens (s1, arXiv 2501.19393; the hand-over follows an idea of Qwen3, arXiv 2505.09388).

A `ThinkingBudget` watches one sequence and decides what is fed in place of what was sampled: a hand-over sentence and
the end mark when the cap is near, "Wait" where the model would stop thinking too early. It knows tokens, no model, so
any engine can use it.

What counts: every token of the block, sampled or forced, from the start mark (unless the prompt held it) to the blank
line after a forced end mark. The sum never exceeds `Thinking.at_most`: room for the closing tokens is kept from the
first token on, so a model that would have stopped by itself within the last few tokens is cut short as well. A sampled
end mark that "Wait" replaces was never fed and is not counted.

Limits: the marks must be single tokens. A model that answers without opening a block is not made to think, unless
`at_least` asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from inference.base import Thinking

HAND_OVER = "\n\nTime is limited, so the answer follows from the thinking so far."
"""Forced before the end mark at the cap; a model file may carry its own as `atlas.hand_over`."""
WAIT = "\nWait"
BLANK = "\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class ThinkingMarks:
    """Token ids of a model's thinking marks and of the texts that are forced around them."""

    start: int
    end: int
    opening: tuple[int, ...]
    """Start mark and newline, forced when a minimum is asked for."""
    wait: tuple[int, ...]
    close: tuple[int, ...]
    """End mark and blank line."""
    hand_over: tuple[int, ...]
    """Sentence, end mark and blank line."""

    def act_on(self, thinking: Thinking) -> bool:
        """Say whether the cap holds a block at all: opening, one token of thought, closing."""
        return thinking.at_most > len(self.opening) + len(self.close)


class ThinkingBudget:
    """One sequence's thinking: whether the block is open, what it has cost, what must be fed next.

    `open`: inside the block. `over`: the block is closed or will never open, all that comes is the answer.
    """

    __slots__ = ("_closing", "_marks", "_thinking", "_waits", "open", "over", "spent")

    def __init__(self, marks: ThinkingMarks | None, thinking: Thinking, *, opened: bool) -> None:
        """Start a sequence; `opened` when the prompt ends inside a thinking block."""
        self._marks = marks
        self._thinking = thinking
        self._waits = thinking.waits
        self.over = marks is None or not marks.act_on(thinking)
        self.open = opened and not self.over
        self.spent = 0
        self._closing: tuple[int, ...] = ()
        if marks is not None:
            self._closing = marks.hand_over if thinking.at_most >= 2 * len(marks.hand_over) else marks.close

    def forced(self) -> tuple[int, ...]:
        """Return the tokens that must be fed before anything is sampled: an opening, or the closing at the cap."""
        if self.over or self._marks is None:
            return ()
        if not self.open:
            return self._begin(self._marks.opening) if self._thinking.at_least > 0 and self.spent == 0 else ()
        if self.spent + 1 + len(self._closing) > self._thinking.at_most:
            return self._finish(self._closing)
        return ()

    def opens(self, token: int) -> bool:
        """Say whether a sampled token begins the block, and count it when it does."""
        if self.over or self.open or self._marks is None or token != self._marks.start:
            return False
        self._begin((token,))
        return True

    def instead_of(self, token: int, *, ends_text: bool) -> tuple[int, ...]:
        """Return what is fed for a token sampled inside the block: itself, "Wait", or the end of the block.

        Args:
            token: the sampled token.
            ends_text: whether the token ends the whole text; inside the block it ends the thinking only.
        """
        if self._marks is None or not (ends_text or token == self._marks.end):
            self.spent += 1
            return (token,)
        wait = self._marks.wait
        room = self._thinking.at_most - self.spent - len(self._closing)
        if self.spent < self._thinking.at_least and self._waits > 0 and len(wait) <= room:
            self._waits -= 1
            self.spent += len(wait)
            return wait
        return self._finish(self._marks.close if ends_text else (token,))

    def is_mark(self, token: int) -> bool:
        """Say whether a token is one of the two marks, which are no part of any text."""
        return self._marks is not None and token in (self._marks.start, self._marks.end)

    def _begin(self, tokens: tuple[int, ...]) -> tuple[int, ...]:
        self.open = True
        self.spent += len(tokens)
        return tokens

    def _finish(self, tokens: tuple[int, ...]) -> tuple[int, ...]:
        self.open = False
        self.over = True
        self.spent += len(tokens)
        return tokens


def share_room(thinking: Thinking, max_tokens: int, room: int) -> tuple[Thinking, int]:
    """Fit thinking and answer into `room` tokens; when both are too long, each keeps its share of what was asked."""
    asked = thinking.at_most + max_tokens
    if asked <= room:
        return thinking, max_tokens
    at_most = room * thinking.at_most // asked
    clipped = Thinking(at_most=at_most, at_least=min(thinking.at_least, at_most), waits=thinking.waits)
    return clipped, room - at_most
