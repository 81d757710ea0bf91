"""A box that a maker in bubblewrap has forked: a process, of which this one has a descriptor, and two pipes."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable
from contextlib import suppress

from sandbox.cgroups import Group
from sandbox.inside import MB

_DIES_WITHIN_S = 5.0


class NestedBox:
    """One runner in namespaces of its own, its two pipes, and its control group where there is one."""

    def __init__(
        self,
        process: int,
        read_fd: int,
        write_fd: int,
        group: Group | None,
        *,
        room: Callable[[int], int],
        on_close: Callable[[], None],
    ) -> None:
        """Take over the descriptors.

        Args:
            process: descriptor of the runner's process.
            read_fd: where its answers come from.
            write_fd: where its questions go.
            group: what bounds its memory; None: nothing but the runner's watch.
            room: returns the memory of a whole box for a program that may use so much.
            on_close: called once the box is dead.
        """
        self.read_fd = read_fd
        self.write_fd = write_fd
        self._process = process
        self._group = group
        self._room = room
        self._on_close = on_close
        self._closing = threading.Lock()
        self._reserved = 0
        os.set_blocking(write_fd, False)

    def read(self) -> bytes:
        """Return what has come.

        Raises:
            EOFError: the box has ended.
        """
        data = os.read(self.read_fd, MB)
        if not data:
            raise EOFError
        return data

    def write(self, data: memoryview) -> int:
        """Send some bytes without blocking."""
        return os.write(self.write_fd, data)

    def reserve(self, memory_bytes: int) -> None:
        """Let the whole box hold what this program may use."""
        if self._group and memory_bytes != self._reserved:
            self._reserved = memory_bytes
            with suppress(OSError):
                self._group.limit(self._room(memory_bytes))

    def kill(self) -> None:
        """End the box with everything in it: it is the first process of its namespace."""
        with self._closing, suppress(OSError):
            if self._process >= 0:
                signal.pidfd_send_signal(self._process, signal.SIGKILL)

    def close(self) -> None:
        """End the box and give its descriptors back; safe to call twice."""
        self.kill()
        with self._closing:
            process, self._process = self._process, -1
        if process < 0:
            return
        poller = select.poll()
        poller.register(process, select.POLLIN)
        poller.poll(_DIES_WITHIN_S * 1000)
        for fd in (self.read_fd, self.write_fd, process):
            os.close(fd)
        self._on_close()

    def died_of_memory(self) -> bool:
        """Return whether the kernel killed in this box for lack of memory; False when nobody can tell."""
        with suppress(OSError):
            return bool(self._group and self._group.kills())
        return False
