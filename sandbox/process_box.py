"""A box that is a child process of this one, spoken to over its pipes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress

from sandbox.inside import MB, USER_ID


class ProcessBox:
    """One process that is, or holds, a runner, and its two pipes."""

    def __init__(
        self,
        command: list[str],
        *,
        cwd: str = "/",
        fds: tuple[int, ...] = (),
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        """Start the process, as an unprivileged user where this one is root."""
        self._on_close = on_close
        command, user = as_unprivileged_user(command)
        self._process = subprocess.Popen(  # type: ignore[call-overload]
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env={"PATH": "/usr/bin:/bin"},
            pass_fds=fds,
            bufsize=0,
            **user,
        )
        self.read_fd: int = self._process.stdout.fileno()
        self.write_fd: int = self._process.stdin.fileno()
        os.set_blocking(self.write_fd, False)

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

    def complaint(self) -> str:
        """Return what the process itself said before it ended, in one line."""
        self._process.kill()
        return " ".join(self._process.communicate()[1].decode("utf-8", "replace").split())

    def reserve(self, memory_bytes: int) -> None:
        """Do nothing: each test brings its own limits, and no cgroup bounds the box."""

    def kill(self) -> None:
        """End the process: in bubblewrap everything dies with its PID 1, and that one with bubblewrap."""
        self._process.kill()

    def close(self) -> None:
        """End the box and give its descriptors back."""
        self.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            with suppress(OSError):
                stream.close()
        self._on_close()

    def died_of_memory(self) -> bool:
        """Return False: without a cgroup nobody can tell."""
        return False


def as_unprivileged_user(command: list[str]) -> tuple[list[str], dict[str, object]]:
    """Return a command, and arguments of `Popen`, that give up what root may do."""
    if os.geteuid() != 0:
        return command, {}
    # Told to change the user, `Popen` copies this process's page tables, 40 ms for each gigabyte that a model holds.
    if setpriv := shutil.which("setpriv", path="/usr/bin:/bin"):
        return [setpriv, f"--reuid={USER_ID}", f"--regid={USER_ID}", "--clear-groups", "--", *command], {}
    return command, {"user": USER_ID, "group": USER_ID, "extra_groups": []}
