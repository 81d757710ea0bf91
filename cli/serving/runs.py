"""The interface of the page: begin, list, read, follow, decide and end searches.

Every search has the id of its thread, so that one begun with `atlas solve --thread` is found here, and the other way.
Whoever may come in sees all of them: a server is one person's, or one team's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, NoReturn
from uuid import UUID

from fastapi import APIRouter, Depends, Header, HTTPException, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, ConfigDict, Field

from cli.serving.gate import Calling
from cli.serving.run_book import RunBook, RunDetail, RunError, RunSummary
from cli.serving.service import Service, Serving
from cli.serving.work import BusyError, ClosingError
from graphs.configuration import ThreadError
from graphs.threads import MOST_CHARS, Thread, thread_id
from nodes.problem_text import MAX_CHARS, ProblemError, read_problem
from nodes.settings import PolicyName, Settings

_LISTED = 100
_REFUSALS = {
    400: "What was asked has no meaning.",
    401: "A key is missing or wrong.",
    403: "The request comes from another web site.",
    404: "There is no such run.",
    409: "The run is not in the state for that.",
    429: "Too much is waiting already; `Retry-After` says when to come back.",
    503: "The server is shutting down.",
}


class Refusal(BaseModel):
    """Why not, in one sentence."""

    detail: str


def _refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the description of answers that are none."""
    return {status: {"model": Refusal, "description": _REFUSALS[status]} for status in statuses}


router = APIRouter(prefix="/api", tags=["runs"], responses=_refusals(401, 403))


class NewRun(BaseModel):
    """What a person asks for; what is left out is as the server's settings say."""

    model_config = ConfigDict(extra="forbid")

    problem: str = Field(min_length=1, max_length=MAX_CHARS, description="The problem, as Markdown.")
    name: str = Field("", max_length=MOST_CHARS, description="Name of its thread; empty: one is made up.")
    policy: PolicyName | None = Field(None, description="Which moves the search may make.")
    k: int | None = Field(None, ge=1, le=64, description="Programs per widening.")
    budget_tokens: int | None = Field(None, ge=1, le=10_000_000, description="Most generated tokens.")
    budget_seconds: float | None = Field(None, gt=0, le=86_400, description="Most wall time.")
    seed: int | None = Field(None, ge=0, lt=2**31, description="Start of every random choice.")
    approve: bool = Field(False, description="Ask before the answer is released.")


class Decision(BaseModel):
    """A person's word on an answer that waits."""

    model_config = ConfigDict(extra="forbid")

    approved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunList:
    """The searches that changed last."""

    runs: list[RunSummary]


async def book_of(request: Request, service: Serving) -> RunBook:
    """Return the book of the application, made when it is first asked for."""
    state = request.app.state
    if not hasattr(state, "book"):
        state.book = RunBook(service)
    book: RunBook = state.book
    return book


Book = Annotated[RunBook, Depends(book_of)]


async def known_run(run_id: UUID, book: Book) -> str:
    """Return the id of a run that exists.

    Raises:
        HTTPException: 404.
    """
    if not await asyncio.to_thread(book.knows, str(run_id)):
        raise HTTPException(404, "there is no such run")
    return str(run_id)


KnownRun = Annotated[str, Depends(known_run)]


@router.post("/runs", status_code=201, responses=_refusals(400, 409, 429, 503))
async def begin(asked: NewRun, service: Serving, book: Book, caller: Calling, response: Response) -> RunSummary:
    """Queue a search."""
    try:
        problem = read_problem(asked.problem)
        settings = _settings(asked, service)
        if asked.name:
            await _name_is_free(book, asked.name)
        summary = book.begin(problem, settings, name=asked.name, client=caller.name)
    except (ProblemError, ThreadError, RunError, BusyError, ValueError) as error:
        _refuse(error)
    response.headers["Location"] = f"/api/runs/{summary.id}"
    return summary


@router.get("/runs")
def list_runs(book: Book, most: Annotated[int, Query(ge=1, le=1000)] = _LISTED) -> RunList:
    """List the searches that changed last, those of the command line too."""
    return RunList(runs=book.summaries(most))


@router.get("/runs/{run_id}", responses=_refusals(404))
def read(run_id: UUID, book: Book) -> RunDetail:
    """Return a search as far as it came: programs, tests, outcomes, the answer and what it cost."""
    detail = book.detail(str(run_id))
    if detail is None:
        raise HTTPException(404, "there is no such run")
    return detail


@router.get("/runs/{run_id}/events", response_class=EventSourceResponse, responses=_refusals(404))
async def events(
    run_id: KnownRun, book: Book, last_event_id: Annotated[str, Header(max_length=100)] = ""
) -> AsyncIterator[ServerSentEvent]:
    """Stream what happens; the last event, `state`, says where the search then stands.

    With `Last-Event-ID` the stream goes on after that event. A search that is not at work has only its `state`.
    """
    async for id_, kind, fields in book.follow(run_id, last_event_id):
        yield ServerSentEvent(id=id_ or None, event=kind, data=fields)


@router.post("/runs/{run_id}/decision", status_code=202, responses=_refusals(404, 409, 429, 503))
async def decide(run_id: UUID, decision: Decision, book: Book, caller: Calling) -> RunSummary:
    """Release the answer that waits, or refuse it."""
    thread = await _thread(book, run_id)
    try:
        return book.decide(thread, approved=decision.approved, client=caller.name)
    except (RunError, BusyError) as error:
        _refuse(error)


@router.post("/runs/{run_id}/resume", status_code=202, responses=_refusals(404, 409, 429, 503))
async def resume(run_id: UUID, book: Book, caller: Calling) -> RunSummary:
    """Go on with a search that stopped on the way, killed or not; the time between is not charged."""
    thread = await _thread(book, run_id)
    try:
        return book.resume(thread, client=caller.name)
    except (RunError, BusyError) as error:
        _refuse(error)


@router.delete("/runs/{run_id}", status_code=202, responses=_refusals(404, 409))
async def cancel(run_id: KnownRun, book: Book) -> RunSummary:
    """End a search with the best answer so far; it stays in the list."""
    try:
        return book.cancel(run_id)
    except RunError as error:
        _refuse(error)


def _settings(asked: NewRun, service: Service) -> Settings:
    """Return the settings of one run. A server that asks for approval asks for all.

    Raises:
        ValueError: a value is out of range.
    """
    given = asked.model_dump(exclude={"problem", "name", "approve"}, exclude_none=True)
    return replace(service.settings, **given, approve=asked.approve or service.approve)


async def _name_is_free(book: RunBook, name: str) -> None:
    """Refuse a name that holds a search already: the page never overwrites one.

    Raises:
        RunError: it does.
        ThreadError: the name is no name.
    """
    if await asyncio.to_thread(book.knows, thread_id(name)):
        raise RunError(f"there is a run named {name} already: give another name")


async def _thread(book: RunBook, run_id: UUID) -> Thread:
    thread = await asyncio.to_thread(book.find, str(run_id))
    if thread is None:
        raise HTTPException(404, "there is no such run")
    return thread


def _refuse(error: Exception) -> NoReturn:
    """Raise the HTTP error of an expected failure, with its one sentence."""
    if isinstance(error, BusyError):
        status = 503 if isinstance(error, ClosingError) else 429
        raise HTTPException(status, str(error), headers={"Retry-After": str(error.retry_after_s)}) from error
    raise HTTPException(409 if isinstance(error, RunError) else 400, str(error)) from error
