"""Tests run side by side, and now and then one alone: a readers-writer lock in which the lone one goes first.

Limits: one process. What other processes of this machine do is theirs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sandbox.protocol import CancelledError

_POLL_S = 0.05


class Turns:
    """Who may run a test now."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._together = 0
        self._waiting = 0
        self._alone = False

    @contextmanager
    def together(self, cancelled: Callable[[], bool]) -> Iterator[None]:
        """Run beside others, unless somebody runs alone or waits to.

        Raises:
            CancelledError: `cancelled` said so while waiting.
        """
        with self._changed:
            self._wait(lambda: not self._alone and not self._waiting, cancelled)
            self._together += 1
        try:
            yield
        finally:
            with self._changed:
                self._together -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self, cancelled: Callable[[], bool]) -> Iterator[None]:
        """Run with nobody beside, once those that run have ended; not to be called while running together.

        Raises:
            CancelledError: `cancelled` said so while waiting.
        """
        with self._changed:
            self._waiting += 1
            try:
                self._wait(lambda: not self._alone and not self._together, cancelled)
                self._alone = True
            finally:
                self._waiting -= 1
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()

    def _wait(self, free: Callable[[], bool], cancelled: Callable[[], bool]) -> None:
        while not free():
            if cancelled():
                raise CancelledError
            self._changed.wait(_POLL_S)
