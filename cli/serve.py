"""`atlas serve`: bind, load the model, answer until a signal comes, let what runs finish, and free everything."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI

from cli.exits import EXPECTED, Exit, UsageError, exit_code, one_line, wants_tracebacks
from cli.printable import printable
from cli.serving.app import Opener, build_app
from cli.serving.keys import KeyFile, KeyFileError
from cli.serving.service import ServeOptions, Service
from graphs import open_solver
from graphs.configuration import load_settings

_LONGEST_END_S = 60
"""After the grace: how long connections may take to go."""
_MOST_CONNECTIONS = 1000
_LOG = logging.getLogger("uvicorn.error")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeCommand:
    """What the command line asks for, beside the settings."""

    host: str = "127.0.0.1"
    port: int = 8765
    """0 takes a free one, which the first line of output names."""
    keys: Path
    """File of the keys."""
    config: Path | None = None
    flags: Mapping[str, object]
    """Settings given as flags; None where a flag was not given."""
    options: ServeOptions = ServeOptions()


def run_serve(command: ServeCommand, opener: Opener = open_solver) -> int:
    """Serve until a signal comes and return the exit code; expected failures end in one line on standard error.

    Args:
        command: what was asked for.
        opener: makes the solver.
    """
    try:
        settings = load_settings(command.config, os.environ, command.flags)
        keys = KeyFile(command.keys)
        _check(command.host, keys)
        # Where others can come in, a key stands guard, and what they call this machine is not known.
        options = command.options
        if not is_loopback(command.host):
            options = replace(options, hosts=None)
        app = build_app(settings, options, opener, keys=keys)
        with _bound(command.host, command.port) as listener:
            _serve(app, listener, options)
    except (*EXPECTED, KeyFileError) as error:
        if wants_tracebacks():
            raise
        print(f"atlas: {printable(one_line(error))}", file=sys.stderr)
        return int(exit_code(error))
    return int(Exit.VERIFIED)


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach a host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _check(host: str, keys: KeyFile) -> None:
    """Refuse to be reached by others without a key.

    Raises:
        UsageError: no key is in force.
    """
    if not is_loopback(host) and not any(key.revoked is None for key in keys.all()):
        raise UsageError(f"{host} can be reached from other machines: make a key first, with `atlas keys create NAME`")


def _bound(host: str, port: int) -> socket.socket:
    """Return a socket that is bound and does not listen yet.

    Raises:
        UsageError: the address cannot be had.
    """
    bare = host.strip("[]")
    listener = socket.socket(socket.AF_INET6 if ":" in bare else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((bare, port))
    except (OSError, OverflowError) as error:
        listener.close()
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{host}:{port} cannot be listened on ({why}): give another --host or --port") from error
    return listener


def _serve(app: FastAPI, listener: socket.socket, options: ServeOptions) -> None:
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        loop="asyncio",
        http="h11",
        ws="none",
        server_header=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=int(options.grace_s) + _LONGEST_END_S,
    )
    # While it starts, a failure reaches the caller as an exception and must not be told twice.
    _LOG.setLevel(logging.CRITICAL)
    try:
        asyncio.run(Server(config, app, options).serve([listener]))
    except SystemExit as end:
        failure = getattr(app.state, "failure", None)
        if failure is not None:
            raise failure from end
        raise


class Server(uvicorn.Server):
    """Uvicorn, which drains the queue when a signal comes, and stops what runs when a second one does."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, options: ServeOptions) -> None:
        super().__init__(config)
        self._app = app
        self._options = options
        self._signals = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def _service(self) -> Service:
        service: Service = self._app.state.service
        return service

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say where."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        _LOG.setLevel(logging.WARNING)
        for line in self._service.opened.notices:
            print(printable(line), file=sys.stderr)
        host, port = (sockets or [])[0].getsockname()[:2]
        where = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        name = self._service.model.name
        line = f"atlas: {name} serves on {where}/v1, and a page on {where}; Ctrl-C ends it"
        print(line, file=sys.stderr, flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain the queue while the connections are closed."""
        work, grace_s = self._service.work, self._options.grace_s
        if runs := len(work.running):
            print(f"atlas: {runs} still at work get {grace_s:g} s; Ctrl-C ends them now", file=sys.stderr, flush=True)
        draining = asyncio.create_task(work.drain(grace_s=grace_s))
        await super().shutdown(sockets)
        await draining
        print("atlas: served to the end", file=sys.stderr)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Count signals: the first drains, the second ends what runs with what it has, the third ends the process."""
        self._signals += 1
        self.should_exit = True
        if self._signals == 2 and self.started and self._loop is not None:
            self._loop.call_soon_threadsafe(self._service.work.stop_all)
        self.force_exit = self._signals > 2
