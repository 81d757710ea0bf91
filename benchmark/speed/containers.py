"""What others do with Docker, to be compared with, and what a container costs the machine beside waiting for it.

Limits: the engine's processes must be visible from here.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
from docker.errors import DockerException

from sandbox import image
from sandbox.base import Limits
from sandbox.docker import Engine
from sandbox.sweeping import OWNER_LABEL, owner

_ENGINE = ("dockerd", "containerd")
_TIMEOUT_S = 60
_BUSY = (0, 2, 5, 6)
"""Columns of /proc/stat: user, system, and two kinds of interrupts."""
_TICKS = os.sysconf("SC_CLK_TCK")


def docker_run(client: docker.DockerClient, source: str, text: str) -> Callable[[], None]:
    """Return an action that starts a container by the command line for one test."""
    command = ["docker", "run", "--rm", "-i", "--network", "none", "--entrypoint", "python3", image.find(client)]

    def test() -> None:
        done = subprocess.run([*command, "-c", source], input=text, capture_output=True, text=True, check=True)
        _check(done.stdout)

    return test


@contextmanager
def exec_run(client: docker.DockerClient, source: str, text: str) -> Iterator[Callable[[], None]]:
    """Lend an action that runs one test in a running container by the SDK's `exec_run`."""
    program = f"import io, sys; sys.stdin = io.StringIO({text!r}); exec({source!r})"
    wait = ["-c", "import time; time.sleep(9999)"]
    box = client.containers.run(image.find(client), wait, entrypoint="python3", network_mode="none", detach=True)

    def test() -> None:
        done = box.exec_run(["python3", "-s", "-P", "-B", "-c", program])
        _check(bytes(done.output).decode())  # type: ignore[arg-type]  # it is a stream only when asked for

    try:
        yield test
    finally:
        box.remove(force=True)


def _check(output: str) -> None:
    if output != "6\n":
        raise RuntimeError(f"the program printed {output!r}")


def core_seconds_per_container(client: docker.DockerClient, rounds: int, boxes: int = 5) -> list[tuple[float, float]]:
    """Return, per round, what one container costs that does nothing.

    Other containers that the engine makes meanwhile are counted too, so nothing else should use it.

    Returns:
        CPU seconds of engine and shim with their children, as far as they can be seen, which is a lower bound; and
        those of the whole machine, less what it spends in the same time without containers.
    """
    engine = Engine(memory_mb=Limits().memory_mb)
    try:
        return [_round(client, engine, boxes) for _ in range(rounds)]
    finally:
        engine.close()


def _round(client: docker.DockerClient, engine: Engine, boxes: int) -> tuple[float, float]:
    began, busy = time.monotonic(), _cpu_of_machine()
    seen = _cpu_seen(client, engine, boxes)
    took, with_boxes = time.monotonic() - began, _cpu_of_machine() - busy
    time.sleep(took)
    without = _cpu_of_machine() - busy - with_boxes
    return seen / boxes, (with_boxes - without) / boxes


def _cpu_seen(client: docker.DockerClient, engine: Engine, boxes: int) -> float:
    before = _cpu_of_engine()
    shims = 0.0
    for _ in range(boxes):
        box = engine.make()
        full_id = client.api.inspect_container(box.id)["Id"]
        shims += sum(_cpu(pid, children=True) for pid, command in _processes() if full_id in command)
        box.close()
        client.api.wait(full_id, condition="removed") if _exists(client, full_id) else None
    return _cpu_of_engine() - before + shims


def containers_of_this_process() -> int:
    """Return how many containers of this process the engine knows; 0 where no engine answers."""
    try:
        client = docker.from_env(timeout=_TIMEOUT_S)
    except DockerException:
        return 0
    try:
        return len(client.api.containers(all=True, filters={"label": f"{OWNER_LABEL}={owner()}"}))
    finally:
        client.close()


def _exists(client: docker.DockerClient, box_id: str) -> bool:
    return any(entry["Id"] == box_id for entry in client.api.containers(all=True))


def _cpu_of_machine() -> float:
    """Return the seconds that the cores have worked, but for what runs under `nice`."""
    fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    return sum(int(fields[at]) for at in _BUSY) / _TICKS


def _cpu_of_engine() -> float:
    names = {pid: os.path.basename(command.split("\0")[0]) for pid, command in _processes()}  # noqa: PTH119
    return sum(_cpu(pid, children=True) for pid, name in names.items() if name in _ENGINE)


def _processes() -> Iterator[tuple[int, str]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                yield int(folder.name), (folder / "cmdline").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue


def _cpu(pid: int, *, children: bool) -> float:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0.0
    fields = text.rpartition(")")[2].split()
    return sum(int(field) for field in fields[11 : 15 if children else 13]) / _TICKS
