"""A server on a free port of this machine, in a thread, over any model."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from contextlib import contextmanager

import httpx
import openai
import pytest
import uvicorn

from cli.serve import Server
from cli.serving.app import build_app
from cli.serving.service import ServeOptions
from graphs import OpenSolver
from graphs.tracing import open_tracing
from inference.scripted import ScriptedModel
from nodes.settings import Settings

PROBLEM = "Write a function `total(xs: list[int]) -> int` that returns the sum.\n\n>>> total([1, 2])\n3\n"
CODE = "def total(xs):\n    return sum(xs)"
PROGRAM = f"```python\n{CODE}\n```"


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

    def client(self, key="unused"):
        """Return an `openai` client, to be closed by the caller."""
        web = openai.DefaultHttpxClient(trust_env=False)
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=60, http_client=web)


class _SharedBox(OpenSolver):
    """A solver whose sandbox outlives it."""

    def close(self):
        self.model.close()
        if self.tracing is not None:
            self.tracing.close()


@contextmanager
def serving(model, box, folder, options=ServeOptions(), keys=None, **settings):
    """Serve a model over a sandbox that stays open, with a store in a folder."""
    chosen = Settings(**{"k": 2, "max_programs": 2, "thread_file": str(folder / "threads.sqlite"), **settings})

    def opener(one):
        return _SharedBox(one, model, box, open_tracing(one.traces) if one.traces else None)

    app = build_app(chosen, options, opener, keys=keys)
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
    return lambda model, options=ServeOptions(), **more: serving(model, box, tmp_path, options, **more)


@pytest.fixture(scope="module")
def programmer(box, tmp_path_factory):
    """A server whose model always writes the right program, at once."""
    model = ScriptedModel(lambda request: PROGRAM)
    with serving(model, box, tmp_path_factory.mktemp("programmer")) as served:
        yield served


@pytest.fixture(scope="session")
def embedded(box, tmp_path_factory):
    """A server of the embedded model."""
    from graphs.factory import open_model

    model = open_model(Settings())
    with serving(model, box, tmp_path_factory.mktemp("embedded"), thinking_tokens=0) as served:
        yield served


def wait_until(condition, seconds=30.0):
    """Wait for another thread.

    Raises:
        TimeoutError: it did not happen.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.01)
