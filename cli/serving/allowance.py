"""What one key may use: buckets that fill evenly over a minute, and say when there is enough in them again."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import ceil

from cli.serving.keys import Key
from cli.serving.pieces import Usage

_MINUTE = 60.0


class Bucket:
    """So many units a minute, a minute's worth at once; what is spent afterwards may run into debt."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Start full; 0 is without a limit."""
        self.per_minute = per_minute
        self._clock = clock
        self._left = float(per_minute)
        self._at = clock()

    def wait_s(self, amount: float = 1.0) -> int:
        """Return the seconds until an amount can be had; 0 is now."""
        if not self.per_minute:
            return 0
        self._fill()
        missing = min(amount, self.per_minute) - self._left
        return ceil(missing * _MINUTE / self.per_minute) if missing > 0 else 0

    def take(self, amount: float) -> None:
        """Spend; more than there is leaves a debt."""
        if self.per_minute:
            self._fill()
            self._left -= amount

    def _fill(self) -> None:
        now = self._clock()
        self._left = min(self.per_minute, self._left + (now - self._at) * self.per_minute / _MINUTE)
        self._at = now


class Caller:
    """Who sends requests: the holder of a key, or anybody on a server that asks for none."""

    def __init__(self, name: str = "", *, requests_per_minute: int = 0, tokens_per_minute: int = 0) -> None:
        """Start with everything that a minute allows."""
        self.name = name
        self.requests = Bucket(requests_per_minute)
        self.tokens = Bucket(tokens_per_minute)

    def refusal(self) -> tuple[str, int] | None:
        """Return why a request cannot be taken now and in how many seconds it can, or count it and return None."""
        if wait := self.requests.wait_s():
            return f"this key may send {self.requests.per_minute} requests a minute: try again in {wait} s", wait
        if wait := self.tokens.wait_s():
            return f"this key may use {self.tokens.per_minute} tokens a minute: try again in {wait} s", wait
        self.requests.take(1)
        return None


class Callers:
    """Everybody who has sent a request, by the name of the key."""

    def __init__(self) -> None:
        """Start with nobody."""
        self.anybody = Caller()
        self._known: dict[str, tuple[Key, Caller]] = {}

    def of(self, key: Key) -> Caller:
        """Return the holder of a key; one that was made anew under an old name starts afresh."""
        held = self._known.get(key.name)
        if held is None or held[0] != key:
            caller = Caller(
                key.name, requests_per_minute=key.requests_per_minute, tokens_per_minute=key.tokens_per_minute
            )
            self._known[key.name] = held = (key, caller)
        return held[1]

    def charge(self, name: str, usage: Usage) -> None:
        """Take what an answer used from a holder's tokens."""
        if name in self._known:
            self._known[name][1].tokens.take(usage.prompt + usage.generated)
