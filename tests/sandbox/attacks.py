"""Hostile programs that want more than their share: processes, memory, disk, output; each with its right ending."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.base import RunStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One program that reads standard input, and how it must end."""

    name: str
    source: str
    status: RunStatus = "completed"
    or_status: RunStatus | None = None
    """Where Python's versions differ."""
    watched: RunStatus | None = None
    """How it ends where no control group counts, if otherwise."""
    output: str = ""
    """Standard output, stripped; compared only where the attack ends as `completed`."""
    cpu_s: float = 5.0
    memory_mb: int = 256


TRY = """
import ctypes, errno, os, signal, socket, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
def attempt(action, *arguments):
    try:
        action(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
    return "allowed"
def syscall(*arguments):
    ctypes.set_errno(0)
    if libc.syscall(*[ctypes.c_long(argument) for argument in arguments]) >= 0:
        return "allowed"
    return errno.errorcode[ctypes.get_errno()]
"""

REFUSALS = "{'EPERM', 'EACCES', 'EROFS', 'ENOENT', 'EINVAL', 'ENOSYS', 'EAFNOSUPPORT', 'ENOTDIR', 'ESRCH'}"


def refused(name: str, attempts: str) -> Attack:
    """An attack that makes several attempts and prints those that were not refused."""
    source = f"{TRY}\nseen = {{{attempts}}}\nprint({{k: v for k, v in seen.items() if v not in {REFUSALS}}})"
    return Attack(name=name, source=source, output="{}")


PROCESSES = [
    Attack(
        name="fork-bomb",
        source="import os\nwhile True:\n  try: os.fork()\n  except OSError: pass",
        status="timeout",
        cpu_s=0.5,
    ),
    Attack(
        name="thread-bomb",
        source=TRY + "n = 0\ntry:\n  while True: threading.Thread(target=time.sleep, args=(9,)).start(); n += 1\n"
        "except RuntimeError: print(n < 64, flush=True); os._exit(0)",
        output="True",
    ),
    Attack(name="kill-everything", source=TRY + "attempt(os.kill, -1, 9)\nprint('here')", output="here"),
    Attack(
        name="ignore-all-signals",
        source=TRY + "for n in range(1, 65):\n  try: signal.signal(n, signal.SIG_IGN)\n"
        "  except (OSError, ValueError): pass\nwhile True: pass",
        status="timeout",
        cpu_s=0.3,
    ),
    Attack(name="stop-oneself", source=TRY + "os.kill(os.getpid(), signal.SIGSTOP)", status="timeout", cpu_s=0.2),
    Attack(
        name="zombies", source=TRY + "for _ in range(30):\n  if os.fork() == 0: os._exit(0)\nprint('z')", output="z"
    ),
    Attack(
        name="leave-a-daemon-that-holds-the-pipes",
        source=TRY + "if os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0: time.sleep(60)\n  os._exit(0)\n"
        "print('d')",
        output="d",
    ),
    Attack(
        name="spin-in-many-processes",
        source=TRY + "for _ in range(3): os.fork()\nwhile True: pass",
        status="timeout",
        cpu_s=0.5,
    ),
    Attack(name="sleep", source="print('z', flush=True)\nimport time; time.sleep(99)", status="timeout", cpu_s=0.2),
    Attack(name="run-another-program", source="import subprocess, sys\nprint(subprocess.run([sys.executable, '-c', "
           "'print(1)'], capture_output=True, text=True).stdout)", output="1"),
]  # fmt: skip
MEMORY = [
    Attack(name="one-hog", source="x = b'x' * (1 << 30)\nprint(len(x))", status="memory"),
    Attack(name="slow-hog", source="x = []\nwhile True: x.append(b'x' * (1 << 20))", status="memory"),
    Attack(
        name="many-small-hogs",
        source="import os, time\nfor _ in range(3): os.fork()\nx = b'x' * (60 << 20)\ntime.sleep(9)",
        status="memory",
    ),
    Attack(
        name="shared-mapping",
        source="import mmap, os, time\nfor _ in range(2):\n  os.fork()\n  m = mmap.mmap(-1, 200 << 20)\n"
        "  m.write(b'x' * (200 << 20))\ntime.sleep(9)",
        status="memory",
        watched="runtime_error",
    ),
    Attack(name="enormous-text", source="x = 'x' * 10**14", status="memory"),
    Attack(
        name="caught-memory-error",
        source="try: x = b'x' * (1 << 40)\nexcept MemoryError: print('caught')",
        output="caught",
    ),
    Attack(
        name="fill-shared-memory-files",
        source=TRY + "print(attempt(lambda: open('/dev/shm/f', 'wb', 0).write(b'x' * (17 << 20)) == 17 << 20 or "
        "open('/dev/shm/f', 'ab', 0).write(b'x' * (9 << 20))))",
        output="ENOSPC",
    ),
    refused("hidden-memory", "'memfd': syscall(319, 0, 0), 'shmget': syscall(29, 7, 4096, 0o1666)"),
    Attack(
        name="stack-overflow-in-c",
        source="import sys\nsys.setrecursionlimit(10**9)\nclass A:\n  def __repr__(s): return repr(s)\nrepr(A())",
        status="runtime_error",
    ),
    Attack(name="deep-recursion", source="def f(n): return f(n + 1)\nf(0)", status="runtime_error"),
]
DISK = [
    Attack(
        name="fill-the-work-folder",
        source=TRY + "def fill():\n  for n in range(9): open(f'f{n}', 'wb', 0).write(b'x' * (16 << 20))\n"
        "print(attempt(fill) in ('ENOSPC', 'allowed'), sum(os.path.getsize(n) for n in os.listdir()) <= 64 << 20)",
        output="True True",
    ),
    Attack(
        name="one-enormous-file",
        source=TRY + "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "print(attempt(lambda: open('f', 'wb').truncate(1 << 40)))",
        output="EFBIG",
    ),
    Attack(
        name="write-where-it-is-not-allowed",
        source=TRY + "roots = ['/', '/usr', '/etc', '/opt/sandbox', '/opt/sandbox/sandbox', '/dev', '/proc', '/sys', "
        "'/var', '/usr/lib', '/bin']\n"
        "print([r for r in roots if attempt(lambda: open(r + '/x', 'w')) == 'allowed'])",
        output="[]",
    ),
    Attack(
        name="a-hundred-thousand-files",
        source=TRY + "def fill():\n  for n in range(100_000): open(f'{n}', 'w').close()\n"
        "print(attempt(fill) in ('ENOSPC', 'allowed'))",
        output="True",
    ),
    Attack(
        name="folders-too-deep-to-wipe",
        source=TRY + "for n in range(1000): os.mkdir('d'); os.chdir('d')\nprint(n)",
        output="999",
    ),
    Attack(
        name="odd-names-and-modes",
        source=TRY + "os.mkdir(b'\\xff\\n*'); open(b'\\xff\\n*/-rf', 'w'); os.chmod(b'\\xff\\n*', 0)\n"
        "os.chmod('.', 0)\nprint('o')",
        output="o",
    ),
    Attack(
        name="links-out-of-the-box",
        source=TRY + "os.symlink('/', 'root'); os.symlink('/dev/zero', 'zero'); os.mkfifo('fifo'); print('l')",
        output="l",
    ),
]
OUTPUT = [
    Attack(name="flood", source="while True: print('x' * 9999)", status="output_limit"),
    Attack(name="flood-in-one-write", source="print('x' * (50 << 20))", status="output_limit"),
    Attack(name="flood-of-errors", source="import sys\nwhile True: sys.stderr.write('x' * 9999)", status="timeout",
           cpu_s=0.3),
    Attack(name="no-text-at-all", source="import os; os.write(1, bytes(range(128, 256)))", output="\ufffd" * 128),
    Attack(name="closed-output", source="import os\nos.close(1); os.close(2)\nos._exit(0)"),
    Attack(name="error-line-without-end", source="x = '" + "a" * 200_000 + "' + 1", status="runtime_error"),
]  # fmt: skip

ALL = [*PROCESSES, *MEMORY, *DISK, *OUTPUT]
