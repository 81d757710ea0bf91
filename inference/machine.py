"""What this machine offers a model: cores, memory, NVIDIA GPUs, and whether the installed llama.cpp can use them.

Nothing is loaded for it: the kernel's files and `nvidia-smi` are read. Memory that a container may not use does not
count, nor do GPUs that `CUDA_VISIBLE_DEVICES` hides. Limits: only NVIDIA GPUs are seen, and none of which that variable
names a part (MIG); its numbers are taken in nvidia-smi's order, which is CUDA's where all GPUs are alike, or with
`CUDA_DEVICE_ORDER=PCI_BUS_ID`; of cgroups only version 2 is read.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"
_MIB = 1 << 20
_QUERY = ("nvidia-smi", "--query-gpu=index,uuid,name,memory.total,memory.free", "--format=csv,noheader,nounits")
_PATIENCE_SECONDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One NVIDIA GPU; memory in bytes."""

    name: str
    total: int
    free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a model may use here; memory in bytes."""

    cores: int
    memory: int
    """All of it, or as much as the container may use."""
    memory_free: int
    """What can be had without swapping; file caches count as free."""
    gpus: tuple[Gpu, ...] = ()
    offload: bool = False
    """Whether the installed llama.cpp was built for NVIDIA GPUs."""

    @property
    def gpu_free(self) -> int:
        """Free memory of all GPUs that llama.cpp can use; it spreads the layers over them."""
        return sum(gpu.free for gpu in self.gpus) if self.offload else 0

    @property
    def idle_gpu(self) -> bool:
        """Whether there is a GPU that the installed llama.cpp cannot use."""
        return bool(self.gpus) and not self.offload


def look() -> Machine:
    """Look at this machine."""
    total, free = memory()
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        memory=total,
        memory_free=free,
        gpus=nvidia_gpus(),
        offload=built_for_cuda(),
    )


def nvidia_gpus() -> tuple[Gpu, ...]:
    """Ask `nvidia-smi` for the GPUs that CUDA may use, in the order it takes them.

    Empty where it is not installed, finds no GPU or no driver, or where `CUDA_VISIBLE_DEVICES` hides all of them.
    """
    if shutil.which(_QUERY[0]) is None:
        return ()
    try:
        done = subprocess.run(_QUERY, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    lines = _visible(done.stdout.splitlines(), os.environ.get(VISIBLE))
    return tuple(gpu for line in lines if (gpu := _gpu(line)) is not None)


def _visible(lines: Sequence[str], named: str | None) -> list[str]:
    """Keep the lines of the GPUs that are named by index or by the beginning of the UUID.

    As CUDA does, all where there is no such variable, and none from the first name on that means no GPU, such as -1.
    """
    if named is None:
        return list(lines)
    kept: list[str] = []
    for name in (part.strip() for part in named.split(",")):
        found = next((line for line in lines if _is_named(line, name)), None)
        if found is None:
            break
        kept.append(found)
    return kept


def _is_named(line: str, name: str) -> bool:
    index, uuid, *_ = (*(part.strip() for part in line.split(",", 2)), "")
    return name == index or (name.startswith("GPU-") and uuid.startswith(name))


def _gpu(line: str) -> Gpu | None:
    """Read one line such as `0, GPU-8a1c..., NVIDIA GeForce RTX 4090, 24564, 24080`, in MiB.

    None where a number is withheld.
    """
    rest = line.split(",", 2)[-1]
    name, total, free, *_ = (*(part.strip() for part in rest.rsplit(",", 2)), "", "")
    if not (total.isdigit() and free.isdigit()):
        return None
    return Gpu(name=name, total=int(total) * _MIB, free=int(free) * _MIB)


def built_for_cuda() -> bool:
    """Say whether the installed llama.cpp has its CUDA library, without loading it."""
    found = importlib.util.find_spec("llama_cpp")
    folders = found.submodule_search_locations if found else None
    return any(list(Path(folder).glob("lib/*cuda*")) for folder in folders or ())


def memory(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> tuple[int, int]:
    """Return (all, available) bytes of main memory that this process may use.

    Args:
        proc: the kernel's process file system.
        cgroups: where control groups are mounted.
    """
    lines = (line.split() for line in (proc / "meminfo").read_text(encoding="ascii").splitlines())
    known = {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines if len(words) > 1}
    total = known["MemTotal"]
    free = known.get("MemAvailable", known.get("MemFree", total))
    for limit, used in _group_limits(proc, cgroups):
        total, free = min(total, limit), min(free, max(0, limit - used))
    return total, free


def _group_limits(proc: Path, cgroups: Path) -> list[tuple[int, int]]:
    """Return (limit, used without file caches) of this process's control group and of those that hold it."""
    text = _text(proc / "self" / "cgroup")
    inside = next((line.removeprefix("0::") for line in text.splitlines() if line.startswith("0::")), "/")
    group = cgroups / inside.strip("/")
    limits = []
    for folder in (group, *group.parents):
        limit, used = _text(folder / "memory.max").strip(), _text(folder / "memory.current").strip()
        if limit.isdigit() and used.isdigit():
            limits.append((int(limit), int(used) - _inactive_files(folder)))
        if folder == cgroups:
            break
    return limits


def _inactive_files(folder: Path) -> int:
    for line in _text(folder / "memory.stat").splitlines():
        key, _, value = line.partition(" ")
        if key == "inactive_file" and value.isdigit():
            return int(value)
    return 0


def _text(path: Path) -> str:
    return path.read_text(encoding="ascii") if path.is_file() else ""
