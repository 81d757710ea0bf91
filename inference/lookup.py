"""Drafts by prompt lookup: where a text copies from its prompt, its next tokens are guessed from there and checked.

The last few tokens are looked for earlier in prompt and text; what followed them is the draft. A draft changes no text:
each of its tokens is drawn from its own row as without drafts, and the first that differs ends it. A longer batch can
round differently, so a tie may fall the other way (the scheduler's tests on the toy, which does not round, demand
equality).

Drafting pays only where texts copy. It begins after a run was found, keeps a moving rate of what was accepted, and
rests for a while when the rate is low.
"""

from __future__ import annotations

from collections.abc import Sequence

NGRAM = 3
_KEPT_RATE = 0.8
"""How much of the moving rate a new draft leaves."""
_LEAST_RATE = 0.4
_REST = 24
"""Tokens without drafts after too many were wrong."""


class PromptLookup:
    """The drafts of one sequence."""

    def __init__(self, tokens: Sequence[int], most: int) -> None:
        """Index a prompt; `most` bounds a draft."""
        self._tokens: list[int] = []
        self._places: dict[tuple[int, ...], int] = {}
        self._most = most
        self._rest = 0
        self.rate = 0.7
        self.offered = 0
        self.accepted = 0
        self.extend(tokens)

    def extend(self, tokens: Sequence[int]) -> None:
        """Append tokens; a run is indexed when the token after it is known."""
        for token in tokens:
            if len(self._tokens) >= NGRAM:
                self._places[tuple(self._tokens[-NGRAM:])] = len(self._tokens)
            self._tokens.append(token)
        self._rest -= len(tokens)

    def draft(self, room: int) -> tuple[int, ...]:
        """Return the tokens that followed the last run before, at most `room`; none while drafting rests."""
        if self._rest > 0 or room <= 0:
            return ()
        at = self._places.get(tuple(self._tokens[-NGRAM:]))
        if at is None:
            return ()
        return tuple(self._tokens[at : at + min(self._most, room)])

    def judge(self, offered: int, accepted: int) -> None:
        """Take the fate of a draft."""
        self.offered += offered
        self.accepted += accepted
        self.rate = _KEPT_RATE * self.rate + (1 - _KEPT_RATE) * accepted / offered
        if self.rate < _LEAST_RATE:
            self._rest = _REST
            self.rate = 0.5
