"""Texts that are being generated, by name: who asks for one of them meanwhile waits for it instead of asking again.

A waiting caller never holds up one that it waits for: everybody makes what is theirs before they wait for others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass

from inference.base import Completion

_POLL_S = 0.1

Coming = Future[Completion | None]
"""None: it was not made, or not to its end."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Which of some texts a caller makes, and which others are making."""

    mine: tuple[str, ...]
    others: Mapping[str, Coming]


class InFlight:
    """The texts that are being generated for the searches of one process."""

    def __init__(self) -> None:
        """Start with none."""
        self._lock = threading.Lock()
        self._coming: dict[str, Coming] = {}

    def claim(self, keys: Iterable[str]) -> Claim:
        """Take on every text that nobody is making; whatever comes of them must be told to `settle`."""
        with self._lock:
            wanted = list(dict.fromkeys(keys))
            others = {key: self._coming[key] for key in wanted if key in self._coming}
            mine = tuple(key for key in wanted if key not in others)
            self._coming |= {key: Future() for key in mine}
        return Claim(mine, others)

    def settle(self, keys: Iterable[str], made: Mapping[str, Completion]) -> None:
        """Hand what was made to those who wait; a text that is not in `made` they have to make themselves."""
        with self._lock:
            told = [(self._coming.pop(key), made.get(key)) for key in keys]
        for future, completion in told:
            future.set_result(completion)


def received(others: Mapping[str, Coming], is_late: Callable[[], bool]) -> dict[str, Completion]:
    """Wait until others have made their texts, or it is too late, and return those that came."""
    waiting: Sequence[Coming] = tuple(others.values())
    while waiting and not is_late():
        waiting = tuple(wait(waiting, timeout=_POLL_S).not_done)
    done = ((key, future.result()) for key, future in others.items() if future.done())
    return {key: completion for key, completion in done if completion is not None}
