"""Connect to the local Docker engine, or say in one line why that cannot be.

Limits: local sockets only. An engine behind TCP may sit on another machine, whose containers nobody here can sweep.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from functools import partial

import docker
from docker.errors import DockerException
from docker.transport.unixconn import UnixHTTPAdapter, UnixHTTPConnection, UnixHTTPConnectionPool
from requests.exceptions import RequestException

from sandbox.base import SandboxUnavailableError

_DEFAULT = "unix:///var/run/docker.sock"
_START_ONE = "start one (`sudo sh deploy/docker-engine.sh` on a bare Debian), or set DOCKER_HOST to its socket"


class _Connection(UnixHTTPConnection):
    """The SDK's, which leaves a socket open where the engine refuses it."""

    def connect(self) -> None:
        """Connect, or close what could not be connected."""
        stream = socket.socket(socket.AF_UNIX)
        try:
            stream.settimeout(self.timeout)
            stream.connect(self.unix_socket)
        except OSError:
            stream.close()
            raise
        self.sock = stream


class _Pool(UnixHTTPConnectionPool):
    # The stubs know neither that this method is there nor that the SDK keeps its timeout as a number.
    def _new_conn(self) -> UnixHTTPConnection:  # type: ignore[override]
        return _Connection(self.base_url, self.socket_path, self.timeout)  # type: ignore[arg-type]


class _KeepAlive(UnixHTTPAdapter):
    """One connection for all calls, and one of its own for each attachment.

    The SDK's adapter keeps a pool for each address that was ever called, and the address of each container is another.
    """

    def __init__(self, path: str, timeout_s: int) -> None:
        super().__init__(f"http+unix://{path}", timeout_s)
        self.pools[_DEFAULT] = _Pool(_DEFAULT, self.socket_path, timeout_s, maxsize=self.max_pool_size)

    def get_connection(self, url: str | bytes, proxies: Mapping[str, str] | None = None) -> UnixHTTPConnectionPool:
        """Return the pool for an address."""
        if "/attach" in str(url):
            return _Pool(str(url), self.socket_path, self.timeout, maxsize=1)
        return super().get_connection(_DEFAULT, proxies)


def connect(timeout_s: int) -> docker.DockerClient:
    """Return a client of the engine that DOCKER_HOST names; for one thread only.

    Args:
        timeout_s: longest silence of the engine within one call.

    Raises:
        SandboxUnavailableError: no engine answers on a local socket.
    """
    path = _socket_path()
    _knock(path)
    try:
        client = docker.from_env(timeout=timeout_s)
    except (DockerException, RequestException) as error:
        raise unavailable(error) from error
    client.api.mount("http+docker://", _KeepAlive(path, timeout_s))
    # A local socket has no proxy, and looking for one in the environment costs a millisecond per call.
    client.api.trust_env = False
    # The SDK attaches without its own timeout: a frozen engine would hang the caller for ever.
    client.api.post = partial(client.api.post, timeout=timeout_s)  # type: ignore[method-assign]
    return client


def wait_for_engine(patience_s: float) -> None:
    """Return once the engine takes connections: one that is being restarted is back within seconds.

    Raises:
        SandboxUnavailableError: it did not within `patience_s`.
    """
    give_up = time.monotonic() + patience_s
    while True:
        try:
            _knock(_socket_path())
        except SandboxUnavailableError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.1)
        else:
            return


def unavailable(error: Exception) -> SandboxUnavailableError:
    """Return what an error of the SDK means for the caller."""
    words = " ".join(str(error).split())[:300]
    return SandboxUnavailableError(f"the Docker engine does not do as it should ({words}): {_START_ONE}")


def _socket_path() -> str:
    # The command line's contexts are unknown to the SDK: Docker Desktop and rootless engines need the variable.
    address = os.environ.get("DOCKER_HOST") or _DEFAULT
    if not address.startswith("unix://"):
        raise SandboxUnavailableError(f"DOCKER_HOST is {address}, which is no local socket: {_START_ONE}")
    return address.removeprefix("unix://")


def _knock(path: str) -> None:
    """Try the socket first: the SDK wraps the reason in three layers, and leaks the socket."""
    with socket.socket(socket.AF_UNIX) as stream:
        try:
            stream.connect(path)
        except PermissionError as error:
            words = f"no Docker engine for this user: {path} may not be opened (join the docker group, or run as root)"
            raise SandboxUnavailableError(words) from error
        except OSError as error:
            words = f"no Docker engine answers at {path} ({error.strerror}): {_START_ONE}"
            raise SandboxUnavailableError(words) from error
