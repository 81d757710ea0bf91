"""Tests run side by side, and now and then one alone: a readers-writer lock in which the lone one goes first.

It holds between the threads of a process, and between the processes of a user by locks on two files.

Limits: what other users and other programs of this machine do is theirs. A process that is stopped while one of its
tests runs alone holds the others up for a minute, then they go on.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.protocol import CancelledError

_POLL_S = 0.05
_PATIENCE_S = 60.0


def folder_of_user() -> Path:
    """Return where the processes of this user find each other's locks."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if home else Path.home() / ".cache") / "atlas" / "turns"


class _Neighbours:
    """The other processes: a file that is locked while tests run, and one by those that wait to run alone."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._room, self._queue = (os.open(folder / name, flags, 0o600) for name in ("room", "queue"))
        self._blocked_since = 0.0

    def share(self) -> bool:
        """Return whether tests may run here now, beside those of others."""
        passed = _locks(self._queue, fcntl.LOCK_SH)
        if passed:
            fcntl.flock(self._queue, fcntl.LOCK_UN)
        return self._or_tired(passed and _locks(self._room, fcntl.LOCK_SH))

    def claim(self) -> bool:
        """Return whether nobody else runs a test now; until then nobody begins one."""
        alone = _locks(self._queue, fcntl.LOCK_EX) and _locks(self._room, fcntl.LOCK_EX)
        if alone:
            fcntl.flock(self._queue, fcntl.LOCK_UN)
        return self._or_tired(alone)

    def leave(self) -> None:
        """Let the others do as they like."""
        for fd in (self._queue, self._room):
            fcntl.flock(fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give the descriptors back."""
        os.close(self._room)
        os.close(self._queue)

    def _or_tired(self, free: bool) -> bool:
        now = time.monotonic()
        self._blocked_since = 0.0 if free else self._blocked_since or now
        return free or now - self._blocked_since > _PATIENCE_S


def _locks(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Turns:
    """Who may run a test now."""

    def __init__(self, folder: Path | None = None) -> None:
        """Begin with nobody.

        Args:
            folder: where other processes look too; None, or one that cannot be written, for this process alone.
        """
        self._changed = threading.Condition()
        self._together = 0
        self._waiting = 0
        self._alone = False
        try:
            self._others = _Neighbours(folder) if folder else None
        except OSError:
            self._others = None

    @contextmanager
    def together(self, cancelled: Callable[[], bool]) -> Iterator[None]:
        """Run beside others, unless somebody runs alone or waits to.

        Raises:
            CancelledError: `cancelled` said so while waiting.
        """
        with self._changed:
            self._wait(self._may_join, cancelled)
            self._together += 1
        try:
            yield
        finally:
            with self._changed:
                self._together -= 1
                if not self._together:
                    self._leave()
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
                self._wait(self._may_be_alone, cancelled)
                self._alone = True
            finally:
                self._waiting -= 1
                if not self._alone and not self._together:
                    self._leave()
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._leave()
                self._changed.notify_all()

    def close(self) -> None:
        """Give the descriptors back; nobody may be inside."""
        with self._changed:
            others, self._others = self._others, None
        if others:
            others.close()

    def _may_join(self) -> bool:
        return not self._alone and not self._waiting and (self._others is None or self._others.share())

    def _may_be_alone(self) -> bool:
        return not self._alone and not self._together and (self._others is None or self._others.claim())

    def _leave(self) -> None:
        if self._others:
            self._others.leave()

    def _wait(self, free: Callable[[], bool], cancelled: Callable[[], bool]) -> None:
        while not free():
            if cancelled():
                raise CancelledError
            self._changed.wait(_POLL_S)
