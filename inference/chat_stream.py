"""A reply of the model as it comes, in LangChain's chunks: text at once, a tool call when it is whole."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk

from inference.base import Completion, Request
from inference.calls import Delta
from inference.chat_messages import CALL_START, metadata_of, split_calls, usage_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request, and how its answer is to be read."""

    request: Request
    tools: bool
    """Tools were offered, so calls are looked for."""
    demanded: bool
    """The whole answer is one call."""
    deadline: float | None
    """A `time.monotonic()` value."""


def deltas(model: Any, asked: Asked) -> Iterator[Delta]:
    """Yield a reply as it is written; a model that cannot stream gives it in one piece."""
    if hasattr(model, "stream"):
        yield from model.stream(asked.request, deadline=asked.deadline)
        return
    (done,) = model.complete_many([asked.request], deadline=asked.deadline)
    yield _whole(done)


async def adeltas(model: Any, asked: Asked, *, cancelled: Callable[[], bool] | None = None) -> AsyncIterator[Delta]:
    """Yield a reply as it is written, without blocking the event loop.

    Closing the iterator ends the text; `cancelled` does so for a model that cannot stream.
    """
    if hasattr(model, "astream"):
        async for delta in model.astream(asked.request, deadline=asked.deadline):
            yield delta
        return
    limits = {"deadline": asked.deadline, "cancelled": cancelled}
    (done,) = await asyncio.to_thread(model.complete_many, [asked.request], **limits)
    yield _whole(done)


def _whole(done: Completion) -> Delta:
    return Delta(thinking=done.thinking, text=done.text, completion=done)


class Reading:
    """Turns deltas into chunks and keeps back what may belong to a tool call."""

    def __init__(self, asked: Asked, name: str) -> None:
        """Start a reply of the model of this name."""
        self._asked = asked
        self._name = name
        self._held = ""

    def add(self, delta: Delta) -> Iterator[ChatGenerationChunk]:
        """Yield what can be told; the last chunk carries calls, usage and the reason to stop."""
        self._held += delta.text
        told = self._tellable(ended=delta.completion is not None)
        if told or delta.thinking:
            extra = {"reasoning_content": delta.thinking} if delta.thinking else {}
            yield _chunk(AIMessageChunk(content=told, additional_kwargs=extra))
        if delta.completion is not None:
            yield self._last(delta.completion)

    def _tellable(self, *, ended: bool) -> str:
        """Take from the held text what is surely no part of a call."""
        if not self._asked.tools:
            cut = len(self._held)
        elif self._asked.demanded:
            cut = 0
        else:
            cut = self._held.find(CALL_START)
            if cut < 0:
                cut = len(self._held) - (0 if ended else _beginning(self._held))
        told, self._held = self._held[:cut], self._held[cut:]
        return told

    def _last(self, done: Completion) -> ChatGenerationChunk:
        found = bool(self._asked.tools and self._held)
        _, calls, invalid = split_calls(self._held, demanded=self._asked.demanded) if found else ("", [], [])
        metadata = metadata_of(done, self._name)
        chunks = [
            tool_call_chunk(name=call["name"], args=json.dumps(call["args"]), id=call["id"], index=index)
            for index, call in enumerate(calls)
        ]
        broken = [
            tool_call_chunk(name=call["name"], args=call["args"], id=call["id"], index=len(chunks) + index)
            for index, call in enumerate(invalid)
        ]
        message = AIMessageChunk(
            content="",
            tool_call_chunks=chunks + broken,
            usage_metadata=usage_of(done),
            response_metadata=metadata,
            chunk_position="last",
        )
        return ChatGenerationChunk(message=message, generation_info=metadata)


def _beginning(text: str) -> int:
    """Return the length of the longest end of a text that a call may begin with."""
    return next((size for size in range(len(CALL_START) - 1, 0, -1) if text.endswith(CALL_START[:size])), 0)


def _chunk(message: AIMessageChunk) -> ChatGenerationChunk:
    return ChatGenerationChunk(message=message)
