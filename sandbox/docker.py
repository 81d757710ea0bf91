"""Boxes made by a Docker engine: one fresh, hardened container per program, spoken to over its attach socket.

The runner is PID 1. Its standard input is closed with the attach connection, so a host process that is killed takes its
containers with it; what a dead run left unstarted is swept at the next start.

Not covered: the kernel is shared. Strong against a model's mistakes and plausible malice, not against a kernel exploit;
for that name gVisor or a virtual machine as the OCI runtime.
"""

from __future__ import annotations

import json
import secrets
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import docker
from docker.errors import APIError, DockerException
from requests.exceptions import RequestException

from sandbox import container, image, seccomp
from sandbox.base import Limits, SandboxUnavailableError
from sandbox.boxed import BoxedSandbox
from sandbox.connection import connect, unavailable, wait_for_engine
from sandbox.inside import MB, box_memory
from sandbox.languages import PYTHON, Language
from sandbox.preflight import engine_faults, engine_notes
from sandbox.protocol import BoxDiedError, ask
from sandbox.questions import Terms
from sandbox.sweeping import OWNER_LABEL, owner, remove, sweep

_TIMEOUT_S = 60
_HELLO_S = 30.0
_STREAM_HEAD = struct.Struct(">BxxxI")
_STDOUT = 1
_BURY_AFTER_S = 5.0
_RESTART_S = 5.0
# A thawed engine makes at once what was asked of it before, for callers that have long hung up.
_LATE_S = 2.0
# One waits for the engine half of the time; more of them gain nothing (measured).
_MAKERS = 2
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
        self.exact = False
        """Whether a box has said that it finds the kernel's account of itself."""
        self._unanswered: set[str] = set()
        """Boxes that the engine was asked to make and did not answer: they may come late."""
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
        wait_for_engine(0.0)
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
        wait_for_engine(_RESTART_S)
        try:
            return self._make(language)
        except SandboxUnavailableError:
            # It may have been restarted just now; if it is out of order, it says so again.
            wait_for_engine(_RESTART_S)
            return self._make(language)

    def _make(self, language: Language) -> DockerBox:
        self._bury(older_than_s=_BURY_AFTER_S)
        with self.talking() as client:
            if language.name not in self._images:
                self._images[language.name] = image.find(client, language)
            box = self._started(client.api, language)
        try:
            self.exact = bool(ask(box, {"kind": "hello"}, wait_s=_HELLO_S)[0].get("exact"))
        except BoxDiedError as error:
            box.close()
            raise SandboxUnavailableError(f"the container's runner did not start: {error}; run `make image`") from error
        return box

    def _started(self, api: docker.APIClient, language: Language) -> DockerBox:
        flags = container.host_flags(
            language, profile=self._profile, memory_bytes=self._memory_bytes, runtime=self._runtime
        )
        host_config = container.beyond_the_sdk(api.create_host_config(**flags))
        # Named before it is made: an engine that answers too late has made it all the same.
        box_id = f"atlas-{secrets.token_hex(16)}"
        self._alive[box_id] = float("inf")
        try:
            self._create(api, box_id, language, host_config)
            # Attached before the start, or the first bytes are lost; and the host speaks first for the same reason.
            stream = api.attach_socket(box_id, params={"stdin": 1, "stdout": 1, "stream": 1})
            box = DockerBox(self, box_id, stream, language, self._memory_bytes)
        except BaseException:
            self.forget(box_id)
            raise
        try:
            api.start(box_id)
        except BaseException:
            box.close()
            raise
        return box

    def _create(self, api: docker.APIClient, box_id: str, language: Language, host_config: dict[str, Any]) -> None:
        flags = container.container_flags(language, {OWNER_LABEL: owner()})
        try:
            api.create_container(self._images[language.name], name=box_id, host_config=host_config, **flags)
        except APIError:
            raise  # The engine has refused, and makes nothing later.
        except BaseException:
            self._unanswered.add(box_id)
            raise

    def resize(self, box_id: str, language: Language, memory_bytes: int) -> None:
        """Change the memory limit of a running box.

        Raises:
            SandboxUnavailableError: the engine refused.
        """
        total = box_memory(memory_bytes, builds=bool(language.compile))
        with self.talking() as client:
            client.api.update_container(box_id, mem_limit=total, memswap_limit=total)

    def forget(self, box_id: str) -> None:
        """Note that a box was closed; the engine removes it, and `make` looks after it later."""
        self._alive[box_id] = time.monotonic()

    def _bury(self, *, older_than_s: float) -> None:
        """Remove closed containers that the engine has not removed by itself."""
        now = time.monotonic()
        for box_id in [box_id for box_id, closed in tuple(self._alive.items()) if now - closed >= older_than_s]:
            self._remove(box_id)
            self._alive.pop(box_id, None)

    def _remove(self, box_id: str) -> None:
        with self.talking() as client:
            if remove(client, box_id):
                self._unanswered.discard(box_id)

    def close(self) -> None:
        """Remove every container of this run and close the connections; waits for those that come late."""
        give_up = time.monotonic() + _LATE_S
        with suppress(SandboxUnavailableError):
            self._alive = dict.fromkeys(self._alive, 0.0)
            self._bury(older_than_s=0.0)
            while self._unanswered and time.monotonic() < give_up:
                time.sleep(_LATE_S / 20)
                for box_id in tuple(self._unanswered):
                    self._remove(box_id)
        for client in self._clients:
            client.close()

    def died_of_memory(self, box_id: str) -> bool:
        """Return whether the kernel ended this container's first process."""
        until = int(time.time()) + 1
        filters = json.dumps({"container": [box_id], "event": ["oom", "die"]})
        asked = {"since": str(until - 120), "until": str(until), "filters": filters}
        # The SDK's own call for events waits without end for an engine that hangs.
        with self.talking() as client:
            answer = client.api.get(
                f"{client.api.base_url}/v{client.api.api_version}/events", params=asked, timeout=_TIMEOUT_S
            )
        events = [json.loads(line) for line in answer.text.splitlines()]
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
        if memory_bytes == self._memory_bytes:
            return
        try:
            self._engine.resize(self.id, self._language, memory_bytes)
        except SandboxUnavailableError:
            # Some runtimes cannot change a limit; a tighter one is held by the runner's watch as well.
            if memory_bytes > self._memory_bytes:
                raise
            return
        self._memory_bytes = memory_bytes

    def kill(self) -> None:
        """Hang up: the runner kills everything and ends, and the engine removes the container."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Hang up and give the descriptor back."""
        self.kill()
        self._socket.close()
        # It is the SDK's response that holds the descriptor, in a cycle that only the garbage collector opens.
        self._stream._response.close()
        self._stream.close()
        self._engine.forget(self.id)

    def died_of_memory(self) -> bool:
        """Return whether the kernel ended the whole container for lack of memory; False when nobody can tell."""
        try:
            return self._engine.died_of_memory(self.id)
        except SandboxUnavailableError:
            return False


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
        name,
        engine.make,
        workers=workers,
        notice=notice,
        terms=Terms(nice=_NICE, makers=min(_MAKERS, workers), exact=lambda: engine.exact),
        on_close=engine.close,
    )
