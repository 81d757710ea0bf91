"""Runs inside the box: the process that becomes the program, forked before its test is known.

Its pipes are in place and it waits for one order, so that no test pays for the fork. Whatever ran before it is dead
and buried when it is made: nobody is there to disturb it.

Limits: standard library only.
"""

# Every box pays for the imports of pathlib, typing, ctypes and signal.
# ruff: noqa: PTH109, PTH123

from __future__ import annotations

import os
import resource
import sys
from _ctypes import call_function, dlopen, dlsym
from _signal import SIG_DFL, SIGINT, SIGPIPE, SIGXFSZ, signal  # type: ignore[import-not-found]

from sandbox.files import unnamed
from sandbox.harness import from_json, to_json
from sandbox.streams import STDERR_TAIL, Capture

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

_CHUNK = 1 << 16
_ORDER_FD = 4
RESERVED_FDS = _ORDER_FD + 1
"""Descriptors that have to be taken before the first pipe is made: those that a program's are moved to."""
_ONLY_PARSE = 0x400
_PR_SET_DUMPABLE = 4
_PRCTL = dlsym(dlopen(None, 0), "prctl")  # type: ignore[arg-type]  # None is this process itself, as in ctypes
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


def set_dumpable(value: int) -> None:
    """Say whether processes of the same user may look into this one."""
    call_function(_PRCTL, (_PR_SET_DUMPABLE, value, 0, 0, 0))


class Standby:
    """One process that waits to become a program, and the runner's ends of its pipes."""

    def __init__(self) -> None:
        self.stdin = unnamed()
        self.captures = [Capture(), Capture(), Capture()]
        """Standard output, error output, and the value of `function` mode."""
        order, self._order = os.pipe2(os.O_CLOEXEC)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                _stand_by([self.stdin, *(capture.write_end() for capture in self.captures), order])
            finally:
                os._exit(127)
        os.close(order)
        for capture in self.captures:
            capture.keep_reading_only()

    def start(self, request: dict[str, Any], command: list[str], stdin: bytes) -> None:
        """Let it become the program.

        Args:
            request: of it `rlimits`, `nice`, `environment`, `value`, `file`, and what is kept of the output.
            command: the program's words; none for the parser, which reads `file`.
            stdin: what the program finds on its standard input.
        """
        with open(self.stdin, "wb", closefd=False) as stream:
            stream.write(stdin)
        os.lseek(self.stdin, 0, os.SEEK_SET)
        self._keep(request)
        wanted = {key: request[key] for key in ("rlimits", "nice", "environment", "value", "file")}
        order = memoryview(to_json(wanted | {"command": command}))
        while order:
            order = order[os.write(self._order, order) :]
        os.close(self._order)

    def _keep(self, request: dict[str, Any]) -> None:
        compiles = request["kind"] == "compile"
        self.captures[0].keep(request["output_bytes"], dropped=compiles)
        self.captures[1].keep(STDERR_TAIL, tail=not compiles, dropped=compiles)
        if request["value"]:
            self.captures[2].keep(request["output_bytes"])
        else:
            self.captures.pop().close()


def _stand_by(descriptors: list[int]) -> None:
    os.setsid()
    # Makes /proc/self writable again, so that the kernel ends the program before the runner when memory runs out.
    set_dumpable(1)
    try:
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(fd, b"1000")
    except OSError:
        # Where /proc is read-only, all of the box has that number from its start.
        pass
    for target, fd in enumerate(descriptors):
        os.dup2(fd, target, inheritable=target != _ORDER_FD)
    os.closerange(RESERVED_FDS, 1024)
    order = bytearray()
    while chunk := os.read(_ORDER_FD, _CHUNK):
        order += chunk
    # Without an order the runner has gone.
    if order:
        _become(from_json(order.decode("ascii")))


def _become(order: dict[str, Any]) -> NoReturn:
    for kind, most in order["rlimits"].items():
        number = getattr(resource, "RLIMIT_" + kind)
        hard = resource.getrlimit(number)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(number, (most, most))
    # Nobody may raise the priority that a host under `nice` handed down.
    os.setpriority(os.PRIO_PROCESS, 0, max(order["nice"], os.getpriority(os.PRIO_PROCESS, 0)))
    if not order["value"]:
        os.close(_ORDER_FD - 1)
    for number in (SIGINT, SIGPIPE, SIGXFSZ):
        signal(number, SIG_DFL)
    if not order["command"]:
        _parse(order["file"])
    environment = _ENVIRONMENT | {"HOME": os.getcwd()} | order["environment"]
    os.execve(order["command"][0], order["command"], environment)


def _parse(name: str) -> NoReturn:
    """End this process with 0 when the source parses, else with 1 and what Python says about it."""
    with open(name, "rb") as stream:
        source = stream.read()
    try:
        compile(source, name, "exec", _ONLY_PARSE, dont_inherit=True)
    except SyntaxError as error:
        sys.__excepthook__(SyntaxError, error.with_traceback(None), None)
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)
