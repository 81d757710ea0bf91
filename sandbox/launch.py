"""Runs inside the box: the process that becomes the program, made before its test is known where that is possible.

Its pipes are in place and it waits for one order, so that no test pays for more than the program itself. A Python
program's interpreter is started at once and waits before it reads the program (sandbox/startup/sitecustomize.py); of
anything else only the process is forked. Whatever ran before it is dead and buried when it is made: nobody is there to
disturb it.

Limits: standard library only.
"""

# Every box pays for the imports of pathlib, typing, ctypes and signal.
# ruff: noqa: PTH109, PTH118, PTH120

from __future__ import annotations

import os
import resource
from _ctypes import call_function, dlopen, dlsym
from _signal import SIG_DFL, SIGINT, SIGPIPE, SIGXFSZ, signal  # type: ignore[import-not-found]

from sandbox.files import unnamed
from sandbox.harness import from_json, to_json
from sandbox.startup.sitecustomize import ORDER_FD, ask_to_die_first, read_order, take_limits
from sandbox.streams import STDERR_TAIL, Capture

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

_STARTUP = os.path.join(os.path.dirname(__file__), "startup")
RESERVED_FDS = ORDER_FD + 1
"""Descriptors that have to be taken before the first pipe is made: those that a program's are moved to."""
_VALUE_FD = 3
_PR_SET_DUMPABLE = 4
_PRCTL = dlsym(dlopen(None, 0), "prctl")  # type: ignore[arg-type]  # None is this process itself, as in ctypes
_SIGNALS = (SIGINT, SIGPIPE, SIGXFSZ)
"""What the runner ignores and a program does not."""
_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",
    # A right answer may have more than 4,300 digits; time is bounded all the same.
    "PYTHONINTMAXSTRDIGITS": "0",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}


class Standby:
    """One process that waits to become a program, and the runner's ends of its pipes."""

    def __init__(self, command: list[str], request: dict[str, Any] | None) -> None:
        """Make it.

        Args:
            command: the words that start a Python program; unused without a request.
            request: the test that the process is made for, or one like it, of a Python program; None for the rest.
        """
        self._request = request
        self.stdin = unnamed()
        # Standard output, error output, and the value of `function` mode where there is one.
        self.captures = [Capture() for _ in range(3 if request is None or request["value"] else 2)]
        order, self._order = os.pipe2(os.O_CLOEXEC)
        ends = dict(enumerate([self.stdin, *(capture.write_end() for capture in self.captures)])) | {ORDER_FD: order}
        self.pid = _forked(ends) if request is None else _started(ends, command, request)
        os.close(order)
        for capture in self.captures:
            capture.keep_reading_only()

    def suits(self, request: dict[str, Any]) -> bool:
        """Return whether it can run this test."""
        if self._request is None:
            return not is_python(request)
        return all(self._request[key] == request[key] for key in ("command", "environment", "value"))

    def begin(self, request: dict[str, Any], command: list[str], stdin: bytes) -> None:
        """Let it become the program.

        Args:
            request: of it `rlimits`, `nice`, `environment`, `value`, and what is kept of the output.
            command: the program's words.
            stdin: what the program finds on its standard input.
        """
        with open(self.stdin, "wb", closefd=False) as stream:
            stream.write(stdin)
        os.lseek(self.stdin, 0, os.SEEK_SET)
        self._keep(request)
        limits = [[getattr(resource, "RLIMIT_" + kind), most] for kind, most in request["rlimits"].items()]
        if self._request is None:
            wanted = {key: request[key] for key in ("nice", "environment", "value")}
            order = to_json(wanted | {"command": command, "limits": limits})
        else:
            order = ",".join(map(str, (request["nice"], *(number for pair in limits for number in pair)))).encode()
        data = memoryview(order)
        while data:
            data = data[os.write(self._order, data) :]
        os.close(self._order)

    def close(self) -> None:
        """Give back what belongs to a process that will not be used."""
        os.close(self._order)
        os.close(self.stdin)
        for capture in self.captures:
            capture.close()

    def _keep(self, request: dict[str, Any]) -> None:
        compiles = request["kind"] == "compile"
        self.captures[0].keep(request["output_bytes"], dropped=compiles)
        self.captures[1].keep(STDERR_TAIL, tail=not compiles, dropped=compiles)
        if request["value"]:
            self.captures[2].keep(request["output_bytes"])
        elif len(self.captures) > 2:
            self.captures.pop().close()


def is_python(request: dict[str, Any]) -> bool:
    """Return whether a request runs a Python program whose interpreter can wait.

    A path that PYTHONPATH would take for two finds no module, and a program would run without limits.
    """
    return bool(request["command"][0] == "{python}") and os.pathsep not in _STARTUP


def _started(ends: dict[int, int], command: list[str], request: dict[str, Any]) -> int:
    """Start an interpreter, which takes its limits when the order comes.

    Started, not forked: copying this process and dropping the copy costs a millisecond.
    """
    # A thread's stack has the size of this limit when its process starts.
    stack = request["rlimits"].get("STACK")
    if stack:
        hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
        resource.setrlimit(resource.RLIMIT_STACK, (stack if hard == resource.RLIM_INFINITY else min(stack, hard), hard))
    environment = _environment(request)
    path = environment.get("PYTHONPATH")
    environment["PYTHONPATH"] = f"{_STARTUP}{os.pathsep}{path}" if path else _STARTUP
    actions: list[Any] = [(os.POSIX_SPAWN_DUP2, fd, target) for target, fd in ends.items()]
    if _VALUE_FD not in ends:
        actions.append((os.POSIX_SPAWN_CLOSE, _VALUE_FD))
    return os.posix_spawn(command[0], command, environment, file_actions=actions, setsid=True, setsigdef=_SIGNALS)


def _forked(ends: dict[int, int]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            _stand_by(ends)
        finally:
            os._exit(127)
    return pid


def _stand_by(ends: dict[int, int]) -> None:
    os.setsid()
    # Makes /proc/self writable again.
    set_dumpable(1)
    ask_to_die_first()
    for target, fd in ends.items():
        os.dup2(fd, target, inheritable=target != ORDER_FD)
    os.closerange(RESERVED_FDS, 1024)
    # Without an order the runner has gone.
    if order := read_order(ORDER_FD):
        _become(from_json(order.decode("ascii")))


def _become(order: dict[str, Any]) -> NoReturn:
    take_limits(order["nice"], order["limits"])
    if not order["value"]:
        os.close(_VALUE_FD)
    for number in _SIGNALS:
        signal(number, SIG_DFL)
    os.execve(order["command"][0], order["command"], _environment(order))


def _environment(order: dict[str, Any]) -> dict[str, str]:
    return {**_ENVIRONMENT, "HOME": os.getcwd(), **order["environment"]}


def set_dumpable(value: int) -> None:
    """Say whether processes of the same user may look into this one."""
    call_function(_PRCTL, (_PR_SET_DUMPABLE, value, 0, 0, 0))
