"""How an answer reaches its client: whole or as server-sent events, and nothing is written for one who has left."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Any, Final, TypeVar, cast

from fastapi import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from cli.serving.errors import AsciiJson, logged
from cli.serving.pieces import Form, Pieces, Usage, WholeForm, collected
from cli.serving.work import Run

T = TypeVar("T")

SILENCE_S = 10.0
"""After so long without news a stream says that it is alive."""
_AT_ONCE_S = 0.5
"""What fails within this time is answered with a status instead of a stream."""
_GONE = 499
_END: Final = object()


async def events(pieces: Pieces, form: Form, *, usage_wanted: bool) -> AsyncIterator[str]:
    """Yield an answer as server-sent events; an error is the last of them."""
    begun: set[int] = set()
    usage = Usage()
    try:
        async for piece in with_pauses(pieces, SILENCE_S):
            if piece is None:
                yield ": at work\n\n"
                continue
            usage += piece.usage or Usage()
            chunk = form.chunk(piece)
            if chunk is None:
                continue
            if piece.choice not in begun and (first := form.first(piece.choice)) is not None:
                yield _event(first)
            begun.add(piece.choice)
            yield _event(chunk)
    except Exception as error:  # noqa: BLE001 - the status is sent already: the client is told in the stream
        yield _event(logged(error).body())
        return
    if usage_wanted:
        yield _event(form.last(usage))
    yield "data: [DONE]\n\n"


def _event(chunk: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(chunk)}\n\n"


async def with_pauses(items: AsyncIterator[T], seconds: float) -> AsyncIterator[T | None]:
    """Yield what comes, and None after each silence of so many seconds."""
    waiting = asyncio.ensure_future(_next(items))
    try:
        while True:
            await asyncio.wait({waiting}, timeout=seconds)
            if not waiting.done():
                yield None
            elif (item := waiting.result()) is _END:
                return
            else:
                yield cast("T", item)
                waiting = asyncio.ensure_future(_next(items))
    finally:
        waiting.cancel()


async def _next(items: AsyncIterator[T]) -> T | object:
    return await anext(items, _END)


class _Stream(StreamingResponse):
    """A stream whose run is stopped when nobody reads it any more, even before its first byte."""

    def __init__(self, content: AsyncIterator[str], run: Run) -> None:
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        super().__init__(content, media_type="text/event-stream", headers=headers)
        self._run = run

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._run.stop()


async def streamed(run: Run, pieces: Pieces, form: Form, *, usage_wanted: bool) -> Response:
    """Return a stream; what fails at once is raised instead, so that it gets a status.

    Raises:
        ApiError: tells what the run failed with before it had said anything.
    """
    return await stream_of(run, events(pieces, form, usage_wanted=usage_wanted))


async def stream_of(run: Run, content: AsyncIterator[str]) -> Response:
    """Return server-sent events as a stream; what fails at once is raised instead, so that it gets a status.

    Raises:
        ApiError: tells what the run failed with before it had said anything.
    """
    await _settled(run, _AT_ONCE_S)
    if run.done and run.error is not None:
        raise logged(run.error) from run.error
    return _Stream(content, run)


async def _settled(run: Run, seconds: float) -> None:
    """Wait until a run has told something or has ended, for so long at most."""
    waiting = asyncio.ensure_future(_next(run.listen()))
    await asyncio.wait({waiting}, timeout=seconds)
    if not waiting.done():
        waiting.cancel()
    elif not waiting.cancelled():
        waiting.exception()


async def whole(request: Request, run: Run, pieces: Pieces, form: WholeForm) -> Response:
    """Return a whole answer, or stop the run when the client hangs up before."""
    answer = await unless_gone(request, run, collected(pieces, form))
    return Response(status_code=_GONE) if answer is None else AsciiJson(answer)


async def unless_gone(request: Request, run: Run, waited: Awaitable[T]) -> T | None:
    """Return what is waited for; None, and the run is stopped, when the client hangs up before.

    Raises:
        ApiError: tells what went wrong.
    """
    task = asyncio.ensure_future(waited)
    gone = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    except Exception as error:
        raise logged(error) from error
    finally:
        gone.cancel()
        task.cancel()
        run.stop()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
