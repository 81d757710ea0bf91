"""Boxes made by a Docker engine: one fresh, hardened container per program, spoken to over its attach socket.

The runner is PID 1. Its standard input is closed with the attach connection, so a host process that is killed takes its
containers with it; what a dead run left unstarted is swept at the next start.

Not covered: the kernel is shared. Strong against a model's mistakes and plausible malice, not against a kernel exploit;
for that name gVisor or a virtual machine as the OCI runtime.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException, NotFound
from requests.exceptions import RequestException

from sandbox import container, image, seccomp
from sandbox.base import Limits, SandboxUnavailableError
from sandbox.boxed import BoxedSandbox
from sandbox.connection import connect, unavailable
from sandbox.inside import MB
from sandbox.languages import PYTHON, Language
from sandbox.preflight import engine_faults, engine_notes
from sandbox.protocol import BoxDiedError, ask
from sandbox.questions import Terms

OWNER_LABEL = "atlas.sandbox.owner"
_TIMEOUT_S = 60
_HELLO_S = 30.0
_STREAM_HEAD = struct.Struct(">BxxxI")
_STDOUT = 1
_BURY_AFTER_S = 5.0
# Counts within the container alone: 64 processes that spin cannot keep the runner from ending them.
_NICE = 19


class Engine:
    """A Docker engine that passed its preflight, and the containers of this run in it."""

    def __init__(self, *, memory_mb: int, runtime: str = "") -> None:
        """Ask the engine about itself, find the image, sweep what dead runs left.

        Raises:
            SandboxUnavailableError: no engine, an unfit one, or no image.
        """
        self._memory_bytes = memory_mb * MB
        self._runtime = runtime
        self._profile = seccomp.docker_profile_text(seccomp.machine())
        self._local = threading.local()
        self._clients: list[docker.DockerClient] = []
        self._alive: dict[str, float] = {}
        with self.talking() as client:
            info = client.info()
            faults = engine_faults(info, client.version()["ApiVersion"], client.api.base_url, runtime)
            if faults:
                raise SandboxUnavailableError(f"this Docker engine may not be used: {'; '.join(faults)}")
            self.notes = engine_notes(info, runtime)
            self._images = {PYTHON.name: image.find(client)}
            sweep(client)

    @contextmanager
    def talking(self) -> Iterator[docker.DockerClient]:
        """Lend this thread's own client: they may not be shared between threads.

        Raises:
            SandboxUnavailableError: the engine refused or went away.
        """
        try:
            if not hasattr(self._local, "client"):
                self._local.client = connect(_TIMEOUT_S)
                self._clients.append(self._local.client)
            yield self._local.client
        except (DockerException, RequestException) as error:
            raise unavailable(error) from error

    def make(self, language: Language = PYTHON) -> DockerBox:
        """Return a new box whose runner has said hello.

        Raises:
            SandboxUnavailableError: the engine or the new box failed, or the language has no image.
        """
        self._bury(older_than_s=_BURY_AFTER_S)
        with self.talking() as client:
            if language.name not in self._images:
                self._images[language.name] = image.find(client, language)
            box = self._started(client.api, language)
        try:
            ask(box, {"kind": "hello"}, wait_s=_HELLO_S)
        except BoxDiedError as error:
            box.close()
            raise SandboxUnavailableError(f"the container's runner did not start: {error}; run `make image`") from error
        return box

    def _started(self, api: docker.APIClient, language: Language) -> DockerBox:
        flags = container.host_flags(
            language, profile=self._profile, memory_bytes=self._memory_bytes, runtime=self._runtime
        )
        host_config = container.beyond_the_sdk(api.create_host_config(**flags))
        made = api.create_container(
            self._images[language.name],
            host_config=host_config,
            **container.container_flags(language, {OWNER_LABEL: owner()}),
        )
        box_id = str(made["Id"])
        self._alive[box_id] = float("inf")
        # Attached before the start, or the first bytes are lost; and the host speaks first for the same reason.
        stream = api.attach_socket(box_id, params={"stdin": 1, "stdout": 1, "stream": 1})
        box = DockerBox(self, box_id, stream, language, self._memory_bytes)
        try:
            api.start(box_id)
        except (DockerException, RequestException):
            box.close()
            raise
        return box

    def resize(self, box_id: str, language: Language, memory_bytes: int) -> None:
        """Change the memory limit of a running box.

        Raises:
            SandboxUnavailableError: the engine refused.
        """
        total = container.box_memory(language, memory_bytes)
        with self.talking() as client:
            client.api.update_container(box_id, mem_limit=total, memswap_limit=total)

    def forget(self, box_id: str) -> None:
        """Note that a box was closed; the engine removes it, and `make` looks after it later."""
        self._alive[box_id] = time.monotonic()

    def _bury(self, *, older_than_s: float) -> None:
        """Remove closed containers that the engine has not removed by itself."""
        now = time.monotonic()
        for box_id in [box_id for box_id, closed in tuple(self._alive.items()) if now - closed >= older_than_s]:
            with self.talking() as client:
                _remove(client, box_id)
            del self._alive[box_id]

    def close(self) -> None:
        """Remove every container of this run and close the connections."""
        with suppress(SandboxUnavailableError):
            self._alive = dict.fromkeys(self._alive, 0.0)
            self._bury(older_than_s=0.0)
        for client in self._clients:
            client.close()

    def died_of_memory(self, box_id: str) -> bool:
        """Return whether the kernel ended this container's first process."""
        until = int(time.time()) + 1
        filters = {"container": box_id, "event": ["oom", "die"]}
        with self.talking() as client:
            events = client.api.events(since=until - 120, until=until, filters=filters, decode=True)
            seen = [(event["Action"], event["Actor"]["Attributes"].get("exitCode")) for event in events]
        return ("die", "137") in seen and any(action == "oom" for action, _ in seen)


class DockerBox:
    """One container and its attach socket."""

    def __init__(self, engine: Engine, box_id: str, stream: Any, language: Language, memory_bytes: int) -> None:
        self.id = box_id
        self._language = language
        self._engine = engine
        self._stream = stream
        # The reader that the SDK wraps around the socket can swallow the first bytes.
        self._socket: socket.socket = stream._sock
        self._socket.setblocking(False)
        self._memory_bytes = memory_bytes
        self._raw = bytearray()
        self.read_fd = self.write_fd = self._socket.fileno()

    def read(self) -> bytes:
        """Return what the runner wrote; the engine packs it into pieces with heads of 8 bytes.

        Raises:
            EOFError: the container has ended.
        """
        data = self._socket.recv(MB)
        if not data:
            raise EOFError
        self._raw += data
        pieces = []
        while len(self._raw) >= _STREAM_HEAD.size:
            kind, size = _STREAM_HEAD.unpack_from(self._raw)
            end = _STREAM_HEAD.size + size
            if len(self._raw) < end:
                break
            if kind == _STDOUT:
                pieces.append(bytes(self._raw[_STREAM_HEAD.size : end]))
            del self._raw[:end]
        return b"".join(pieces)

    def write(self, data: memoryview) -> int:
        """Send some bytes without blocking."""
        return self._socket.send(data)

    def reserve(self, memory_bytes: int) -> None:
        """Give the container the memory that this program may use."""
        if memory_bytes != self._memory_bytes:
            self._engine.resize(self.id, self._language, memory_bytes)
            self._memory_bytes = memory_bytes

    def kill(self) -> None:
        """Hang up: the runner kills everything and ends, and the engine removes the container."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Hang up and give the descriptor back."""
        self.kill()
        self._socket.close()
        self._stream.close()
        self._engine.forget(self.id)

    def died_of_memory(self) -> bool:
        """Return whether the kernel ended the whole container for lack of memory."""
        return self._engine.died_of_memory(self.id)


def open_docker(workers: int, *, memory_mb: int = Limits().memory_mb, runtime: str = "") -> BoxedSandbox:
    """Return a sandbox whose boxes Docker makes; not yet self-tested.

    Args:
        workers: programs that may run at the same time.
        memory_mb: memory that idle boxes are made with; another limit costs one more call to the engine.
        runtime: OCI runtime such as `runsc`, or an empty text for the engine's default.

    Raises:
        SandboxUnavailableError: no engine, an unfit one, or no image.
    """
    engine = Engine(memory_mb=memory_mb, runtime=runtime)
    name = f"docker+{runtime}" if runtime else "docker"
    notice = f"sandbox: {name} ({engine.notes})"
    return BoxedSandbox(
        name, engine.make, workers=workers, notice=notice, terms=Terms(nice=_NICE), on_close=engine.close
    )


def owner() -> str:
    """Return what tells this process from every other one: machine start, PID namespace, process, its start."""
    return " ".join((*_surroundings(), str(os.getpid()), _started_at(os.getpid())))


def _surroundings() -> tuple[str, str]:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return boot, str(Path("/proc/self/ns/pid").readlink())


def _started_at(pid: int) -> str:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]


def is_dead(label: str) -> bool:
    """Return whether the process that made a container has surely gone; one that cannot be seen from here lives."""
    boot, space, pid, started = (label.split(" ") + [""] * 4)[:4]
    here = _surroundings()
    if boot != here[0]:
        return True
    return space == here[1] and pid.isdigit() and _started_at(int(pid)) != started


def sweep(client: docker.DockerClient) -> int:
    """Remove the containers of runs that are dead; return how many."""
    found = client.api.containers(all=True, filters={"label": OWNER_LABEL})
    dead = [str(entry["Id"]) for entry in found if is_dead(entry["Labels"][OWNER_LABEL])]
    for box_id in dead:
        _remove(client, box_id)
    return len(dead)


def _remove(client: docker.DockerClient, box_id: str) -> None:
    # 409: the engine is removing it at this moment.
    try:
        client.api.remove_container(box_id, force=True)
    except NotFound:
        return
    except APIError as error:
        if error.status_code != 409:
            raise
