"""Warm boxes, made ahead by one or two threads while the model generates.

They live as long as the pool, since bubblewrap boxes die with the thread that started them.

Limits: boxes are never reused; a pool holds `size` idle ones beside those that were taken.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from sandbox.base import SandboxUnavailableError
from sandbox.protocol import Box, CancelledError, is_alive

_POLL_S = 0.05
_LONGEST_MAKE_S = 60.0


class Pool:
    """A queue of idle boxes and the thread that fills it."""

    def __init__(self, make: Callable[[], Box], size: int, makers: int = 1) -> None:
        """Start to fill.

        Args:
            make: returns a box that has said hello, or raises SandboxUnavailableError; called from several threads.
            size: idle boxes to keep.
            makers: how many boxes are made at the same time.
        """
        self._make = make
        self._size = size
        self._idle: deque[Box] = deque()
        self._changed = threading.Condition()
        self._failure: SandboxUnavailableError | None = None
        self._closed = False
        self._making = 0
        self._makers = [threading.Thread(target=self._fill, name="sandbox-maker", daemon=True) for _ in range(makers)]
        for maker in self._makers:
            maker.start()

    def take(self, cancelled: Callable[[], bool]) -> Box:
        """Return a living box, waiting for one if need be; the caller closes it.

        Raises:
            SandboxUnavailableError: no box can be made, or the pool is closed.
            CancelledError: `cancelled` said so while waiting.
        """
        with self._changed:
            self._failure = None
            while True:
                if self._closed:
                    raise SandboxUnavailableError("the sandbox is closed: open a new one")
                box = self._next_alive()
                self._changed.notify_all()
                if box:
                    return box
                if self._failure:
                    raise SandboxUnavailableError(str(self._failure)) from self._failure
                if cancelled():
                    raise CancelledError
                if not any(maker.is_alive() for maker in self._makers):
                    raise SandboxUnavailableError("what makes the boxes has broken down: open a new sandbox")
                self._changed.wait(_POLL_S)

    def stop(self) -> None:
        """Hand out no more boxes; whoever waits for one is told so."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def close(self) -> None:
        """Kill the idle boxes and end the maker; safe to call twice."""
        self.stop()
        with self._changed:
            idle, self._idle = self._idle, deque()
        for box in idle:
            box.close()
        for maker in self._makers:
            maker.join(_LONGEST_MAKE_S)

    def _next_alive(self) -> Box | None:
        while self._idle:
            box = self._idle.popleft()
            if is_alive(box):
                return box
            box.close()
        return None

    def _wants_more(self) -> bool:
        return self._closed or (self._failure is None and len(self._idle) + self._making < self._size)

    def _fill(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._wants_more)
                if self._closed:
                    return
                self._making += 1
            box = None
            try:
                box = self._make()
            except SandboxUnavailableError as error:
                self._failure = error
            finally:
                self._made(box)

    def _made(self, box: Box | None) -> None:
        with self._changed:
            self._making -= 1
            if box and not self._closed:
                self._idle.append(box)
                box = None
            self._changed.notify_all()
        if box:
            box.close()
