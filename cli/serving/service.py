"""What a running server holds: the open model and sandbox, the queue, and what each name of a model means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends, Request
from langgraph.checkpoint.base import BaseCheckpointSaver

from cli.serving.searching import a_search
from cli.serving.work import Lane, Run, Watch, Work
from graphs import OpenSolver
from inference.base import Model
from nodes.settings import Settings
from nodes.state import Problem

RAW = "raw"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """What bounds a server, beside the settings of its searches."""

    searches: int = 4
    """Searches that run together; the engine decodes all of them in one batch."""
    texts: int = 16
    """Single texts (`raw`) that are written together."""
    waiting: int = 64
    """Requests that may wait for their turn; more are told to come back later."""
    grace_s: float = 30.0
    """What runs may finish within this time after a signal, then it ends with what it has."""
    text_seconds: float = 300.0
    """Most wall time of a single text, which is then given as far as it got."""
    body_bytes: int = 4_000_000
    """Longest request."""
    hosts: tuple[str, ...] | None = ()
    """Names under which a browser may call this server, beside loopback addresses; None: any."""
    origins: tuple[str, ...] = ()
    """Origins of other pages that may call this server."""


def _fast(settings: Settings) -> Settings:
    return replace(
        settings,
        policy="phase1",
        k=min(settings.k, 4),
        budget_tokens=min(settings.budget_tokens, 16_384),
        budget_seconds=min(settings.budget_seconds, 60.0),
    )


def _thorough(settings: Settings) -> Settings:
    return replace(
        settings,
        policy="adaptive",
        max_rounds=2 * settings.max_rounds,
        max_programs=2 * settings.max_programs,
        budget_tokens=4 * settings.budget_tokens,
        budget_seconds=4 * settings.budget_seconds,
        budget_sandbox_seconds=4 * settings.budget_sandbox_seconds,
    )


SEARCHES: Mapping[str, Callable[[Settings], Settings]] = {
    "atlas": lambda settings: settings,
    "atlas-fast": _fast,
    "atlas-thorough": _thorough,
}
"""Policies with a budget: `atlas` is what the settings say, the others are derived from it."""


class Service:
    """One model, one sandbox, one queue."""

    def __init__(
        self,
        opened: OpenSolver,
        options: ServeOptions,
        *,
        store: BaseCheckpointSaver[str] | None = None,
        approve: bool = False,
        watch: Watch = lambda run, event: None,
    ) -> None:
        """Serve with what is open.

        Args:
            opened: model and sandbox, which stay the caller's to close.
            options: what bounds the server.
            store: keeps the searches that have a name.
            watch: see `Work`.
            approve: no answer may go out before a person has approved it.
        """
        self.opened = opened
        self.options = options
        self.store = store
        self.approve = approve
        at_once: dict[Lane, int] = {"search": options.searches, "text": options.texts}
        self.work = Work(at_once=at_once, most_waiting=options.waiting, watch=watch)

    @property
    def settings(self) -> Settings:
        """The settings of `atlas`."""
        return self.opened.settings

    @property
    def model(self) -> Model:
        """The bare model."""
        return self.opened.model

    def solver(self, settings: Settings, *, stored: bool = True) -> OpenSolver:
        """Return a solver for one search with settings of its own, over the shared model and sandbox.

        Args:
            settings: of the search.
            stored: the search has the name of a thread, under which every step is kept.
        """
        solver = OpenSolver(settings, self.opened.model, self.opened.sandbox, self.opened.tracing)
        if self.store is not None and stored:
            solver.keep_in(self.store)
        return solver

    def search(self, problem: Problem, settings: Settings, *, client: str = "", thread: str = "") -> Run:
        """Queue a search and return its run, which posts the events of `graphs.events`.

        Raises:
            BusyError: no more work is taken now.
        """
        solver = self.solver(settings, stored=bool(thread))
        return self.work.submit(a_search(solver, problem, thread=thread), lane="search", client=client)


def service_of(request: Request) -> Service:
    """Return the service of the application that got a request."""
    service: Service = request.app.state.service
    return service


Serving = Annotated[Service, Depends(service_of)]
"""Parameter of a route that needs the service."""
