"""How many threads decode: one for each physical core that this process may use.

Two hardware threads of a core share the units that multiply, so a second one only gets in the way. The sandbox borrows
a core for the milliseconds in which a program runs; it needs none of its own, as threads that wait sleep
(`inference/llama.py`). What a container's quota allows counts, in both versions of control groups.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

_CPUS = Path("/sys/devices/system/cpu")
_PROC = Path("/proc")
_GROUPS = Path("/sys/fs/cgroup")


def decoding_threads() -> int:
    """Return the threads that a model gets by default."""
    return threads_for(os.sched_getaffinity(0))


def threads_for(cpus: Iterable[int], *, topology: Path = _CPUS, proc: Path = _PROC, groups: Path = _GROUPS) -> int:
    """Return one thread for each physical core among some hardware threads, and no more than a quota lets run.

    Args:
        cpus: numbers of the hardware threads that may be used.
        topology: the kernel's folder of processors.
        proc: the kernel's folder of processes.
        groups: where control groups are mounted.
    """
    cores = {_siblings(topology, cpu) for cpu in cpus}
    return max(1, min([len(cores), *(int(quota) for quota in _quotas(proc, groups))]))


def _siblings(topology: Path, cpu: int) -> str:
    """Return the hardware threads of a processor's core, as the kernel lists them."""
    for name in ("core_cpus_list", "thread_siblings_list"):
        if listed := _text(topology / f"cpu{cpu}" / "topology" / name):
            return listed
    return str(cpu)


def _quotas(proc: Path, groups: Path) -> Iterator[float]:
    """Yield the processors that each control group of this process, and those that hold it, may keep busy."""
    for line in _text(proc / "self" / "cgroup").splitlines():
        _, controllers, inside = (*line.split(":", 2), "", "")[:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = groups / controllers if controllers else groups
        group = root / inside.strip("/")
        for folder in (group, *group.parents):
            yield from _quota(folder)
            if folder == root:
                break


def _quota(folder: Path) -> Iterator[float]:
    quota, _, period = _text(folder / "cpu.max").partition(" ")
    if not quota:
        quota, period = _text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")
    if quota.isdigit() and period.isdigit() and int(period):
        yield int(quota) / int(period)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
