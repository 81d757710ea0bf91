"""Whose containers and folders are these? Each names its process; those of dead ones are swept at the start.

Limits: a process in a PID namespace that cannot be seen from here counts as living.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import docker
from docker.errors import APIError, NotFound

OWNER_LABEL = "atlas.sandbox.owner"
FOLDER_PREFIX = "atlas-sandbox-"
_OWNER_FILE = "owner"


def owner() -> str:
    """Return what tells this process from every other one: machine start, PID namespace, process, its start."""
    return " ".join((*_surroundings(), str(os.getpid()), started_at(os.getpid())))


def _surroundings() -> tuple[str, str]:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return boot, str(Path("/proc/self/ns/pid").readlink())


def started_at(pid: int) -> str:
    """Return when a process started, in ticks since the machine did; an empty text when it is not there."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]


def is_dead(label: str) -> bool:
    """Return whether the process that made something has surely gone; one that cannot be seen from here lives."""
    boot, space, pid, started = (label.split(" ") + [""] * 4)[:4]
    here = _surroundings()
    if boot != here[0]:
        return True
    return space == here[1] and pid.isdigit() and started_at(int(pid)) != started


def sweep(client: docker.DockerClient) -> int:
    """Remove the containers of runs that are dead; return how many."""
    found = client.api.containers(all=True, filters={"label": OWNER_LABEL})
    dead = [str(entry["Id"]) for entry in found if is_dead(entry["Labels"][OWNER_LABEL])]
    for box_id in dead:
        remove(client, box_id)
    return len(dead)


def mark_folder(folder: Path) -> None:
    """Write this process's name into a folder that `sweep_folders` removes when the process is dead."""
    (folder / _OWNER_FILE).write_text(owner(), encoding="ascii")


def sweep_folders(parent: Path) -> int:
    """Remove this user's folders of runs that are dead; return how many; one without a name is being made."""
    swept = 0
    for folder in parent.glob(f"{FOLDER_PREFIX}*"):
        try:
            if folder.lstat().st_uid == os.getuid() and is_dead((folder / _OWNER_FILE).read_text(encoding="ascii")):
                shutil.rmtree(folder)
                swept += 1
        except OSError:
            continue  # Another process sweeps it, or it is none of ours.
    return swept


def remove(client: docker.DockerClient, box_id: str) -> bool:
    """Remove a container that may be gone already; return whether it was there."""
    # 409: the engine is removing it at this moment.
    try:
        client.api.remove_container(box_id, force=True)
    except NotFound:
        return False
    except APIError as error:
        if error.status_code != 409:
            raise
    return True
