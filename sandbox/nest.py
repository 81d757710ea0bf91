"""The host's side of a maker: one bubblewrap that holds all boxes of a language, and its socket.

The maker dies with the thread that started it, and every box with the maker. One that has died is replaced.
"""

from __future__ import annotations

import array
import json
import os
import socket
import subprocess
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

from sandbox.base import SandboxUnavailableError
from sandbox.cgroups import Group, Groups
from sandbox.nested_box import NestedBox
from sandbox.process_box import as_unprivileged_user

_ANSWER_S = 20.0
_FIX = "install it with `apt-get install bubblewrap` (0.8 or newer), or start a Docker engine"


Command = Callable[[int, int, list[int]], list[str]]


class Nest:
    """One maker, started when the first box is asked for."""

    def __init__(self, command: Command, steps: bytes, groups: Groups | None) -> None:
        """Note how to start it.

        Args:
            command: returns bubblewrap's command line, given the numbers of the socket and of the filter, and a list
                for further descriptors that it needs.
            steps: the filter of system calls.
            groups: where the control groups of the boxes are made; None where none can be had.
        """
        self._command = command
        self._steps = steps
        self._groups = groups
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._door: socket.socket | None = None
        self._said = -1

    def make(self, request: dict[str, Any], room: Callable[[int], int], memory_bytes: int) -> NestedBox:
        """Return a new box, whose runner has not said hello yet.

        Args:
            request: `tmpfs`, `arguments` and what is hidden, for sandbox/maker.py.
            room: returns the memory of a whole box for a program that may use so much.
            memory_bytes: what its program may use at first.

        Raises:
            SandboxUnavailableError: no maker can be started, or it makes no box.
        """
        try:
            group = self._groups.make(room(memory_bytes)) if self._groups else None
        except OSError as error:
            raise SandboxUnavailableError(f"no control group can be made ({error}): run `atlas doctor`") from error
        try:
            process, ours = self._asked(request, group)
        except BaseException:
            self._leave(group)
            raise
        return NestedBox(process, *ours, group, room=room, on_close=lambda: self._leave(group))

    def complaint(self) -> str:
        """Return what was said on standard error, in one line."""
        if self._said < 0:
            return ""
        return " ".join(os.pread(self._said, 4096, 0).decode("utf-8", "replace").split())

    def close(self) -> None:
        """End the maker and every box; safe to call twice."""
        with self._lock:
            self._end()

    def _leave(self, group: Group | None) -> None:
        if self._groups and group:
            self._groups.leave(group)

    def _asked(self, request: dict[str, Any], group: Group | None) -> tuple[int, tuple[int, int]]:
        with ExitStack() as theirs:
            questions, answers = os.pipe2(os.O_CLOEXEC), os.pipe2(os.O_CLOEXEC)
            theirs.callback(os.close, questions[0])
            theirs.callback(os.close, answers[1])
            try:
                process = self._exchange(request, group, questions[0], answers[1], theirs)
            except BaseException:
                os.close(questions[1])
                os.close(answers[0])
                raise
            return process, (answers[0], questions[1])

    def _exchange(
        self, request: dict[str, Any], group: Group | None, stdin: int, stdout: int, theirs: ExitStack
    ) -> int:
        doors = group.doors() if group else []
        accounts = group.accounts() if group else {}
        for fd in (*doors, *accounts.values()):
            theirs.callback(os.close, fd)
        packet = json.dumps(request | {"join": len(doors), "meter": list(accounts)}).encode("ascii")
        fds = [*doors, stdin, stdout, *accounts.values()]
        with self._lock:
            try:
                return _asked(self._alive(), packet, fds)
            except OSError:
                # It may have been killed just now; if it is out of order, it says so again.
                self._end()
            try:
                return _asked(self._alive(), packet, fds)
            except OSError as error:
                words = self.complaint() or str(error)
                self._end()
                raise SandboxUnavailableError(f"bubblewrap cannot make a box ({words}): {_FIX}") from error

    def _alive(self) -> socket.socket:
        if self._process and self._process.poll() is not None:
            self._end()
        if self._door is None:
            self._door = self._started()
        return self._door

    def _started(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            return self._greeted(ours, theirs)
        except BaseException:
            ours.close()
            raise

    def _greeted(self, ours: socket.socket, theirs: socket.socket) -> socket.socket:
        """Start the maker at the other end of `ours` and return `ours` once it has said hello."""
        steps_fd = os.memfd_create("filter")
        shown: list[int] = []
        self._said = os.memfd_create("said")
        try:
            os.write(steps_fd, self._steps)
            os.lseek(steps_fd, 0, os.SEEK_SET)
            command, user = as_unprivileged_user(self._command(theirs.fileno(), steps_fd, shown))
            self._process = subprocess.Popen(  # type: ignore[call-overload]
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._said,
                cwd="/",
                env={"PATH": "/usr/bin:/bin"},
                pass_fds=(theirs.fileno(), steps_fd, *shown),
                **user,
            )
        finally:
            theirs.close()
            for fd in (steps_fd, *shown):
                os.close(fd)
        ours.settimeout(_ANSWER_S)
        with suppress(OSError):
            if ours.recv(16) == b"hello":
                return ours
        # It may still be on its way to its end, with its last words unsaid.
        self._process.kill()
        self._process.wait()
        words = self.complaint() or "it does not answer"
        self._end()
        raise SandboxUnavailableError(f"bubblewrap cannot make a box ({words}): {_FIX}")

    def _end(self) -> None:
        if self._door:
            self._door.close()
            self._door = None
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._said >= 0:
            os.close(self._said)
            self._said = -1


def _asked(door: socket.socket, packet: bytes, fds: list[int]) -> int:
    socket.send_fds(door, [packet], fds)
    word, ancillary, _, _ = door.recvmsg(16, socket.CMSG_SPACE(4))
    process = array.array("i", b"".join(data for _, _, data in ancillary))
    if word != b"made" or len(process) != 1:
        raise ConnectionError("the maker of boxes could not make one")
    return process[0]
