"""A search as a run of the queue: the graph runs in a thread of its own, its events arrive in the event loop.

Events are also logged, under the id of the run, to wherever `cli.logs.open_log` says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import structlog

from cli.logs import EventLog
from cli.serving.work import Perform, Run
from graphs import OpenSolver
from graphs.events import Event, TextsGrew
from nodes.state import Problem

Begin = Callable[[OpenSolver], Iterator[Event]]


def a_search(solver: OpenSolver, problem: Problem, *, thread: str = "") -> Perform:
    """Return the work of a search, which posts the events of `graphs.events`; `Finished` is the last.

    Stopping the run ends the search between two tokens, and `Finished` still carries the best answer so far.

    Args:
        solver: for this search alone; the model and the sandbox in it may be shared.
        problem: what to solve.
        thread: name under which every step is stored; the solver then needs `keep_in`.
    """
    return _following(solver, lambda one: one.stream(problem, thread=thread))


def a_resumed_search(solver: OpenSolver, thread: str) -> Perform:
    """Return the work of a stored search that goes on where it stopped; see `a_search`."""
    return _following(solver, lambda one: one.resume(thread))


def a_decided_search(solver: OpenSolver, thread: str, *, approved: bool) -> Perform:
    """Return the work of a stored search that waits for a person, who has decided; see `a_search`."""
    return _following(solver, lambda one: one.decide(thread, approved=approved))


def _following(solver: OpenSolver, begin: Begin) -> Perform:
    async def perform(run: Run) -> None:
        loop = asyncio.get_running_loop()
        run.on_stop = solver.cancel
        run.label = solver.settings.policy

        log = EventLog(structlog.get_logger(), run.id, lambda: solver.span)

        def follow() -> None:
            for event in begin(solver):
                log.write(event)
                if run.stopped:  # a stop that came before the search began had nothing to cancel
                    solver.cancel()
                if not isinstance(event, TextsGrew):  # Thousands a search, which every follower would be sent.
                    loop.call_soon_threadsafe(run.post, event)

        await asyncio.to_thread(follow)

    return perform
