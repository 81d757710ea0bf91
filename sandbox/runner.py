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
import struct
import sys
from typing import Any, NoReturn

from sandbox.files import read_artifact, unnamed, wipe, write_anew
from sandbox.processes import TICK_S, Watch, bury_all, kill_all, oom_kills, waited_for_a_core
from sandbox.streams import STDERR_TAIL, Capture, Overflow, drain_rest

SCHEMA = 2
_HEAD = struct.Struct(">II")
_CHUNK = 1 << 20
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
_ONLY_PARSE = 0x400

Request = dict[str, Any]


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


def _become_program(request: Request, program: list[str] | bytes, stdio: list[int]) -> None:
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
    # Nobody may raise the priority that a host under `nice` handed down.
    os.setpriority(os.PRIO_PROCESS, 0, max(request["nice"], os.getpriority(os.PRIO_PROCESS, 0)))
    for target, fd in enumerate(stdio):
        os.dup2(fd, target)
    os.closerange(len(stdio), 1024)
    for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    if isinstance(program, bytes):
        _parse(program, request["file"])
    os.execve(program[0], program, _ENVIRONMENT | {"HOME": os.getcwd()} | request["environment"])


def _parse(source: bytes, name: str) -> NoReturn:
    """End this process with 0 when the source parses, else with 1 and what Python says about it."""
    try:
        compile(source, name, "exec", _ONLY_PARSE, dont_inherit=True)
    except SyntaxError as error:
        sys.__excepthook__(SyntaxError, error.with_traceback(None), None)
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


def _start(request: Request, program: list[str] | bytes, stdio: list[int]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        _become_program(request, program, stdio)
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


class Runner:
    """What the box remembers between two requests: the program's files and the directories to wipe."""

    def __init__(self, harness: str, wiped: list[str]) -> None:
        compiled = f"{os.path.dirname(harness)}/__pycache__/harness.{sys.implementation.cache_tag}.pyc"
        self._names = {"{python}": sys.executable, "{harness}": compiled if os.path.exists(compiled) else harness}
        self._wiped = [os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) for path in wiped]
        self._files: dict[str, bytes] = {}
        os.chdir(wiped[0])

    def _clean(self) -> bool:
        for directory in self._wiped:
            if os.fstat(directory).st_uid == os.getuid():
                os.fchmod(directory, 0o700)
        return all([wipe(directory) for directory in self._wiped])

    def handle(self, request: Request, body: bytes) -> tuple[dict[str, Any], bytes]:
        """Run a program once, on a test or through its compiler or only through the parser.

        Returns:
            The facts, and in one piece standard output, error output and, if asked for, the value.
        """
        source, stdin = body[: request["source_bytes"]], body[request["source_bytes"] :]
        if source:
            self._files = {request["file"]: source}
        # An idle directory is clean; written anew each time, since the last test may have changed the files.
        write_anew(self._files)
        compiles = request["kind"] == "compile"
        captures = [Capture(request["output_bytes"], dropped=compiles)]
        captures += [Capture(STDERR_TAIL, tail=not compiles, dropped=compiles)]
        captures += [Capture(request["output_bytes"])] if request["value"] else []
        facts = self._run(request, unnamed(stdin), captures)
        if compiles:
            made = read_artifact(request["artifact"]) if facts["ended"] == "exit" and not facts["code"] else b""
            self._files = {request["artifact"]: made}
            facts["made_bytes"] = len(made)
        facts["dirty"] = bool(facts["stuck"]) or not self._clean()
        return facts, b"".join(bytes(capture.data) for capture in captures)

    def _run(self, request: Request, stdin: int, captures: list[Capture]) -> dict[str, Any]:
        command = [self._names.get(word, word) for word in request["command"]]
        before = oom_kills()
        source = self._files[request["file"]] if request["kind"] == "parse" else b""
        pid = _start(request, command or source, [stdin, *(capture.write_end() for capture in captures)])
        watch = Watch(pid, self._wiped, **{key: request[key] for key in ("wall_s", "cpu_s", "memory_bytes")})
        for capture in captures:
            capture.keep_reading_only()
        ended = _wait(pid, captures, watch)
        facts: dict[str, Any] = {"wall_s": watch.elapsed(), "waited_s": waited_for_a_core(pid)}
        facts |= {**bury_all(pid), "oom_kills": oom_kills() - before}
        facts["ended"] = drain_rest(captures, ended)
        facts["peak_kb"] = max(facts["peak_kb"], watch.peak_bytes / 1024)
        facts["sizes"] = [len(capture.data) for capture in captures]
        os.close(stdin)
        return facts


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
        facts, output = runner.handle(request, body)
        answer({"nonce": request["nonce"], **facts}, output)
