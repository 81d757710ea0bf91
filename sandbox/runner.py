"""Runs inside the box as PID 1: one process per test, watched, killed, wiped away; answers with facts.

It speaks only when spoken to: a request frame on standard input, one answer frame on standard output. A frame is two
big-endian 32-bit lengths, a JSON header and raw bytes. Being PID 1 protects it: the kernel drops SIGKILL and SIGSTOP
sent from inside its own PID namespace, and it is not dumpable, so that nobody can read its descriptors. It holds no
secret.

Limits: standard library only; run as `python3 -I -S -B -c "..." HARNESS WORK [MORE DIRECTORIES TO WIPE]`.
"""

# Every box pays for what is imported here: pathlib, typing, ctypes, json and signal cost 15 ms together, twice as much
# as starting Python.
# ruff: noqa: PTH110, PTH120

from __future__ import annotations

import os
import select
import sys
from _signal import SIG_IGN, SIGINT, signal  # type: ignore[import-not-found]

from sandbox.files import read_artifact, wipe, write_anew
from sandbox.harness import from_json, to_json
from sandbox.launch import RESERVED_FDS, Standby, is_python, set_dumpable
from sandbox.meters import Grouped, Meter, Watched, files_of_the_group
from sandbox.processes import TICK_S, Watch, bury_all, kill_all
from sandbox.streams import Capture, Overflow, drain_rest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Request = dict[str, Any]

SCHEMA = 4
_HEAD_BYTES = 8
_CHUNK = 1 << 20
_CONTROL_FD = 100
_ANSWER_FD = 101
_BLIND_TICK_S = 0.002
_FIRST_LOOK_S = 0.005


def receive() -> tuple[Request, bytes]:
    """Return the next request; ends the box when the host has hung up."""

    def exactly(size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            chunk = os.read(_CONTROL_FD, min(size - len(data), _CHUNK))
            if not chunk:
                os._exit(0)
            data += chunk
        return bytes(data)

    head = exactly(_HEAD_BYTES)
    header_size, body_size = int.from_bytes(head[:4], "big"), int.from_bytes(head[4:], "big")
    return from_json(exactly(header_size).decode("ascii")), exactly(body_size)


def answer(header: dict[str, Any], body: bytes = b"") -> None:
    """Send one frame to the host."""
    text = to_json(header)
    data = memoryview(len(text).to_bytes(4, "big") + len(body).to_bytes(4, "big") + text + body)
    while data:
        data = data[os.write(_ANSWER_FD, data) :]


def _wait(pid: int, captures: list[Capture], watch: Watch) -> str:
    """Return why the test ended: `exit`, `output` or the watch's word; never the end of a pipe, daemons hold those."""
    by_fd = {capture.read_fd: capture for capture in captures}
    poller = select.poll()
    poller.register(_CONTROL_FD, 0)
    pidfd = _pidfd(pid)
    if pidfd >= 0:
        poller.register(pidfd, select.POLLIN)
        # Most tests have ended by then, and this process has been woken once and not four times.
        poller.poll(_FIRST_LOOK_S * 1000)
    for fd in by_fd:
        poller.register(fd, select.POLLIN)
    tick_s = TICK_S if pidfd >= 0 else _BLIND_TICK_S
    try:
        return _watch_until_end(pid, poller, tick_s, by_fd, watch)
    except Overflow:
        return "output"
    finally:
        if pidfd >= 0:
            os.close(pidfd)


def _pidfd(pid: int) -> int:
    """Return a descriptor that tells of the process's end, or -1 where the kernel has none, as that of gVisor."""
    try:
        return os.pidfd_open(pid)
    except OSError:
        return -1


def _watch_until_end(pid: int, poller: select.poll, tick_s: float, by_fd: dict[int, Capture], watch: Watch) -> str:
    while True:
        for fd, _ in poller.poll(tick_s * 1000):
            if fd == _CONTROL_FD:
                kill_all(pid)
                os._exit(0)
            if fd in by_fd and by_fd[fd].drain():
                poller.unregister(fd)
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return "exit"
        if reason := watch.reason():
            return reason


class Runner:
    """What the box remembers between two requests: the program's files and the directories to wipe."""

    def __init__(self, harness: str, wiped: list[str], group: dict[str, int]) -> None:
        compiled = f"{os.path.dirname(harness)}/__pycache__/harness.{sys.implementation.cache_tag}.pyc"
        self._names = {"{python}": sys.executable, "{harness}": compiled if os.path.exists(compiled) else harness}
        self._wiped = [os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) for path in wiped]
        self._files: dict[str, bytes] = {}
        self._group = group
        self._ready: tuple[Standby, Meter] | None = None
        self._forget_times()
        os.chdir(wiped[0])

    @property
    def exact(self) -> bool:
        """Whether the kernel keeps the account of this box's time and memory."""
        return bool(self._group)

    def stand_by(self, request: Request) -> None:
        """Make the process of the test after this one, if there will be one like it."""
        if self._ready is None and (not is_python(request) or request["more"]):
            self._ready = self._made(request)

    def _made(self, request: Request) -> tuple[Standby, Meter]:
        """Return a process for a test, and a meter that has begun before it."""
        grouped = Grouped(self._group) if self._group else None
        standby = Standby(self._words(request), request if is_python(request) else None)
        return standby, grouped or Watched(standby.pid, self._wiped)

    def _words(self, request: Request) -> list[str]:
        return [self._names.get(word, word) for word in request["command"]]

    def _taken(self, request: Request) -> tuple[Standby, Meter]:
        ready, self._ready = self._ready, None
        if ready and ready[0].suits(request):
            return ready
        if ready:
            bury_all(ready[0].pid)
            ready[0].close()
        return self._made(request)

    def _clean(self) -> bool:
        for directory in self._wiped:
            if os.fstat(directory).st_uid == os.getuid():
                os.fchmod(directory, 0o700)
        clean = all([wipe(directory) for directory in self._wiped])
        self._forget_times()
        return clean

    def _forget_times(self) -> None:
        """When something was last written here is none of the next test's business."""
        for directory in self._wiped:
            os.utime(directory, (0, 0))

    def handle(self, request: Request, body: bytes) -> tuple[dict[str, Any], bytes]:
        """Run a program once, on a test or through its compiler.

        Returns:
            The facts, and in one piece standard output, error output and, if asked for, the value.
        """
        source, stdin = body[: request["source_bytes"]], body[request["source_bytes"] :]
        if source:
            self._files = {request["file"]: source}
        # An idle directory is clean; written anew each time, since the last test may have changed the files.
        write_anew(self._files)
        standby, meter = self._taken(request)
        facts = self._run(request, standby, meter, stdin)
        if request["kind"] == "compile":
            made = read_artifact(request["artifact"]) if facts["ended"] == "exit" and not facts["code"] else b""
            self._files = {request["artifact"]: made}
            facts["made_bytes"] = len(made)
        facts["dirty"] = bool(facts["stuck"]) or not self._clean()
        return facts, b"".join(bytes(capture.data) for capture in standby.captures)

    def _run(self, request: Request, standby: Standby, meter: Meter, stdin: bytes) -> dict[str, Any]:
        pid = standby.pid
        standby.begin(request, self._words(request), stdin)
        kills = meter.kills()
        watch = Watch(pid, meter, request)
        ended = _wait(pid, standby.captures, watch)
        facts: dict[str, Any] = {"wall_s": watch.elapsed(), "waited_s": watch.waited()}
        facts |= {**bury_all(pid), "oom_kills": meter.kills() - kills}
        facts["cpu_s"] = meter.cpu_s() if self._group else max(facts["cpu_s"], meter.cpu_s())
        facts["ended"] = drain_rest(standby.captures, ended)
        facts["peak_kb"] = max(facts["peak_kb"], watch.peak_bytes / 1024)
        facts["sizes"] = [len(capture.data) for capture in standby.captures]
        os.close(standby.stdin)
        return facts


def _settle() -> None:
    set_dumpable(0)
    # The kernel drops signals to PID 1 unless it has a handler, and Python installs one for SIGINT.
    signal(SIGINT, SIG_IGN)
    os.dup2(0, _CONTROL_FD, inheritable=False)
    os.dup2(1, _ANSWER_FD, inheritable=False)
    null = os.open(os.devnull, os.O_RDWR)
    # No pipe may get a number that a program's descriptors are moved to.
    for fd in range(RESERVED_FDS):
        os.dup2(null, fd)


def main(arguments: list[str], group: dict[str, int] | None = None) -> None:
    """Answer requests until the host hangs up.

    Args:
        arguments: path of the harness, then the working directory and the others to wipe after each test.
        group: open files of the control group that holds this box and nothing else; None: look for them.
    """
    _settle()
    runner = Runner(arguments[0], arguments[1:], files_of_the_group() if group is None else group)
    while True:
        request, body = receive()
        if request["kind"] == "hello":
            facts: dict[str, Any] = {"schema": SCHEMA, "pid": os.getpid(), "python": sys.version.split()[0]}
            facts["exact"] = runner.exact
            answer({"nonce": request["nonce"], **facts})
        else:
            facts, output = runner.handle(request, body)
            answer({"nonce": request["nonce"], **facts}, output)
            # Whoever waits for the answer comes first.
            os.sched_yield()
            runner.stand_by(request)
