"""Answers as every kind of request tells them, piece by piece, and OpenAI's form of them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import uuid4

from graphs.events import Finished
from nodes.state import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of an answer."""

    prompt: int = 0
    generated: int = 0
    """Thinking included."""
    reasoning: int = 0
    """Those of the generated tokens that are in no answer."""

    def __add__(self, other: Usage) -> Usage:
        """Return the sum."""
        return Usage(
            prompt=self.prompt + other.prompt,
            generated=self.generated + other.generated,
            reasoning=self.reasoning + other.reasoning,
        )

    def told(self) -> dict[str, Any]:
        """Return it in OpenAI's form."""
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.generated,
            "total_tokens": self.prompt + self.generated,
            "completion_tokens_details": {"reasoning_tokens": self.reasoning},
        }


def used_by(answer: Answer) -> Usage:
    """Return the tokens of a whole search."""
    return Usage(
        prompt=sum(cost.prompt_tokens for cost in answer.cost), generated=sum(cost.spent for cost in answer.cost)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What one moment adds to an answer."""

    choice: int = 0
    reasoning: str = ""
    content: str = ""
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    """In OpenAI's form."""
    finish: str | None = None
    atlas: Mapping[str, Any] | None = None
    """Evidence of a search, in the piece that finishes it."""
    usage: Usage | None = None


Pieces = AsyncIterator[Piece]


def usage_in(event: object) -> Usage | None:
    """Return the tokens that an event of a run tells of, if it does."""
    match event:
        case Piece(usage=usage):
            return usage
        case Finished(answer=answer):
            return used_by(answer)
        case _:
            return None


@dataclass(slots=True, kw_only=True)
class Choice:
    """One answer so far."""

    reasoning: list[str] = field(default_factory=list)
    content: list[str] = field(default_factory=list)
    tool_calls: list[Mapping[str, Any]] = field(default_factory=list)
    finish: str | None = None
    atlas: Mapping[str, Any] | None = None

    def add(self, piece: Piece) -> None:
        """Take in a piece."""
        self.reasoning.append(piece.reasoning)
        self.content.append(piece.content)
        self.tool_calls += piece.tool_calls
        self.finish = piece.finish or self.finish
        self.atlas = piece.atlas or self.atlas

    def message(self) -> dict[str, Any]:
        """Return it as the message of a chat."""
        content = "".join(self.content)
        message: dict[str, Any] = {"role": "assistant", "content": None if self.tool_calls and not content else content}
        if reasoning := "".join(self.reasoning):
            message["reasoning_content"] = reasoning
        if self.tool_calls:
            message["tool_calls"] = [{k: v for k, v in call.items() if k != "index"} for call in self.tool_calls]
        if self.atlas is not None:
            message["atlas"] = self.atlas
        return message


class WholeForm(Protocol):
    """How a whole answer looks."""

    def whole(self, choices: Mapping[int, Choice], usage: Usage) -> dict[str, Any]:
        """Return a whole answer."""


class Form:
    """How one kind of answer looks: a chat's, or a continued text's."""

    def __init__(self, model: str, *, chat: bool) -> None:
        """Start an answer of a model."""
        self._chat = chat
        name = "chat.completion" if chat else "text_completion"
        self._head = {
            "id": f"{'chatcmpl' if chat else 'cmpl'}-{uuid4().hex}",
            "object": name,
            "created": int(time.time()),
            "model": model,
        }

    def whole(self, choices: Mapping[int, Choice], usage: Usage) -> dict[str, Any]:
        """Return a whole answer."""
        told = []
        for index, choice in sorted(choices.items()):
            said = {"message": choice.message()} if self._chat else {"text": "".join(choice.content)}
            told.append({"index": index, **said, "finish_reason": choice.finish, "logprobs": None})
        return {**self._head, "choices": told, "usage": usage.told()}

    def first(self, choice: int) -> dict[str, Any] | None:
        """Return the chunk that begins an answer of a chat."""
        return self._chunk([self._said(choice, {"role": "assistant", "content": ""})]) if self._chat else None

    def chunk(self, piece: Piece) -> dict[str, Any] | None:
        """Return the chunk of a piece; None when it adds nothing to an answer."""
        if not self._chat:
            if not piece.content and piece.finish is None:
                return None
            said = {"index": piece.choice, "text": piece.content, "finish_reason": piece.finish, "logprobs": None}
            return self._chunk([said])
        delta: dict[str, Any] = {"content": piece.content} if piece.content else {}
        if piece.reasoning:
            delta["reasoning_content"] = piece.reasoning
        if piece.tool_calls:
            delta["tool_calls"] = list(piece.tool_calls)
        if piece.atlas is not None:
            delta["atlas"] = piece.atlas
        return self._chunk([self._said(piece.choice, delta, piece.finish)]) if delta or piece.finish else None

    def last(self, usage: Usage) -> dict[str, Any]:
        """Return the chunk of the usage."""
        return {**self._chunk([]), "usage": usage.told()}

    def _said(self, choice: int, delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {"index": choice, "delta": delta, "finish_reason": finish, "logprobs": None}

    def _chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        kind = "chat.completion.chunk" if self._chat else "text_completion"
        return {**self._head, "object": kind, "choices": choices}


async def collected(pieces: Pieces, form: WholeForm) -> dict[str, Any]:
    """Return a whole answer."""
    choices: dict[int, Choice] = {}
    usage = Usage()
    async for piece in pieces:
        choices.setdefault(piece.choice, Choice()).add(piece)
        usage += piece.usage or Usage()
    return form.whole(choices, usage)
