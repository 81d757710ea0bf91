"""Control groups for boxes that are no containers: the kernel bounds the memory of a whole box, and keeps its accounts.

A group is made for each box, beneath the group of this process (version 1 of the kernel's interface) or beneath the
nearest of its ancestors that hands memory on (version 2), where this user may do so. Root may, unless it sits in a
container; a user may in what systemd manages for him, as `systemd-run --user --scope` does. A group is made, given a
limit, entered and read once before any is relied on.

Limits: none is asked of systemd; a login over SSH is no place where a user may make groups.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from sandbox.inside import MB
from sandbox.sweeping import started_at

_PREFIX = "atlas-box-"
_METER = {
    1: {
        "cpu": ("cpu", "cpuacct.usage"),
        "memory": ("memory", "memory.usage_in_bytes"),
        "stat": ("memory", "memory.stat"),
        "events": ("memory", "memory.oom_control"),
    },
    2: {
        "cpu": ("cpu", "cpu.stat"),
        "memory": ("memory", "memory.current"),
        "stat": ("memory", "memory.stat"),
        "events": ("memory", "memory.events"),
    },
}
_LIMITS = {
    1: ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
    2: ("memory.max", "memory.swap.max"),
}
_REMOVE_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where groups of boxes can be made."""

    version: int
    memory: Path
    cpu: Path
    """The same folder in version 2."""

    def folders(self) -> dict[str, Path]:
        """Return the folders by what they account for, each once."""
        return {"memory": self.memory} | ({"cpu": self.cpu} if self.cpu != self.memory else {})


class Group:
    """The group of one box, and what the box's runner reads its accounts from."""

    def __init__(self, home: Home, name: str, memory_bytes: int) -> None:
        """Make it.

        Raises:
            OSError: the kernel refused.
        """
        self._version = home.version
        self._folders = {kind: folder / name for kind, folder in home.folders().items()}
        try:
            for folder in self._folders.values():
                folder.mkdir()
            self.limit(memory_bytes)
        except BaseException:
            self.remove()
            raise

    def _folder(self, kind: str) -> Path:
        return self._folders.get(kind, self._folders["memory"])

    def paths(self) -> list[str]:
        """Return the files into which a process writes `0` that wants to enter."""
        return [str(folder / "cgroup.procs") for folder in self._folders.values()]

    def doors(self) -> list[int]:
        """Return new descriptors of these files, with this process's right to write."""
        return [os.open(path, os.O_WRONLY | os.O_CLOEXEC) for path in self.paths()]

    def accounts(self) -> dict[str, int]:
        """Return new descriptors of the files that tell what the group has used."""
        named = {name: self._folder(kind) / file for name, (kind, file) in _METER[self._version].items()}
        return {name: os.open(path, os.O_RDONLY | os.O_CLOEXEC) for name, path in named.items()}

    def limit(self, memory_bytes: int) -> None:
        """Let the whole group hold so many bytes, and swap nothing out.

        Raises:
            OSError: the kernel refused.
        """
        memory, swap = (self._folder("memory") / name for name in _LIMITS[self._version])
        swapped = 0 if self._version == 2 else memory_bytes
        # The sum of version 1 may never be below the memory: it is raised first, or lowered last.
        order = [(swap, swapped), (memory, memory_bytes)]
        if self._version == 2 or not swap.exists() or int(swap.read_text(encoding="ascii")) >= memory_bytes:
            order.reverse()
        for path, value in order:
            if path == memory or path.exists():
                path.write_text(str(value), encoding="ascii")

    def kills(self) -> int:
        """Return how often the kernel killed in it for lack of memory."""
        kind, name = _METER[self._version]["events"]
        text = (self._folder(kind) / name).read_text(encoding="ascii")
        return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("oom_kill "))

    def remove(self) -> bool:
        """Remove it; return whether it has gone: not as long as a process is in it."""
        gone = True
        for folder in self._folders.values():
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                gone = False
        return gone


class Groups:
    """All groups of one sandbox; those whose processes take their time to end are removed later."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._numbers = count()
        self._lock = threading.Lock()
        self._leaving: list[Group] = []

    @property
    def version(self) -> int:
        """Version of the kernel's interface."""
        return self._home.version

    def make(self, memory_bytes: int) -> Group:
        """Return a new group.

        Raises:
            OSError: the kernel refused.
        """
        self._bury()
        return Group(self._home, f"{_owned()}{next(self._numbers)}-{os.urandom(4).hex()}", memory_bytes)

    def leave(self, group: Group) -> None:
        """Remove a group, now or later."""
        if not group.remove():
            with self._lock:
                self._leaving.append(group)

    def close(self) -> None:
        """Remove what is left."""
        give_up = time.monotonic() + _REMOVE_S
        while self._bury() and time.monotonic() < give_up:
            time.sleep(_REMOVE_S / 100)

    def _bury(self) -> bool:
        with self._lock:
            self._leaving = [group for group in self._leaving if not group.remove()]
            return bool(self._leaving)


def find_home() -> Home | None:
    """Return where groups can be made, or None where that cannot be."""
    for home in _homes():
        sweep_groups(home)
        if _works(home):
            return home
    return None


def _works(home: Home) -> bool:
    """Make a group, let a process enter it, read its accounts."""
    groups = Groups(home)
    try:
        group = groups.make(64 * MB)
        try:
            for fd in group.accounts().values():
                os.close(fd)
            enter = 'for door; do echo 0 >"$door" || exit 1; done'
            return (
                subprocess.run(
                    ["/bin/sh", "-c", enter, "sh", *group.paths()], check=False, stderr=subprocess.DEVNULL
                ).returncode
                == 0
            )
        finally:
            groups.leave(group)
    except OSError:
        return False
    finally:
        groups.close()


def _homes() -> list[Home]:
    try:
        mounts, own = _mounts(), _own_groups()
    except OSError:
        return []
    homes = []
    if "memory" in mounts and "cpuacct" in mounts:
        memory, cpu = (_beneath(mounts[kind], own.get(kind, "/")) for kind in ("memory", "cpuacct"))
        homes.append(Home(version=1, memory=memory, cpu=cpu))
    if "" in mounts:
        unified = _beneath(mounts[""], own.get("", "/"))
        above = [path for path in (unified, *unified.parents) if path.is_relative_to(mounts[""])]
        homes += [Home(version=2, memory=path, cpu=path) for path in above if _delegates(path)]
    return homes


def _mounts() -> dict[str, Path]:
    """Return where each controller of version 1 is mounted, and version 2 under an empty name."""
    found: dict[str, Path] = {}
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        names = {"cgroup": options.split(","), "cgroup2": [""]}.get(kind, [])
        for name in names:
            found.setdefault(name, Path(before.split()[4]))
    return found


def _own_groups() -> dict[str, str]:
    lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    parts = [line.split(":", 2) for line in lines]
    return {name: path for _, names, path in parts for name in names.split(",")}


def _beneath(mount: Path, own: str) -> Path:
    path = mount / own.lstrip("/")
    return path if path.is_dir() else mount


def _delegates(folder: Path) -> bool:
    """Return whether groups beneath a folder of version 2 have limits on memory, once that was asked for."""
    control = folder / "cgroup.subtree_control"
    try:
        if "memory" not in control.read_text(encoding="ascii").split():
            control.write_text("+memory", encoding="ascii")
        return "memory" in control.read_text(encoding="ascii").split()
    except OSError:
        return False


def _owned() -> str:
    """Return how the names of this process's groups begin."""
    space = str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
    return f"{_PREFIX}{space}-{os.getpid()}-{started_at(os.getpid())}-"


def sweep_groups(home: Home) -> None:
    """Remove the groups of runs that are dead; a group of the living is never empty for long, and never removed."""
    space = str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
    for folder in home.folders().values():
        for group in folder.glob(f"{_PREFIX}{space}-*"):
            pid, started = group.name.removeprefix(f"{_PREFIX}{space}-").split("-")[:2]
            if pid.isdigit() and started_at(int(pid)) != started:
                with suppress(OSError):
                    group.rmdir()
