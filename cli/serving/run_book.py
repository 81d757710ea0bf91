"""The searches of the page: those that run here now, and those that are stored, under one id, that of their thread."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from cli.exits import one_line
from cli.serving.errors import api_error, logged
from cli.serving.run_view import SearchView, view_of
from cli.serving.searching import a_decided_search, a_resumed_search, a_search
from cli.serving.service import Service
from cli.serving.work import Perform, Run, StoppedError
from graphs import build_solver
from graphs.configuration import ThreadError
from graphs.events import Spent
from graphs.history import History, Step, read_history
from graphs.threads import NOTED, Thread, stored_thread, stored_threads, thread_id
from nodes.settings import Settings
from nodes.state import Problem, SolveState

RunState = Literal["queued", "running", "waiting", "ended", "failed", "stopped"]
"""`waiting` for a person's approval; `failed` here, with an error; `stopped` on the way, here or elsewhere."""
_KEPT = 64
"""Searches whose events are kept once they are over."""
_TITLE = 240


class RunError(RuntimeError):
    """What was asked does not fit the state of the run; the message is one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A search in brief."""

    id: str
    name: str
    """As `atlas threads` lists it."""
    title: str
    """First line of the problem."""
    entry_point: str
    """Function that is asked for; empty for a program."""
    state: RunState
    verified: bool
    approved: bool | None
    has_program: bool
    tokens: int
    began: datetime | None
    """When it was asked for here; None where another process did it."""
    changed: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDetail:
    """A search with all that is known of it."""

    summary: RunSummary
    settings: dict[str, Any]
    """Policy, budgets, seed, approval; empty where they were not kept."""
    steps: tuple[Step, ...]
    ahead: tuple[str, ...]
    """Boxes that come next."""
    view: SearchView
    error: str
    """One sentence where the search failed here."""


@dataclass(slots=True, kw_only=True)
class _Live:
    """A search that was started, resumed or decided in this process; the newest of its runs."""

    name: str
    problem: Problem
    settings: Settings
    run: Run
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def at_work(self) -> bool:
        """Whether it runs or waits for its turn."""
        return not self.run.done

    @property
    def tokens(self) -> int:
        """Spent so far by this run."""
        return next((one.tokens for one in reversed(self.run.events) if isinstance(one, Spent)), 0)

    @property
    def error(self) -> str:
        """What went wrong, in one sentence."""
        error = self.run.error
        if isinstance(error, StoppedError):
            return "it was cancelled before its turn came"
        return one_line(api_error(error)) if error is not None else ""


class RunBook:
    """Begins, finds, follows and ends searches. Changes happen in the event loop, reading in any thread."""

    def __init__(self, service: Service) -> None:
        """Keep the searches of a service, which needs a store.

        Raises:
            ThreadError: the service stores nothing.
        """
        if service.store is None:
            raise ThreadError("the page needs a store of threads: set thread_file")
        self._service = service
        self._store = service.store
        self._reader = build_solver(checkpointer=self._store)
        self._live: dict[str, _Live] = {}

    def begin(self, problem: Problem, settings: Settings, *, name: str = "", client: str = "") -> RunSummary:
        """Queue a new search; needs the event loop.

        Args:
            problem: what to solve.
            settings: of this search alone.
            name: of its thread; empty: one is made up.
            client: whose turns are counted together.

        Raises:
            RunError: a search of that name runs already.
            ThreadError: the name is no name.
            BusyError: no more work is taken now.
        """
        name = name or f"{problem.entry_point or 'program'}-{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        solver = self._service.solver(settings)
        return self._submit(name, problem, settings, a_search(solver, problem, thread=name), client)

    def decide(self, thread: Thread, *, approved: bool, client: str = "") -> RunSummary:
        """Queue the release, or the refusal, of an answer that waits.

        Raises:
            RunError: it waits for nobody.
            BusyError: no more work is taken now.
        """
        if not thread.waits:
            raise RunError("this run waits for no decision")
        settings = self._settings_of(thread)
        perform = a_decided_search(self._service.solver(settings), thread.name, approved=approved)
        return self._submit(thread.name, thread.problem, settings, perform, client)

    def resume(self, thread: Thread, *, client: str = "") -> RunSummary:
        """Queue the rest of a search that stopped on the way.

        Raises:
            RunError: it has ended, or waits for a person.
            BusyError: no more work is taken now.
        """
        if thread.waits or thread.answer is not None:
            raise RunError("this run has nothing left to do")
        settings = self._settings_of(thread)
        perform = a_resumed_search(self._service.solver(settings), thread.name)
        return self._submit(thread.name, thread.problem, settings, perform, client)

    def cancel(self, id_: str) -> RunSummary:
        """End a search with what it has.

        Raises:
            RunError: it does not run here.
        """
        live = self._live.get(id_)
        if live is None or not live.at_work:
            raise RunError("this run is not at work, so there is nothing to cancel")
        live.run.stop()
        return self._summary(id_, None)

    def find(self, id_: str) -> Thread | None:
        """Return the stored thread of an id."""
        return stored_thread(self._store, id_)

    def knows(self, id_: str) -> bool:
        """Whether there is a search of that id, stored or not; blocks."""
        return id_ in self._live or self.find(id_) is not None

    def summaries(self, most: int) -> list[RunSummary]:
        """Return the searches that changed last; blocks."""
        stored = {one.id: one for one in stored_threads(self._store, most)}
        ids = dict.fromkeys((*self._live, *stored))
        found = [self._summary(id_, stored.get(id_) or self.find(id_)) for id_ in ids]
        return sorted(found, key=lambda one: one.changed, reverse=True)[:most]

    def detail(self, id_: str) -> RunDetail | None:
        """Return all that is known of a search, or None when there is none of that id; blocks."""
        thread, live = self.find(id_), self._live.get(id_)
        if thread is None and live is None:
            return None
        history = read_history(self._reader, id_)
        if history is None or thread is None:
            problem = live.problem if live else Problem()
            history = History(state=SolveState(problem=problem), steps=(), ahead=())
        return RunDetail(
            summary=self._summary(id_, thread),
            settings=_noted(live, thread),
            steps=history.steps,
            ahead=history.ahead,
            view=view_of(history.state),
            error=live.error if live else "",
        )

    async def follow(self, id_: str, last: str) -> AsyncIterator[tuple[str, str, dict[str, Any]]]:
        """Yield (id, kind, fields) of every event of a search that is at work; the last one tells its state.

        Args:
            id_: of the search.
            last: id of the last event that the listener has seen; events after it follow, or all of them where it
                is of another run.
        """
        live = self._live.get(id_)
        if live is not None:
            run = live.run
            seen, _, number = last.partition(".")
            start = int(number) + 1 if seen == run.id and number.isdigit() else 0
            try:
                async for event in run.listen(start):
                    yield f"{run.id}.{start}", _kind(event), _fields(event)
                    start += 1
            except Exception as error:  # noqa: BLE001 - the detail of the run tells it, in one sentence
                logged(error)
        thread = await asyncio.to_thread(self.find, id_)
        yield "", "state", {"state": self._summary(id_, thread).state}

    def _submit(self, name: str, problem: Problem, settings: Settings, perform: Perform, client: str) -> RunSummary:
        id_ = thread_id(name)
        if id_ in self._live and self._live[id_].at_work:
            raise RunError(f"the run {name} is at work already")
        run = self._service.work.submit(perform, lane="search", client=client)
        self._live[id_] = _Live(name=name, problem=problem, settings=settings, run=run)
        over = [one for one, live in self._live.items() if not live.at_work]
        for one in over[:-_KEPT]:
            del self._live[one]
        return self._summary(id_, None)

    def _settings_of(self, thread: Thread) -> Settings:
        """Return the server's settings with those that were in force on a thread."""
        return replace(self._service.settings, **{k: v for k, v in thread.settings.items() if k in NOTED})

    def _summary(self, id_: str, thread: Thread | None) -> RunSummary:
        live = self._live.get(id_)
        problem = thread.problem if thread else live.problem if live else Problem()
        answer = thread.answer if thread else None
        times = [*([thread.changed] if thread else []), *([live.began] if live else [])]
        return RunSummary(
            id=id_,
            name=thread.name if thread else live.name if live else "",
            title=problem.statement.strip().split("\n", maxsplit=1)[0][:_TITLE],
            entry_point=problem.entry_point,
            state=self._state(live, thread),
            verified=answer is not None and answer.verified,
            approved=answer.approved if answer else None,
            has_program=answer is not None and bool(answer.code),
            tokens=max(thread.tokens if thread else 0, live.tokens if live else 0),
            began=live.began if live else None,
            changed=max(times),
        )

    def _state(self, live: _Live | None, thread: Thread | None) -> RunState:
        if live is not None and live.at_work:
            return "running" if live.run in self._service.work.running else "queued"
        if thread is not None and thread.waits:
            return "waiting"
        if thread is not None and thread.answer is not None:
            return "ended"
        return "failed" if live is not None and live.error else "stopped"


def _noted(live: _Live | None, thread: Thread | None) -> dict[str, Any]:
    if live is not None:
        return {name: getattr(live.settings, name) for name in NOTED}
    return dict(thread.settings) if thread is not None else {}


def _fields(event: object) -> dict[str, Any]:
    return asdict(event) if is_dataclass(event) and not isinstance(event, type) else {}


def _kind(event: object) -> str:
    """Return `box_started` for a `BoxStarted`."""
    name = type(event).__name__
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
