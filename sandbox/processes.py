"""Runs inside the box: see, measure, kill and bury every process of it.

Limits: standard library only. Outside a PID namespace (in the runner's own tests) only the program itself is watched,
and its process group killed, so a daemon would survive there; in a box nothing does.
"""

# Every box pays for the import of pathlib or signal.
# ruff: noqa: PTH110, PTH208

import os
import resource
import time
from _collections_abc import Iterator
from _signal import SIGKILL  # type: ignore[import-not-found]

TICK_S = 0.02
STARVED_FACTOR = 4
"""A program that waits for a core gets that wall time back, up to so many times its limit."""
_REAP_S = 5.0
_INODE_BYTES = 1024
_PAGE = 4096
"""No file of the kernel that is read here is longer."""


def _processes(program: int) -> Iterator[int]:
    if os.getpid() != 1:
        return iter((program,))
    return (int(name) for name in os.listdir("/proc") if name.isdigit() and name != "1")


def _read(path: str) -> str:
    # A process may go between the listing and the reading, and the read itself then fails.
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(fd, _PAGE).decode("ascii", "replace")
    except OSError:
        return ""
    finally:
        os.close(fd)


def usage_of_all(program: int) -> tuple[float, int]:
    """Return CPU seconds and resident bytes of all processes of the box but this one."""
    ticks = pages = 0
    for pid in _processes(program):
        fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        if fields:
            ticks += sum(int(field) for field in fields[11:15])
            pages += int(fields[21])
    return ticks / os.sysconf("SC_CLK_TCK"), pages * resource.getpagesize()


def proportional_bytes(program: int) -> int:
    """Return the same memory with shared pages counted once; processes that hide their maps count in full."""
    total = 0
    for pid in _processes(program):
        shared_once = [line for line in _read(f"/proc/{pid}/smaps_rollup").splitlines() if line.startswith("Pss:")]
        statm = _read(f"/proc/{pid}/statm").split()
        if shared_once:
            total += int(shared_once[0].split()[1]) * 1024
        elif statm:
            total += int(statm[1]) * resource.getpagesize()
    return total


class OomCounter:
    """How often the kernel has killed in this box for lack of memory."""

    def __init__(self) -> None:
        self._fd = -1
        for path in ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"):
            if self._fd < 0 and os.path.exists(path):
                self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def read(self) -> int:
        """Return the count; 0 where no cgroup tells."""
        text = os.pread(self._fd, _PAGE, 0) if self._fd >= 0 else b""
        for line in text.splitlines():
            if line.startswith(b"oom_kill "):
                return int(line.split()[1])
        return 0


def files_bytes(directories: list[int]) -> int:
    """Return the memory that the files of the given tmpfs hold, their inodes included."""
    total = 0
    for directory in directories:
        room = os.fstatvfs(directory)
        total += (room.f_blocks - room.f_bfree) * room.f_frsize + (room.f_files - room.f_ffree) * _INODE_BYTES
    return total


def waited_for_a_core(program: int) -> float:
    """Return the seconds that the program was ready to run but a busy machine had no core for it."""
    fields = _read(f"/proc/{program}/schedstat").split()
    return int(fields[1]) / 1e9 if len(fields) > 1 else 0.0


class Watch:
    """Why a test must be ended: its wall clock, or the CPU or memory of all its processes and files together."""

    def __init__(self, program: int, directories: list[int], *, wall_s: float, cpu_s: float, memory_bytes: int) -> None:
        self._program = program
        self._directories = directories
        self._files_before = files_bytes(directories)
        self._waited_before = waited_for_a_core(program)
        self._started = self._looked = time.monotonic()
        self._wall_s = wall_s
        self._cpu_s = cpu_s
        self._memory_bytes = memory_bytes
        self.peak_bytes = 0

    def elapsed(self) -> float:
        """Return the wall seconds since the test began."""
        return time.monotonic() - self._started

    def waited(self) -> float:
        """Return the seconds of these in which the program had no core, though it could have run."""
        return waited_for_a_core(self._program) - self._waited_before

    def reason(self) -> str:
        """Return `deadline`, `cpu`, `memory`, or an empty text when the test may go on."""
        now = time.monotonic()
        over = now - self._started - self._wall_s
        if over >= 0 and over >= min(self.waited(), (STARVED_FACTOR - 1) * self._wall_s):
            return "deadline"
        if now - self._looked < TICK_S:
            return ""
        cpu_s, resident = usage_of_all(self._program)
        if resident > self._memory_bytes:
            resident = proportional_bytes(self._program)
        self._looked = time.monotonic()
        resident += max(0, files_bytes(self._directories) - self._files_before)
        self.peak_bytes = max(self.peak_bytes, resident)
        if resident > self._memory_bytes:
            return "memory"
        return "cpu" if cpu_s >= self._cpu_s else ""


def kill_all(program: int) -> None:
    """Kill every process of the box in one call, which no fork bomb outruns."""
    try:
        if os.getpid() == 1:
            os.kill(-1, SIGKILL)
        else:
            os.killpg(program, SIGKILL)
    except ProcessLookupError:
        return


def bury_all(program: int) -> dict[str, float]:
    """Kill and reap everything.

    Returns:
        `code` (negative: a signal), `cpu_s` and `peak_kb` of all that was reaped, `left` (how many beside the
        program), `stuck` (1 when something did not die in time).
    """
    facts = {"code": 0.0, "cpu_s": 0.0, "peak_kb": 0.0, "left": -1.0, "stuck": 0.0}
    give_up = time.monotonic() + _REAP_S
    while True:
        kill_all(program)
        try:
            gone, status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return facts
        if gone:
            facts["code"] = os.waitstatus_to_exitcode(status) if gone == program else facts["code"]
            facts["left"] += 1
            facts["cpu_s"] += usage.ru_utime + usage.ru_stime
            facts["peak_kb"] = max(facts["peak_kb"], usage.ru_maxrss)
        elif time.monotonic() > give_up:
            return facts | {"stuck": 1.0}
        else:
            time.sleep(0.0005)
