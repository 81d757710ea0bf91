"""The application: opens the model once, routes requests, and closes everything when the last run has ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from importlib.metadata import version
from typing import Annotated

from fastapi import Depends, FastAPI, Request

from cli.serving.service import ServeOptions, Service
from cli.threads import thread_file
from graphs import OpenSolver
from nodes.settings import Settings

Opener = Callable[[Settings], OpenSolver]
_SPARE_THREADS = 16


def service_of(request: Request) -> Service:
    """Return the service of the application that got a request."""
    service: Service = request.app.state.service
    return service


Serving = Annotated[Service, Depends(service_of)]
"""Parameter of a route that needs the service."""


def build_app(settings: Settings, options: ServeOptions = ServeOptions(), opener: Opener | None = None) -> FastAPI:
    """Return the application; the model is loaded when it starts, not here.

    Args:
        settings: of the searches.
        options: what bounds the server.
        opener: opens model and sandbox; None opens those that the settings name.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with ExitStack() as stack:
            try:
                service = await asyncio.to_thread(_open, settings, options, opener, stack)
            except Exception as error:
                app.state.failure = error
                raise
            app.state.service = service
            # A search keeps one thread busy, and the loop's own default is a handful.
            threads = options.searches + options.texts + _SPARE_THREADS
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(threads, "atlas-serve"))
            try:
                yield
            finally:
                await service.work.drain(grace_s=0)

    app = FastAPI(
        title="ATLAS",
        version=version("atlas-solver"),
        summary="A local solver of programming problems, and the model under it, behind OpenAI's interface.",
        lifespan=lifespan,
    )

    @app.get("/health", tags=["server"])
    def health(service: Serving) -> dict[str, str]:
        """Say that the server is up, and with which model and sandbox."""
        return {"status": "ok", "model": service.model.name, "sandbox": service.opened.sandbox.name}

    return app


def _open(settings: Settings, options: ServeOptions, opener: Opener | None, stack: ExitStack) -> Service:
    from graphs import open_solver
    from graphs.threads import open_store

    store = stack.enter_context(open_store(thread_file(settings)))
    # Who asks for approval is the caller of a search: a solver itself cannot wait for a person.
    opened = stack.enter_context((opener or open_solver)(replace(settings, approve=False)))
    return Service(opened, options, store=store, approve=settings.approve)
