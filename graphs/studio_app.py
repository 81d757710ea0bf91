"""What LangGraph's server needs beside the graph (`langgraph.json` names `app` and `checkpointer`).

It loads the model at its start, keeps searches where the command line does and lists those that are there already, and
refuses a run whose settings, or an edit whose fields, have no meaning before it reaches queue or store. Of its own the
server keeps assistants and a list of threads, which it pickles when it stops; a list lost by a crash is made anew.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType
from typing import Any

import structlog
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph_sdk import get_client
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphs.configuration import SettingsError, ThreadError, thread_place
from graphs.studio import as_records, cancel_runs, close_collaborators, collaborators, machine_settings, run_settings
from graphs.threads import Thread, aopen_store, open_store, stored_threads, thread_id
from inference.base import ModelError
from sandbox.base import SandboxUnavailableError

GRAPH = "atlas"
_NO_JSON = "the body is not JSON"
_STRANGER = "this server answers its own machine and LangGraph Studio's page, no other site"
_INSIDE = "/noauth"
"""Root path of requests that the server makes to itself."""
_LOOPBACK = r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?"
_HERE = re.compile(_LOOPBACK)
_ORIGIN = re.compile(rf"https?://{_LOOPBACK}|https://(\w+\.)?smith\.langchain\.com")
_RUN = re.compile(r"(/threads/[^/]+)?/runs(/stream|/wait|/batch|/crons)?/?")
_EDIT = re.compile(r"/threads/[^/]+/state/?")
_log = structlog.stdlib.get_logger("atlas")


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Load the model once; where it cannot be loaded the server says why, and so does every run."""
    try:
        model, sandbox = await asyncio.to_thread(collaborators)
        await _log.ainfo(f"model {model.name}, sandbox {sandbox.name}. {model.notice} {sandbox.notice}".strip())
    except (ModelError, SandboxUnavailableError, SettingsError) as error:
        await _log.aerror(f"runs will fail: {error}")
    await _listed()
    with _searches_end_first():
        yield
    await asyncio.to_thread(close_collaborators)


@contextmanager
def _searches_end_first() -> Iterator[None]:
    """Let a signal that ends the server end its searches, which are stored with the best answer so far."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def on_signal(number: int, frame: FrameType | None) -> None:
        cancel_runs()
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for number in before:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@asynccontextmanager
async def checkpointer() -> AsyncIterator[BaseCheckpointSaver[str]]:
    """Yield the store of threads that the settings name.

    Raises:
        ThreadError: it cannot be opened.
    """
    async with aopen_store(thread_place(machine_settings(), os.environ)) as store:
        yield store


async def know_threads() -> None:
    """Make the server list the searches that the command line stored; their names are metadata `name`.

    Raises:
        ThreadError: the store cannot be read.
    """
    client = get_client()
    for one in await asyncio.to_thread(_stored):
        key = thread_id(one.name)
        about = {"name": one.name, "graph_id": GRAPH}
        await client.threads.create(thread_id=key, metadata=about, if_exists="do_nothing", graph_id=GRAPH)


async def _listed() -> None:
    try:
        await know_threads()
    except ThreadError as error:
        await _log.aerror(str(error))


def _stored() -> list[Thread]:
    with open_store(thread_place(machine_settings(), os.environ)) as store:
        return stored_threads(store)


class Door:
    """Looks at requests before the server does."""

    def __init__(self, app: ASGIApp) -> None:
        """Keep what answers."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer strangers with 403, what has no meaning with 422, in one sentence; pass everything else on."""
        if scope["type"] == "http" and is_stranger(scope):
            await JSONResponse({"detail": _STRANGER}, status_code=403)(scope, receive, send)
            return
        posts = scope["type"] == "http" and scope["method"] == "POST"
        check = _check_of(scope["path"]) if posts else None
        if posts and scope["path"] == "/threads/search":
            await _listed()
        if check is None:
            await self._app(scope, receive, send)
            return
        body = await Request(scope, receive).body()
        if fault := await asyncio.to_thread(check, body):
            await JSONResponse({"detail": fault}, status_code=422)(scope, receive, send)
            return
        await self._app(scope, _again(body, receive), send)


def is_stranger(scope: Scope) -> bool:
    """Whether a page of another site sent a request, or one whose own name was pointed at this machine.

    The server asks nobody who they are, so that every page in the user's browser could read threads and start runs.
    """
    if scope.get("root_path") == _INSIDE:
        return False
    headers = Headers(scope=scope)
    origin = headers.get("origin")
    return not _HERE.fullmatch(headers.get("host", "")) or (origin is not None and not _ORIGIN.fullmatch(origin))


def _check_of(path: str) -> Callable[[bytes], str] | None:
    """Return what looks for faults in the body of a request, if anything does."""
    if _RUN.fullmatch(path):
        return run_fault
    return edit_fault if _EDIT.fullmatch(path) else None


def run_fault(body: bytes) -> str:
    """Return what is wrong with the settings of a run, or of several, in one line; empty if nothing is."""
    try:
        asked = json.loads(body)
    except ValueError:
        return _NO_JSON
    for one in asked if isinstance(asked, list) else [asked]:
        context = one.get("context") if isinstance(one, dict) else None
        if context is not None and not isinstance(context, dict):
            return "context: an object of settings was expected"
        try:
            run_settings(context)
        except SettingsError as error:
            return str(error)
    return ""


def edit_fault(body: bytes) -> str:
    """Return what is wrong with an edit of the state, in one line; empty if nothing is."""
    try:
        asked = json.loads(body)
    except ValueError:
        return _NO_JSON
    try:
        as_records(asked.get("values") if isinstance(asked, dict) else asked)
    except ValueError as error:
        return str(error)
    return ""


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a channel that hands out a body which has been read already, then what follows it."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def channel() -> Any:
        return first.pop() if first else await receive()

    return channel


app = Starlette(lifespan=lifespan, middleware=[Middleware(Door)])
