"""Requests on their way through an engine: as futures, as an awaitable, or as a stream of text.

Streamed text holds back what might be the beginning of a stop text, so that nothing is ever taken back. Streams into an
event loop cost the engine one call per step, whatever their number.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from queue import SimpleQueue

from inference.base import Completion, Stop
from inference.decoding import Limits, Writer
from inference.engine import Engine
from inference.job import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """What one step added to a streamed reply."""

    thinking: str = ""
    text: str = ""
    completion: Completion | None = None
    """The whole reply, in the last delta only."""


def settle(job: Job, writer: Writer) -> Future[Completion]:
    """Return the future completion of a job that has not been submitted; only the engine ends it."""
    future: Future[Completion] = Future()
    future.set_running_or_notify_cancel()

    def end(stop: Stop) -> None:
        done = writer.completion(stop)
        future.set_result(replace(done, prompt_tokens=len(job.prompt), seconds=job.seconds))

    job.on_end, job.on_failure = end, future.set_exception
    return future


def limit(job: Job, limits: Limits, on_progress: Callable[[int], None] | None = None) -> None:
    """Give a job what may end it early, and who watches."""
    job.deadline, job.cancelled, job.on_progress = limits.deadline, limits.cancelled, on_progress


def wait_for(engine: Engine, jobs: Sequence[Job], futures: Sequence[Future[Completion]]) -> tuple[Completion, ...]:
    """Submit jobs and wait for all; whatever is raised meanwhile, Ctrl-C included, ends those that are left."""
    try:
        engine.submit(jobs)
        return tuple(future.result() for future in futures)
    finally:
        if not all(future.done() for future in futures):
            engine.cancel(jobs)


def wait_for_stops(engine: Engine, jobs: Sequence[Job], limits: Limits) -> tuple[Stop, ...]:
    """Submit jobs that have no writer and return why each ended."""
    futures: list[Future[Stop]] = []
    for job in jobs:
        future: Future[Stop] = Future()
        job.on_end, job.on_failure = future.set_result, future.set_exception
        limit(job, limits)
        futures.append(future)
    try:
        engine.submit(jobs)
        return tuple(future.result() for future in futures)
    finally:
        if not all(future.done() for future in futures):
            engine.cancel(jobs)


async def await_all(
    engine: Engine, jobs: Sequence[Job], futures: Sequence[Future[Completion]]
) -> tuple[Completion, ...]:
    """Submit jobs and await all; a cancelled task ends those that are left."""
    try:
        engine.submit(jobs)
        return tuple(await asyncio.gather(*(asyncio.wrap_future(future) for future in futures)))
    finally:
        if not all(future.done() for future in futures):
            engine.cancel(jobs)


class _Feed:
    """Cuts a growing reply into deltas."""

    def __init__(self, writer: Writer, stops: Sequence[str]) -> None:
        self._writer = writer
        self._held_back = max((len(stop) for stop in stops), default=1) - 1
        self._thought = self._told = 0

    def next(self) -> Delta | None:
        """Return what is new and certain, or None."""
        thinking = self._writer.thinking[self._thought :]
        answer = self._writer.answer
        text = answer[self._told : max(self._told, len(answer) - self._held_back)]
        self._thought += len(thinking)
        self._told += len(text)
        return Delta(thinking=thinking, text=text) if thinking or text else None

    def last(self, completion: Completion) -> Delta:
        """Return the rest."""
        return Delta(
            thinking=self._writer.thinking[self._thought :],
            text=completion.text[self._told :],
            completion=completion,
        )


Put = Callable[[Delta | BaseException], None]


def _feed_into(put: Put, job: Job, writer: Writer, stops: Sequence[str]) -> None:
    feed = _Feed(writer, stops)
    future = settle(job, writer)

    def progress(_tokens: int) -> None:
        if (delta := feed.next()) is not None:
            put(delta)

    def done(finished: Future[Completion]) -> None:
        error = finished.exception()
        put(error if error is not None else feed.last(finished.result()))

    job.on_progress = progress
    future.add_done_callback(done)


def _delta(event: Delta | BaseException) -> Delta:
    """Return what was written, or raise what went wrong."""
    if isinstance(event, BaseException):
        raise event
    return event


def stream(engine: Engine, job: Job, writer: Writer, stops: Sequence[str]) -> Iterator[Delta]:
    """Submit a job and yield what it writes; leaving the loop early cancels it."""
    events: SimpleQueue[Delta | BaseException] = SimpleQueue()
    _feed_into(events.put, job, writer, stops)
    try:
        engine.submit([job])
        while True:
            delta = _delta(events.get())
            yield delta
            if delta.completion is not None:
                return
    finally:
        engine.cancel([job])


async def astream(
    engine: Engine, mailbox: Mailbox, job: Job, writer: Writer, stops: Sequence[str]
) -> AsyncIterator[Delta]:
    """Submit a job and yield what it writes into the running event loop."""
    events: asyncio.Queue[Delta | BaseException] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    _feed_into(lambda event: mailbox.post(loop, events, event), job, writer, stops)
    try:
        engine.submit([job])
        while True:
            delta = _delta(await events.get())
            yield delta
            if delta.completion is not None:
                return
    finally:
        engine.cancel([job])


class Mailbox:
    """Collects the events of a step, so that each event loop is woken once."""

    def __init__(self, engine: Engine) -> None:
        """Serve one engine; only its thread posts."""
        self._engine = engine
        self._due: dict[
            asyncio.AbstractEventLoop, list[tuple[asyncio.Queue[Delta | BaseException], Delta | BaseException]]
        ] = {}

    def post(
        self,
        loop: asyncio.AbstractEventLoop,
        queue: asyncio.Queue[Delta | BaseException],
        event: Delta | BaseException,
    ) -> None:
        """Put an event into a queue of a loop, after the step."""
        if not self._due:
            self._engine.after_step(self._deliver)
        self._due.setdefault(loop, []).append((queue, event))

    def _deliver(self) -> None:
        due, self._due = self._due, {}
        for loop, events in due.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(_put_all, events)


def _put_all(events: list[tuple[asyncio.Queue[Delta | BaseException], Delta | BaseException]]) -> None:
    for queue, event in events:
        queue.put_nowait(event)
