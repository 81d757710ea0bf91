"""Drafts by prompt lookup: where a text copies from its prompt, its next tokens are guessed from there and checked.

The last few tokens are looked for earlier in prompt and text; what followed them is the draft. A draft changes no text:
each of its tokens is drawn from its own row as without drafts, and the first that differs ends it. A longer batch can
round differently, so a tie may fall the other way (the scheduler's tests on the toy, which does not round, demand
equality).

Drafting pays only where texts copy. It begins after a run was found, keeps a moving rate of how often a drafted token
was right where it was looked at, and rests for a while when the rate is low. How long a draft may be is decided by the
one who knows what rows cost (`inference/planning.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

NGRAM = 3
_KEPT_RATE = 0.85
"""How much of the moving rate each drafted token leaves."""
_FIRST_RATE, _HIGHEST_RATE = 0.8, 0.98
_LEAST_RATE = 0.5
_AFTER_REST = 0.6
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
        self.rate = _FIRST_RATE
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

    @property
    def rests(self) -> bool:
        """Whether nothing is drafted for now."""
        return self._rest > 0

    def draft(self, room: int) -> tuple[int, ...]:
        """Return the tokens that followed the last run before, at most `room`; none while drafting rests."""
        if self._rest > 0 or room <= 0:
            return ()
        at = self._places.get(tuple(self._tokens[-NGRAM:]))
        if at is None:
            return ()
        return tuple(self._tokens[at : at + min(self._most, room)])

    def expected(self, drafted: int) -> float:
        """Return how many of so many drafted tokens will be accepted, each only when those before it were."""
        return self.rate * (1 - self.rate**drafted) / (1 - self.rate)

    def judge(self, offered: int, accepted: int) -> None:
        """Take the fate of a draft; what follows a wrong token says nothing."""
        self.offered += offered
        self.accepted += accepted
        right = accepted / min(offered, accepted + 1)
        kept = _KEPT_RATE ** min(offered, accepted + 1)
        self.rate = min(_HIGHEST_RATE, kept * self.rate + (1 - kept) * right)
        if self.rate < _LEAST_RATE:
            self._rest = _REST
            self.rate = _AFTER_REST
