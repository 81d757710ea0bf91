"""Runs inside the box: how much processor time and memory its processes have used, dead ones too.

Exact where the kernel keeps the account: in a control group that holds the box and nothing else. Elsewhere `Watched`
adds up what /proc tells of each process.

Limits: standard library only. Outside a PID namespace (in the runner's own tests) only the program itself is watched.
"""

# Every box pays for the import of pathlib or signal.
# ruff: noqa: PTH110, PTH208

from __future__ import annotations

import os
import resource
import time
from _collections_abc import Iterator

_CPU = ("/sys/fs/cgroup/cpu.stat", "/sys/fs/cgroup/cpuacct/cpuacct.usage")
_IN_A_GROUP = {
    "cpu": _CPU,
    "memory": ("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    "stat": ("/sys/fs/cgroup/memory.stat", "/sys/fs/cgroup/memory/memory.stat"),
    "events": ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"),
}
_PAGE = 4096
"""No file of the kernel that is read here is longer."""
_INODE_BYTES = 1024
_SOCKET_BYTES = 640 << 10
"""Most that one socket of the default sizes can make the kernel hold."""
_STACK_BYTES = 16 << 10
"""What the kernel holds for each thread."""


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


def files_of_the_group() -> dict[str, int]:
    """Return open files of the group that this process is alone in, as a container is; none where there are none."""
    if os.getpid() != 1:
        return {}
    found = {}
    for name, paths in _IN_A_GROUP.items():
        for path in paths:
            if name not in found and os.path.exists(path):
                found[name] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    return found if len(found) == len(_IN_A_GROUP) else {}


def waited_for_a_core(program: int) -> float:
    """Return the seconds that the program was ready to run but had no core for it."""
    fields = _read(f"/proc/{program}/schedstat").split()
    return int(fields[1]) / 1e9 if len(fields) > 1 else 0.0


class Grouped:
    """The kernel's own account of a group of processes."""

    exact = True

    def __init__(self, files: dict[str, int]) -> None:
        self._files = files
        self._cpu_before = self._cpu()
        self._memory_before = self._memory()

    def _text(self, name: str) -> bytes:
        return os.pread(self._files[name], _PAGE, 0)

    def _sum(self, name: str, words: tuple[bytes, ...]) -> int:
        """Return the sum of the numbers on the lines that begin with one of the words."""
        return sum(int(line.split()[1]) for line in self._text(name).splitlines() if line.startswith(words))

    def _cpu(self) -> float:
        text = self._text("cpu").split()
        used = int(text[0]) / 1e9 if len(text) == 1 else self._sum("cpu", (b"usage_usec ",)) / 1e6
        # This process belongs to the group, and is none of the program's.
        return used - time.process_time()

    def _memory(self) -> int:
        """Return the bytes that the group holds, without what the kernel keeps of files and gives back when asked."""
        return int(self._text("memory")) - self._sum("stat", (b"inactive_file ", b"active_file "))

    def cpu_s(self) -> float:
        """Return the processor seconds of all processes since this meter was made."""
        return self._cpu() - self._cpu_before

    def memory(self) -> int:
        """Return the bytes that were taken since this meter was made, and are held: files, shared ones, sockets too."""
        return self._memory() - self._memory_before

    def kills(self) -> int:
        """Return how often the kernel has killed for lack of memory, ever."""
        return self._sum("events", (b"oom_kill ",))


class Watched:
    """What /proc tells: every process is looked at, and the time of those that are gone is kept.

    The filter refuses what could not be seen so: shared memory without a file, and a parent that ignores its children's
    end in a language that has no need to (sandbox/seccomp.py).
    """

    exact = False

    def __init__(self, program: int, directories: list[int]) -> None:
        self._program = program
        self._directories = directories
        self._alone = os.getpid() != 1
        self._highest = self._lost = self._lower = 0.0
        self._buried_before = _buried()
        self._files_before = self._files()
        self._sockets_before = self._sockets()

    def _processes(self) -> Iterator[int]:
        if self._alone:
            return iter((self._program,))
        return (int(name) for name in os.listdir("/proc") if name.isdigit() and name != "1")

    def cpu_s(self) -> float:
        """Return the processor seconds of all processes, of dead ones as far as they were seen or buried."""
        ticks = 0
        for pid in self._processes():
            fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
            if fields:
                ticks += sum(int(field) for field in fields[11:15])
        seen = ticks / os.sysconf("SC_CLK_TCK")
        if not self._alone:
            seen += _buried() - self._buried_before
        return self._never_less(seen) + self._lost

    def _never_less(self, seen: float) -> float:
        """Time that vanished with a process whose parent did not ask for it is lost to the kernel, not to us."""
        if seen >= self._highest:
            self._highest, self._lower = seen, 0.0
        elif self._lower:
            # Seen twice: not just a process that was buried while the others were being read.
            self._lost += self._highest - max(seen, self._lower)
            self._highest, self._lower = max(seen, self._lower), 0.0
        else:
            self._lower = seen
        return max(seen, self._highest)

    def memory(self) -> int:
        """Return the bytes of all processes, their page tables, the files and the sockets."""
        total = max(0, self._files() - self._files_before) + self._kernel()
        return total + sum(map(self._resident, self._processes()))

    def proportional(self) -> int:
        """Return the same with shared pages counted once; processes that hide their maps count in full."""
        total = max(0, self._files() - self._files_before) + self._kernel()
        for pid in self._processes():
            shared_once = [line for line in _read(f"/proc/{pid}/smaps_rollup").splitlines() if line.startswith("Pss:")]
            total += int(shared_once[0].split()[1]) * 1024 if shared_once else self._resident(pid)
        return total

    def _resident(self, pid: int) -> int:
        status = _read(f"/proc/{pid}/status")
        fields = _kilobytes(status)
        if "VmRSS" not in fields and "\nThreads:\t1\n" not in status:
            # The first thread has ended and others have not: they tell what the process holds.
            for thread in os.listdir(f"/proc/{pid}/task") if os.path.exists(f"/proc/{pid}/task") else ():
                fields = _kilobytes(_read(f"/proc/{pid}/task/{thread}/status"))
                if "VmRSS" in fields:
                    break
        return 1024 * sum(fields.get(name, 0) for name in ("VmRSS", "VmSwap", "VmPTE")) + _STACK_BYTES

    def _files(self) -> int:
        """Return the memory that the files of the box hold, their inodes included."""
        total = 0
        for directory in self._directories:
            room = os.fstatvfs(directory)
            total += (room.f_blocks - room.f_bfree) * room.f_frsize + (room.f_files - room.f_ffree) * _INODE_BYTES
        return total

    def _kernel(self) -> int:
        return 0 if self._alone else max(0, self._sockets() - self._sockets_before) * _SOCKET_BYTES

    def _sockets(self) -> int:
        """Return how many sockets there are in this box."""
        words = _read("/proc/net/sockstat").split()
        return int(words[2]) if len(words) > 2 and words[:2] == ["sockets:", "used"] else 0

    def kills(self) -> int:
        """Return 0: nobody tells."""
        return 0


def _buried() -> float:
    """Return the processor seconds of all children that this process has buried."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _kilobytes(status: str) -> dict[str, int]:
    # The first line is the process's own choice of a name.
    words = (line.split() for line in status.partition("\n")[2].splitlines() if line.endswith(" kB"))
    return {parts[0].rstrip(":"): int(parts[1]) for parts in words}


Meter = Grouped | Watched
