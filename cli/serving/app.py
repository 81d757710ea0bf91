"""The application: opens the model once, routes requests, and closes everything when the last run has ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from dataclasses import replace
from importlib.metadata import version

from fastapi import FastAPI

from cli.logs import open_log
from cli.serving import chat, embeddings, other_interfaces, page_facts, runs
from cli.serving.allowance import Callers
from cli.serving.errors import add_error_handlers
from cli.serving.gate import Gate
from cli.serving.head import HeadAsGet
from cli.serving.keys import KeyFile
from cli.serving.metrics import Metrics, add_metrics
from cli.serving.page_files import add_page
from cli.serving.pieces import usage_in
from cli.serving.same_origin import SameOrigin
from cli.serving.service import ServeOptions, Service, Serving
from cli.serving.work import Run, Watch
from cli.threads import thread_file
from graphs import OpenSolver, open_solver
from graphs.threads import open_store
from nodes.settings import Settings

Opener = Callable[[Settings], OpenSolver]
_SPARE_THREADS = 16


def build_app(
    settings: Settings,
    options: ServeOptions = ServeOptions(),
    opener: Opener = open_solver,
    *,
    keys: KeyFile | None = None,
) -> FastAPI:
    """Return the application; the model is loaded when it starts, not here.

    Args:
        settings: of the searches.
        options: what bounds the server.
        opener: opens model and sandbox.
        keys: who may come in, once the file holds a key; None asks nobody.
    """
    metrics, callers = Metrics(), Callers()

    def watch(run: Run, event: object) -> None:
        metrics.saw(run, event)
        if (usage := usage_in(event)) is not None:
            callers.charge(run.client, usage)

    def open_service(stack: ExitStack) -> Service:
        return _open(settings, options, opener, stack, watch)

    app = FastAPI(
        title="ATLAS",
        version=version("atlas-solver"),
        summary="A local solver of programming problems, and the model under it, behind OpenAI's interface.",
        lifespan=_lifespan(open_service, metrics, threads=options.searches + options.texts + _SPARE_THREADS),
        docs_url=None,
        redoc_url=None,
    )
    add_error_handlers(app)
    app.add_middleware(Gate, keys=keys, callers=callers, metrics=metrics, body_bytes=options.body_bytes)
    app.include_router(chat.router)
    app.include_router(other_interfaces.router)
    app.include_router(embeddings.router)
    app.include_router(runs.router)
    app.include_router(page_facts.router)
    add_metrics(app, metrics)
    add_page(app)

    _add_health(app)
    app.add_middleware(HeadAsGet)
    app.add_middleware(SameOrigin, hosts=options.hosts, origins=options.origins)
    return app


def _add_health(app: FastAPI) -> None:
    @app.get("/health", tags=["server"])
    def health(service: Serving) -> dict[str, str]:
        """Say that the server is up, and with which model and sandbox."""
        return {"status": "ok", "model": service.model.name, "sandbox": service.opened.sandbox.name}


def _lifespan(
    open_service: Callable[[ExitStack], Service], metrics: Metrics, *, threads: int
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with ExitStack() as stack:
            try:
                service = await asyncio.to_thread(open_service, stack)
            except Exception as error:
                app.state.failure = error
                raise
            app.state.service = service
            metrics.watch(service.work, service.model)
            # A search keeps one thread busy, and the loop's own default is a handful.
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(threads, "atlas-serve"))
            try:
                yield
            finally:
                await service.work.drain(grace_s=0)

    return lifespan


def _open(settings: Settings, options: ServeOptions, opener: Opener, stack: ExitStack, watch: Watch) -> Service:
    stack.enter_context(open_log(settings.log_file, verbose=False))
    store = stack.enter_context(open_store(thread_file(settings)))
    # Who asks for approval is the caller of a search: a solver itself cannot wait for a person.
    opened = stack.enter_context(opener(replace(settings, approve=False)))
    return Service(opened, options, store=store, approve=settings.approve, watch=watch)
