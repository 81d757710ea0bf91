"""Runs inside the box as PID 1: one process per test, watched, killed, wiped away; answers with facts.

It speaks only when spoken to: a request frame on standard input, one answer frame on standard output. A frame is two
big-endian 32-bit lengths, a JSON header and raw bytes. Being PID 1 protects it: the kernel drops SIGKILL and SIGSTOP
sent from inside its own PID namespace, and it is not dumpable, so that nobody can read its descriptors. It holds no
secret.

Limits: standard library only; run as `python3 -I -S -B -c "..." HARNESS WORK [MORE DIRECTORIES TO WIPE]`.
"""

# Every box pays for the import of pathlib.
# ruff: noqa: PTH109, PTH110, PTH120, PTH123

import ctypes
import json
import os
import resource
import select
import signal
import stat
import struct
import sys
from typing import Any

from sandbox.processes import TICK_S, Watch, bury_all, kill_all, oom_kills

SCHEMA = 1
_HEAD = struct.Struct(">II")
_CHUNK = 1 << 20
STDERR_TAIL = 4096
_WIPE_DEPTH = 64
_CONTROL_FD = 100
_ANSWER_FD = 101
_PR_SET_DUMPABLE = 4
_LIBC = ctypes.CDLL(None)
_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
# Not -I: it ignores PYTHONHASHSEED, and a set of strings would come out in another order on every run.
_PYTHON = [sys.executable, "-s", "-P", "-B"]

Request = dict[str, Any]


class Overflow(Exception):
    """A capped stream went past its cap."""


class Capture:
    """The bytes of one pipe: the first `keep` of them, or the last when `tail`."""

    def __init__(self, keep: int, *, tail: bool = False) -> None:
        self.read_fd, self._write_fd = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.read_fd, False)
        self.data = bytearray()
        self._keep = keep
        self._tail = tail

    def drain(self) -> bool:
        """Take what is there; return True at the end of the stream.

        Raises:
            Overflow: more came than may be kept, and it is not a tail that was asked for.
        """
        while True:
            try:
                chunk = os.read(self.read_fd, _CHUNK)
            except BlockingIOError:
                return False
            if not chunk:
                return True
            self.data += chunk
            if self._tail:
                del self.data[: -self._keep]
            elif len(self.data) > self._keep:
                del self.data[self._keep :]
                raise Overflow

    def write_end(self) -> int:
        """Return the end that the program gets."""
        return self._write_fd

    def keep_reading_only(self) -> None:
        """Leave the writing to the program."""
        os.close(self._write_fd)

    def close(self) -> None:
        """Close the reading end."""
        os.close(self.read_fd)


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

    header_size, body_size = _HEAD.unpack(exactly(_HEAD.size))
    return json.loads(exactly(header_size)), exactly(body_size)


def answer(header: dict[str, Any], body: bytes = b"") -> None:
    """Send one frame to the host."""
    text = json.dumps(header).encode("ascii")
    data = memoryview(_HEAD.pack(len(text), len(body)) + text + body)
    while data:
        data = data[os.write(_ANSWER_FD, data) :]


def _become_program(request: Request, command: list[str], stdio: list[int]) -> None:
    os.setsid()
    # Makes /proc/self writable again, so that the kernel ends the program before the runner when memory runs out.
    _LIBC.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as stream:
        stream.write("1000")
    for kind, most in request["rlimits"].items():
        number = getattr(resource, "RLIMIT_" + kind)
        hard = resource.getrlimit(number)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(number, (most, most))
    if request["nice"]:  # under a `nice` of somebody's, going back to 0 is refused
        os.setpriority(os.PRIO_PROCESS, 0, request["nice"])
    for target, fd in enumerate(stdio):
        os.dup2(fd, target)
    os.closerange(len(stdio), 1024)
    for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.execve(command[0], command, _ENVIRONMENT | {"HOME": os.getcwd()})


def _start(request: Request, command: list[str], stdio: list[int]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        _become_program(request, command, stdio)
    finally:
        os._exit(127)


def _wait(pid: int, captures: list[Capture], watch: Watch) -> str:
    """Return why the test ended: `exit`, `output` or the watch's word; never the end of a pipe, daemons hold those."""
    by_fd = {capture.read_fd: capture for capture in captures}
    poller = select.poll()
    for fd in by_fd:
        poller.register(fd, select.POLLIN)
    poller.register(_CONTROL_FD, 0)
    pidfd = os.pidfd_open(pid)
    poller.register(pidfd, select.POLLIN)
    try:
        return _watch_until_end(pid, poller, by_fd, watch)
    except Overflow:
        return "output"
    finally:
        os.close(pidfd)


def _watch_until_end(pid: int, poller: select.poll, by_fd: dict[int, Capture], watch: Watch) -> str:
    while True:
        for fd, _ in poller.poll(TICK_S * 1000):
            if fd == _CONTROL_FD:
                kill_all(pid)
                os._exit(0)
            if fd in by_fd and by_fd[fd].drain():
                poller.unregister(fd)
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return "exit"
        if reason := watch.reason():
            return reason


def wipe(directory: int, depth: int = 0) -> bool:
    """Empty an open directory without following a link; return True when nothing is left in it."""
    clean = True
    for name in os.listdir(directory):
        try:
            if stat.S_ISDIR(os.lstat(name, dir_fd=directory).st_mode):
                clean = _wipe_inner(name, directory, depth) and clean
            else:
                os.unlink(name, dir_fd=directory)
        except OSError:
            clean = False
    return clean


def _wipe_inner(name: str, directory: int, depth: int) -> bool:
    if depth >= _WIPE_DEPTH:
        return False
    os.chmod(name, 0o700, dir_fd=directory)
    inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        clean = wipe(inner, depth + 1)
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=directory)
    return clean


class Runner:
    """What the box remembers between two requests: the program's source and the directories to wipe."""

    def __init__(self, harness: str, wiped: list[str]) -> None:
        compiled = f"{os.path.dirname(harness)}/__pycache__/harness.{sys.implementation.cache_tag}.pyc"
        self._harness = compiled if os.path.exists(compiled) else harness
        self._wiped = [os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) for path in wiped]
        self._source = b""
        os.chdir(wiped[0])

    def _clean(self) -> bool:
        for directory in self._wiped:
            if os.fstat(directory).st_uid == os.getuid():
                os.fchmod(directory, 0o700)
        return all([wipe(directory) for directory in self._wiped])

    def _prepare(self, stdin: bytes) -> int:
        """Write the source anew, since the last test may have changed it; return standard input, opened."""
        with open("main.py", "wb") as stream:
            stream.write(self._source)
        fd = os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        with open(fd, "wb", closefd=False) as stream:
            stream.write(stdin)
        os.lseek(fd, 0, os.SEEK_SET)
        return fd

    def test(self, request: Request, body: bytes) -> tuple[dict[str, Any], bytes]:
        """Run the program once; return the facts and, in one piece, standard output, error output and value."""
        if request["source_bytes"]:
            self._source = body[: request["source_bytes"]]
        stdin = self._prepare(body[request["source_bytes"] :])
        entry = request["entry_point"]
        command = [*_PYTHON, self._harness, entry] if entry else [*_PYTHON, "main.py"]
        captures = [Capture(request["output_bytes"]), Capture(STDERR_TAIL, tail=True)]
        captures += [Capture(request["output_bytes"])] if entry else []
        before = oom_kills()
        pid = _start(request, command, [stdin, *(capture.write_end() for capture in captures)])
        watch = Watch(pid, self._wiped, **{key: request[key] for key in ("wall_s", "cpu_s", "memory_bytes")})
        for capture in captures:
            capture.keep_reading_only()
        ended = _wait(pid, captures, watch)
        facts: dict[str, Any] = {"wall_s": watch.elapsed(), **bury_all(pid), "oom_kills": oom_kills() - before}
        facts["ended"] = _drain_rest(captures, ended)
        facts["peak_kb"] = max(facts["peak_kb"], watch.peak_bytes / 1024)
        facts["sizes"] = [len(capture.data) for capture in captures]
        os.close(stdin)
        facts["dirty"] = bool(facts["stuck"]) or not self._clean()
        return facts, b"".join(bytes(capture.data) for capture in captures)


def _drain_rest(captures: list[Capture], ended: str) -> str:
    for capture in captures:
        try:
            capture.drain()
        except Overflow:
            ended = "output" if ended == "exit" else ended
        capture.close()
    return ended


def _settle() -> None:
    _LIBC.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    # The kernel drops signals to PID 1 unless it has a handler, and Python installs one for SIGINT.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(0, _CONTROL_FD, inheritable=False)
    os.dup2(1, _ANSWER_FD, inheritable=False)
    null = os.open(os.devnull, os.O_RDWR)
    # 3 too: no pipe may get a number that a program's descriptors are moved to.
    for fd in range(4):
        os.dup2(null, fd)


def main(arguments: list[str]) -> None:
    """Answer requests until the host hangs up.

    Args:
        arguments: path of the harness, then the working directory and the others to wipe after each test.
    """
    _settle()
    runner = Runner(arguments[0], arguments[1:])
    while True:
        request, body = receive()
        if request["kind"] == "hello":
            facts: dict[str, Any] = {"schema": SCHEMA, "pid": os.getpid(), "python": sys.version.split()[0]}
            answer({"nonce": request["nonce"], **facts})
            continue
        facts, output = runner.test(request, body)
        answer({"nonce": request["nonce"], **facts}, output)
