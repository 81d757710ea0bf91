"""What deploy/cgroup-v2.sh runs in its virtual machine: hostile programs under a control group of version 2."""

from __future__ import annotations

import sys
from pathlib import Path

from sandbox.base import Limits, Program
from sandbox.bubblewrap import open_bubblewrap
from sandbox.cgroups import find_home
from sandbox.selftest import self_test

_HIDE = """
import mmap, os, time
kept = []
def hide(size):
    m = mmap.mmap(-1, size)
    for at in range(0, size, 1 << 20): m[at : at + (1 << 20)] = b'x' * (1 << 20)
    m.madvise(mmap.MADV_DONTNEED)
    kept.append(m)
"""
_PROGRAMS = {
    "a good one": ("print(sum(map(int, input().split())))", "completed"),
    "memory": ("x = []\nwhile True: x.append(b'x' * (1 << 20))", "memory"),
    "shared pages out of sight": (_HIDE + "for _ in range(8): hide(100 << 20)\ntime.sleep(9)", "memory"),
    "shared pages of many processes": (
        _HIDE + "for _ in range(2): os.fork()\nfor _ in range(4): hide(60 << 20)\ntime.sleep(9)",
        "memory",
    ),
    "children whose end is ignored": (
        "import os, signal, time\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nfor _ in range(4):\n"
        "    if os.fork() == 0:\n        end = time.process_time() + 3\n        while time.process_time() < end: pass\n"
        "        os._exit(0)\ntime.sleep(60)",
        "timeout",
    ),
}
_GROUPS = Path("/sys/fs/cgroup")


def main() -> int:
    """Print what each program did; return 0 when all ended as they must and no group is left."""
    home = find_home()
    failed = home is None or home.version != 2
    with open_bubblewrap(1) as sandbox:
        sys.stdout.write(f"{sandbox.notice}\n")
        for name, (source, wanted) in _PROGRAMS.items():
            limits = Limits(cpu_s=6, memory_mb=256, wall_s=120)
            (done,) = sandbox.run(Program(source=source, mode="stdio"), ["1 2 3"], limits)
            failed |= done.status != wanted
            words = f"{done.status}, {done.cpu_s:.2f} CPU s, peak {done.peak_mb:.0f} MB"
            sys.stdout.write(f"{name}: {words}{'' if done.status == wanted else f', NOT {wanted}'}\n")
        walls = self_test(sandbox)
        sys.stdout.write(f"{sum(wall.holds for wall in walls)} of {len(walls)} walls hold\n")
        failed |= not all(wall.holds for wall in walls)
    failed |= any(_GROUPS.glob("atlas-box-*"))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
