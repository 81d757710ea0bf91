"""An answer told as named server-sent events, for the interfaces whose streams are more than chunks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, Protocol

from fastapi import Request
from starlette.responses import Response

from cli.serving.delivery import SILENCE_S, stream_of, whole, with_pauses
from cli.serving.errors import ApiError, logged
from cli.serving.pieces import Piece, Pieces, Usage, WholeForm
from cli.serving.work import Run

Event = dict[str, Any]
"""Its `type` is the event's name."""


class Narrator(WholeForm, Protocol):
    """Tells one answer, piece by piece or whole."""

    def begin(self) -> Iterator[Event]:
        """Yield the events before the first piece."""

    def add(self, piece: Piece) -> Iterator[Event]:
        """Yield the events of a piece."""

    def end(self, usage: Usage) -> Iterator[Event]:
        """Yield the events after the last piece."""

    def failed(self, error: ApiError) -> Iterator[Event]:
        """Yield the events of an answer that breaks off."""

    def pause(self) -> Event | None:
        """Return an event that says nothing, for clients that wait long; None: a comment does."""


async def answered(request: Request, run: Run, pieces: Pieces, narrator: Narrator, *, stream: bool) -> Response:
    """Return an answer, whole or as a stream.

    Raises:
        ApiError: tells what the run failed with before it had said anything.
    """
    if not stream:
        return await whole(request, run, pieces, narrator)
    return await stream_of(run, told(pieces, narrator))


async def told(pieces: Pieces, narrator: Narrator) -> AsyncIterator[str]:
    """Yield an answer as server-sent events; an error is the last of them."""
    usage = Usage()
    for event in narrator.begin():
        yield _framed(event)
    try:
        async for piece in with_pauses(pieces, SILENCE_S):
            if piece is None:
                pause = narrator.pause()
                yield ": at work\n\n" if pause is None else _framed(pause)
                continue
            usage += piece.usage or Usage()
            for event in narrator.add(piece):
                yield _framed(event)
    except Exception as error:  # noqa: BLE001 - the status is sent already: the client is told in the stream
        for event in narrator.failed(logged(error)):
            yield _framed(event)
        return
    for event in narrator.end(usage):
        yield _framed(event)


def _framed(event: Event) -> str:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
