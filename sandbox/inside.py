"""What a box contains of this project, and how its first process is started; the same for every back end."""

from __future__ import annotations

INSIDE_FILES = (
    "__init__.py", "runner.py", "processes.py", "meters.py", "streams.py", "files.py", "launch.py", "harness.py",
    "startup/__init__.py", "startup/sitecustomize.py",
)  # fmt: skip
"""The files of this package that are shown to a box, as /opt/sandbox/sandbox/."""

USER_ID = 65532
"""User and group in a box; below 65536, so that an engine with user namespaces can map it."""

_START = "import sys; sys.path.insert(0, '/opt/sandbox'); from sandbox.runner import main; main(sys.argv[1:])"
RUNNER_OPTIONS = ("-I", "-S", "-B", "-c", _START)
"""Arguments of the interpreter that start the runner."""

RUNNER_ARGUMENTS = ("/opt/sandbox/sandbox/harness.py", "/box", "/tmp", "/dev/shm")
"""The harness, the working directory, and what else is wiped after each test."""

BUILD = "/build"
"""Where compilers put what they make: the only place from which a box may execute, and only where one compiles."""

MB = 1 << 20
WORK_BYTES = 64 * MB
TMP_BYTES = 16 * MB
SHM_BYTES = 16 * MB
BUILD_BYTES = 128 * MB
"""Sizes of the tmpfs of a box: /box, /tmp, /dev/shm and /build."""
RUNNER_BYTES = 16 * MB
INODES = 4096
"""Most files in each of them."""

HIDDEN_FILES = (
    "buddyinfo", "cmdline", "config.gz", "diskstats", "interrupts", "kallsyms", "keys", "key-users", "kpagecount",
    "kpageflags", "kpagecgroup", "latency_stats", "loadavg", "mdstat", "modules", "partitions", "sched_debug",
    "schedstat", "slabinfo", "softirqs", "stat", "swaps", "timer_list", "uptime", "version_signature", "vmallocinfo",
    "vmstat", "zoneinfo", "sys/kernel/random/boot_id", "sys/kernel/ns_last_pid",
)  # fmt: skip
HIDDEN_FOLDERS = ("acpi", "asound", "bus", "driver", "fs", "irq", "pressure", "scsi", "sysvipc", "tty")
"""What in /proc tells of the host and of other programs, and no program needs."""


def box_memory(program_bytes: int, *, builds: bool) -> int:
    """Return the memory of a whole box: the program's, plus the files and the runner that are charged to it too."""
    return program_bytes + WORK_BYTES + TMP_BYTES + SHM_BYTES + (BUILD_BYTES if builds else 0) + RUNNER_BYTES
