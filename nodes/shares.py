"""Wall time that several calls use at the same moment, split among them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Shares:
    """Wall time, split by weight among what runs at the same moment, so that the parts add up to what the clock shows.

    A part of no weight takes no time.
    """

    def __init__(self) -> None:
        """Start with nothing running."""
        self._lock = threading.Lock()
        self._running = 0
        self._since = self._each = 0.0

    @contextmanager
    def part(self, weight: int = 1) -> Iterator[Callable[[], float]]:
        """Give what tells the seconds of this part so far."""
        began = self._tick(weight)
        try:
            yield lambda: (self._tick(0) - began) * weight
        finally:
            self._tick(-weight)

    def _tick(self, change: int) -> float:
        with self._lock:
            now = time.monotonic()
            if self._running:
                self._each += (now - self._since) / self._running
            self._since = now
            self._running += change
            return self._each
