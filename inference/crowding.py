"""Give up a decoding thread while other processes need its core.

The threads of a step wait for one another hundreds of times. Where one of them has no core of its own, each wait lasts
until the kernel gives it one: beside one busy process two threads on two cores decode several times slower than one
thread (figures in LOG.md). The thread that asked for the step does an equal part of its work, so that the share of the
wall time in which it computed tells: near 1 where every thread has a core, far less where one is waited for.
"""

from __future__ import annotations

import time
from collections.abc import Callable

_WINDOW_S = 0.25
_CROWDED = 0.7
"""Share of the wall time below which somebody is waited for."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 16.0


class Crowding:
    """How many threads to decode with, from what the last steps took."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with all of `most` threads; `clock` gives seconds."""
        self.threads = self._most = most
        self._clock = clock
        self._wall = self._own = 0.0
        self._pause = _FIRST_PAUSE_S
        self._again = 0.0
        self._tried = False

    def note(self, wall_s: float, own_s: float) -> bool:
        """Take account of a step; say whether `threads` has changed.

        Args:
            wall_s: what it took.
            own_s: processor time of the thread that asked for it.
        """
        self._wall += wall_s
        self._own += own_s
        if self._wall < _WINDOW_S:
            return False
        share, self._wall, self._own = self._own / self._wall, 0.0, 0.0
        before = self.threads
        if share < _CROWDED:
            self._give_up()
        elif self.threads < self._most and self._clock() >= self._again:
            self.threads += 1
            self._tried = True
        elif self._tried:
            self._tried, self._pause = False, _FIRST_PAUSE_S
        return self.threads != before

    def _give_up(self) -> None:
        """Do with a thread less for a while, which grows as long as it is no better afterwards."""
        if self._tried:
            self._pause = min(2 * self._pause, _LONGEST_PAUSE_S)
        self.threads = max(1, self.threads - 1)
        self._tried = False
        self._again = self._clock() + self._pause
