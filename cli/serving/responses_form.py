"""How an answer of `POST /v1/responses` looks, whole and as a stream of events."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

from cli.serving.errors import ApiError
from cli.serving.narration import Event
from cli.serving.pieces import Choice, Piece, Usage
from cli.serving.responses_request import ResponsesRequest

Item = dict[str, Any]


class ResponsesForm:
    """Tells one answer: thinking, a message and calls are items, in this order."""

    def __init__(self, body: ResponsesRequest) -> None:
        """Start an answer to a request."""
        self._head: dict[str, Any] = {
            "id": f"resp_{uuid4().hex}",
            "object": "response",
            "created_at": int(time.time()),
            "model": body.model,
            "instructions": body.instructions,
            "metadata": body.metadata or {},
            "max_output_tokens": body.max_output_tokens,
            "temperature": body.temperature,
            "top_p": body.top_p,
            "tools": body.tools or [],
            "tool_choice": body.tool_choice or "auto",
            "parallel_tool_calls": True,
            "previous_response_id": None,
            "store": False,
            "truncation": "disabled",
            "error": None,
        }
        self._items: list[Item] = []
        self._open = ""
        self._finish: str | None = None
        self._number = -1

    def whole(self, choices: Mapping[int, Choice], usage: Usage) -> dict[str, Any]:
        """Return a whole answer."""
        choice = choices.get(0, Choice())
        for piece in (
            Piece(reasoning="".join(choice.reasoning)),
            Piece(content="".join(choice.content), atlas=choice.atlas),
            Piece(tool_calls=tuple(choice.tool_calls), finish=choice.finish),
        ):
            list(self.add(piece))
        list(self._closed())
        return self._response(self._status(), usage)

    def begin(self) -> Iterator[Event]:
        """Yield the events before the first piece."""
        yield self._event("response.created", response=self._response("in_progress"))
        yield self._event("response.in_progress", response=self._response("in_progress"))

    def add(self, piece: Piece) -> Iterator[Event]:
        """Yield the events of a piece."""
        if piece.reasoning:
            yield from self._added("reasoning")
            self._items[-1]["content"][0]["text"] += piece.reasoning
            yield self._of_part("response.reasoning_text.delta", delta=piece.reasoning)
        if piece.content or piece.atlas is not None:
            yield from self._added("message")
            self._items[-1]["content"][0]["text"] += piece.content
            if piece.atlas is not None:
                self._items[-1]["atlas"] = piece.atlas
            yield self._of_part("response.output_text.delta", delta=piece.content, logprobs=[])
        for call in piece.tool_calls:
            yield from self._called(call["id"], call["function"])
        self._finish = piece.finish or self._finish

    def end(self, usage: Usage) -> Iterator[Event]:
        """Yield the events after the last piece."""
        yield from self._closed()
        status = self._status()
        yield self._event(f"response.{status}", response=self._response(status, usage))

    def failed(self, error: ApiError) -> Iterator[Event]:
        """Yield the event of an answer that breaks off."""
        code = error.code or "server_error"
        response = {**self._response("failed"), "error": {"code": code, "message": str(error)}}
        yield self._event("response.failed", response=response)

    def pause(self) -> Event | None:
        """Return nothing: a comment keeps the connection alive."""
        return None

    def _status(self) -> str:
        return "incomplete" if self._finish == "length" else "completed"

    def _response(self, status: str, usage: Usage | None = None) -> dict[str, Any]:
        cut = {"reason": "max_output_tokens"} if status == "incomplete" else None
        return {
            **self._head,
            "status": status,
            "incomplete_details": cut,
            "output": list(self._items),
            "usage": None if usage is None else _usage(usage),
        }

    def _event(self, event: str, /, **fields: Any) -> Event:
        self._number += 1
        return {"type": event, "sequence_number": self._number, **fields}

    def _of_item(self, event: str, /, **fields: Any) -> Event:
        place = {"item_id": self._items[-1]["id"], "output_index": len(self._items) - 1}
        return self._event(event, **place, **fields)

    def _of_part(self, name: str, **fields: Any) -> Event:
        return self._of_item(name, content_index=0, **fields)

    def _added(self, kind: str) -> Iterator[Event]:
        """Open an item of a kind, unless it is open."""
        if self._open == kind:
            return
        yield from self._closed()
        self._open = kind
        part: Item = {"type": "reasoning_text", "text": ""}
        item: Item = {
            "id": f"rs_{uuid4().hex}",
            "type": kind,
            "summary": [],
            "content": [part],
            "status": "in_progress",
        }
        if kind == "message":
            part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
            item = {
                "id": f"msg_{uuid4().hex}",
                "type": kind,
                "role": "assistant",
                "content": [part],
                "status": "in_progress",
            }
        self._items.append(item)
        shown = {**item, "content": []}
        yield self._event("response.output_item.added", output_index=len(self._items) - 1, item=shown)
        yield self._of_part("response.content_part.added", part=dict(part))

    def _closed(self) -> Iterator[Event]:
        """Close the item that is open."""
        if not self._open:
            return
        item = self._items[-1]
        (part,) = item["content"]
        item["status"] = "completed"
        name = "response.output_text.done" if self._open == "message" else "response.reasoning_text.done"
        more: Item = {"logprobs": []} if self._open == "message" else {}
        yield self._of_part(name, text=part["text"], **more)
        yield self._of_part("response.content_part.done", part=dict(part))
        yield self._event("response.output_item.done", output_index=len(self._items) - 1, item=item)
        self._open = ""

    def _called(self, call_id: str, function: Mapping[str, str]) -> Iterator[Event]:
        yield from self._closed()
        item = {
            "id": f"fc_{uuid4().hex}",
            "type": "function_call",
            "call_id": call_id,
            "name": function["name"],
            "arguments": "",
            "status": "in_progress",
        }
        self._items.append(item)
        yield self._event("response.output_item.added", output_index=len(self._items) - 1, item=dict(item))
        arguments = function["arguments"]
        item |= {"arguments": arguments, "status": "completed"}
        yield self._of_item("response.function_call_arguments.delta", delta=arguments)
        done = {"name": function["name"], "arguments": arguments}
        yield self._of_item("response.function_call_arguments.done", **done)
        yield self._event("response.output_item.done", output_index=len(self._items) - 1, item=item)


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": usage.generated,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt + usage.generated,
    }
