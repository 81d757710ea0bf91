"""Texts of the bare model as runs of the queue."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from langchain_core.messages import AIMessageChunk

from cli.serving.pieces import Piece, Usage
from cli.serving.service import RAW
from cli.serving.work import Perform, Run
from inference.base import Model
from inference.chat_stream import Asked, Reading, adeltas

_ENDED_EARLY = {"deadline": "length", "cancelled": "length"}
"""Our reasons to stop in OpenAI's words; the others are the same."""


def some_texts(model: Model, asked: Sequence[Asked], *, seconds: float) -> Perform:
    """Return the work of writing texts together; it posts pieces.

    Stopping the run ends the texts within one step of the engine.

    Args:
        model: the bare model.
        asked: one request per text.
        seconds: wall time after which a text is given as far as it got.
    """

    async def perform(run: Run) -> None:
        task = asyncio.current_task()
        assert task is not None
        run.on_stop = lambda: _cancel(task)
        run.label = RAW
        deadline = time.monotonic() + seconds
        try:
            async with asyncio.TaskGroup() as group:
                for index, one in enumerate(asked):
                    group.create_task(_write(model, index, replace(one, deadline=deadline), run))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed

    return perform


def _cancel(task: asyncio.Task[object]) -> None:
    task.cancel()


async def _write(model: Model, index: int, asked: Asked, run: Run) -> None:
    reading, parts, ended = Reading(asked, model.name), 0, False
    try:
        async for delta in adeltas(model, asked, cancelled=lambda: run.stopped):
            parts += 1
            ended = delta.completion is not None
            for chunk in reading.add(delta):
                assert isinstance(chunk.message, AIMessageChunk)
                run.post(_piece(index, chunk.message))
    finally:
        if parts and not ended:  # nobody counted for us; a part is a token, mostly
            run.post(Piece(choice=index, usage=Usage(generated=parts)))


def _piece(index: int, message: AIMessageChunk) -> Piece:
    # A text that was meant as a call and is none has no name: it is told as it stands, unless it was merely cut.
    broken = [call for call in message.tool_call_chunks if not call["name"]]
    calls = tuple(
        {
            "index": number,
            "id": call["id"],
            "type": "function",
            "function": {"name": call["name"], "arguments": call["args"]},
        }
        for number, call in enumerate(call for call in message.tool_call_chunks if call["name"])
    )
    reason = message.response_metadata.get("finish_reason")
    ended = _ENDED_EARLY.get(reason or "", reason)
    was_cut = bool(broken) and ended == "length"
    finish = "tool_calls" if calls and not was_cut else ended
    usage = message.usage_metadata
    return Piece(
        choice=index,
        reasoning=message.additional_kwargs.get("reasoning_content", ""),
        content=str(message.content) + ("" if was_cut else "".join(call["args"] or "" for call in broken)),
        tool_calls=calls,
        finish=finish,
        usage=None
        if usage is None
        else Usage(
            prompt=usage["input_tokens"],
            generated=usage["output_tokens"],
            reasoning=usage.get("output_token_details", {}).get("reasoning", 0),
        ),
    )


async def raw_pieces(run: Run) -> AsyncIterator[Piece]:
    """Yield the pieces of a run of texts."""
    async for event in run.listen():
        if isinstance(event, Piece):
            yield event
