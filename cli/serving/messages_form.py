"""How an answer of `POST /v1/messages` looks, whole and as a stream of events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

from cli.serving.errors import ApiError
from cli.serving.narration import Event
from cli.serving.pieces import Choice, Piece, Usage

_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


class MessagesForm:
    """Tells one answer: thinking, text and calls are blocks, in this order."""

    def __init__(self, model: str, *, shows_thinking: bool) -> None:
        """Start an answer of a model; thinking is told only where it was asked for."""
        self._shows_thinking = shows_thinking
        self._head = {"id": f"msg_{uuid4().hex}", "type": "message", "role": "assistant", "model": model}
        self._open = ""
        self._index = -1
        self._reason = "end_turn"
        self._atlas: Mapping[str, Any] | None = None

    def whole(self, choices: Mapping[int, Choice], usage: Usage) -> dict[str, Any]:
        """Return a whole answer."""
        choice = choices.get(0, Choice())
        thought, text = "".join(choice.reasoning), "".join(choice.content)
        blocks: list[dict[str, Any]] = []
        if thought and self._shows_thinking:
            blocks.append({"type": "thinking", "thinking": thought, "signature": ""})
        if text or not choice.tool_calls:
            blocks.append({"type": "text", "text": text})
        blocks += [_call(call, json.loads(call["function"]["arguments"])) for call in choice.tool_calls]
        atlas = {} if choice.atlas is None else {"atlas": choice.atlas}
        reason = _REASONS.get(choice.finish or "stop", "end_turn")
        end = {"stop_reason": reason, "stop_sequence": None, "usage": _usage(usage)}
        return {**self._head, "content": blocks, **end, **atlas}

    def begin(self) -> Iterator[Event]:
        """Yield the event before the first piece."""
        empty: dict[str, Any] = {"content": [], "stop_reason": None, "stop_sequence": None, "usage": _usage(Usage())}
        yield {"type": "message_start", "message": {**self._head, **empty}}

    def add(self, piece: Piece) -> Iterator[Event]:
        """Yield the events of a piece."""
        if piece.reasoning and self._shows_thinking:
            yield from self._started("thinking", {"type": "thinking", "thinking": "", "signature": ""})
            yield self._delta({"type": "thinking_delta", "thinking": piece.reasoning})
        if piece.content:
            yield from self._started("text", {"type": "text", "text": ""})
            yield self._delta({"type": "text_delta", "text": piece.content})
        for call in piece.tool_calls:
            yield from self._stopped()
            yield from self._started("call", _call(call, {}))
            yield self._delta({"type": "input_json_delta", "partial_json": call["function"]["arguments"]})
            yield from self._stopped()
        self._atlas = piece.atlas or self._atlas
        self._reason = _REASONS.get(piece.finish or "", self._reason)

    def end(self, usage: Usage) -> Iterator[Event]:
        """Yield the events after the last piece."""
        yield from self._stopped()
        atlas = {} if self._atlas is None else {"atlas": self._atlas}
        delta = {"stop_reason": self._reason, "stop_sequence": None, **atlas}
        yield {"type": "message_delta", "delta": delta, "usage": _usage(usage)}
        yield {"type": "message_stop"}

    def failed(self, error: ApiError) -> Iterator[Event]:
        """Yield the event of an answer that breaks off."""
        yield error.anthropic_body()

    def pause(self) -> Event | None:
        """Return an event that says nothing."""
        return {"type": "ping"}

    def _started(self, kind: str, block: dict[str, Any]) -> Iterator[Event]:
        """Open a block of a kind, unless it is open."""
        if self._open == kind:
            return
        yield from self._stopped()
        self._open = kind
        self._index += 1
        yield {"type": "content_block_start", "index": self._index, "content_block": block}

    def _delta(self, delta: dict[str, Any]) -> Event:
        return {"type": "content_block_delta", "index": self._index, "delta": delta}

    def _stopped(self) -> Iterator[Event]:
        if self._open:
            self._open = ""
            yield {"type": "content_block_stop", "index": self._index}


def _call(call: Mapping[str, Any], given: object) -> dict[str, Any]:
    return {"type": "tool_use", "id": call["id"], "name": call["function"]["name"], "input": given}


def _usage(usage: Usage) -> dict[str, Any]:
    return {"input_tokens": usage.prompt, "output_tokens": usage.generated}
