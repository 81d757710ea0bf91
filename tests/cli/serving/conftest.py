"""A server on a free port of this machine, in a thread, over any model."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import contextmanager

import httpx
import pytest
import uvicorn

from cli.serve import Server
from cli.serving.app import build_app
from cli.serving.service import ServeOptions
from graphs import OpenSolver
from nodes.settings import Settings


class Served:
    """A running server."""

    def __init__(self, app, url):
        self.app = app
        self.url = url

    @property
    def service(self):
        return self.app.state.service

    def http(self, **options):
        return httpx.Client(base_url=self.url, timeout=60, trust_env=False, **options)


@contextmanager
def serving(settings, options=ServeOptions(), opener=None):
    app = build_app(settings, options, opener)
    config = uvicorn.Config(app, log_config=None, http="h11", ws="none", timeout_graceful_shutdown=60)
    server = Server(config, app, options)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    try:
        while not server.started and thread.is_alive():
            thread.join(0.02)
        yield Served(app, f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture(scope="session")
def box():
    from sandbox.choice import open_sandbox

    with open_sandbox("bubblewrap", workers=2) as opened:
        yield opened


@pytest.fixture
def serve(box, tmp_path):
    """Return a function that serves a model, with a store of its own."""

    def start(model, options=ServeOptions(), **settings):
        chosen = Settings(**{"k": 2, "thread_file": str(tmp_path / "threads.sqlite"), **settings})
        return serving(chosen, options, lambda one: _Shared(one, model, box))

    return start


class _Shared(OpenSolver):
    """A solver whose sandbox outlives it."""

    def close(self):
        self.model.close()
