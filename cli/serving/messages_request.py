"""`POST /v1/messages`: Anthropic's interface, which Claude Code speaks, told as a request for a chat.

Tools that Anthropic's own servers would run (those with a `type` of their own) are not there, and are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from cli.serving.errors import bad_request, unsupported
from cli.serving.openai_types import ChatRequest, ModelName, validated
from cli.serving.unheeded import MESSAGE, refuse_unheeded

_SILENT = ("thinking", "redacted_thinking")
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


class Turn(BaseModel):
    """One turn of a conversation."""

    role: Literal["user", "assistant", "system"]
    content: str | list[dict[str, Any]]


class ThinkingOption(BaseModel):
    """Whether the model thinks, and whether that is shown."""

    type: Literal["enabled", "disabled", "adaptive"]


class Conversation(BaseModel):
    """What counting tokens and answering have in common."""

    model_config = ConfigDict(extra="allow")

    model: ModelName
    messages: list[Turn] = Field(min_length=1, max_length=5000)
    system: str | list[dict[str, Any]] | None = None
    tools: list[dict[str, Any]] | None = Field(None, max_length=200)
    tool_choice: dict[str, Any] | None = None
    thinking: ThinkingOption | None = None


class MessagesRequest(Conversation):
    """The fields that are read; others that change no answer are accepted."""

    max_tokens: int = Field(ge=1, le=1_000_000)
    stream: bool | None = None
    temperature: float | None = Field(None, ge=0, le=1)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=-1, le=1_000_000)
    stop_sequences: Annotated[list[str], Field(max_length=64)] | None = None

    @property
    def shows_thinking(self) -> bool:
        """Whether the answer tells what was thought."""
        return self.thinking is not None and self.thinking.type != "disabled"


def chat_of_messages(body: Conversation) -> ChatRequest:
    """Return the chat that a request asks for.

    Raises:
        ApiError: a field cannot be heeded, or a block of the conversation cannot be told to the model.
    """
    refuse_unheeded(body, MESSAGE)
    if isinstance(config := (body.model_extra or {}).get("output_config"), dict) and config.get("format"):
        raise unsupported("output_config.format", MESSAGE["output_format"])
    sampling: dict[str, Any] = {}
    if isinstance(body, MessagesRequest):
        names = ("max_tokens", "temperature", "top_p", "top_k")
        sampling = {name: getattr(body, name) for name in names} | {"stop": body.stop_sequences or None}
    thinks = body.thinking is not None and body.thinking.type != "disabled"
    return validated(
        ChatRequest,
        {
            "model": body.model,
            "messages": list(_messages(body)),
            "reasoning_effort": "high" if thinks else "none",
            **sampling,
            **_tools(body),
        },
    )


def _tools(body: Conversation) -> dict[str, Any]:
    told = [
        {
            "type": "function",
            "function": {
                "name": tool.get("name"),
                "description": tool.get("description"),
                "parameters": tool.get("input_schema"),
            },
        }
        for tool in body.tools or ()
        if tool.get("type") in (None, "custom")
    ]
    asked = (body.tool_choice or {}).get("type", "auto")
    choice: Any = _CHOICES.get(asked, asked)
    if asked == "tool":
        choice = {"type": "function", "function": {"name": (body.tool_choice or {}).get("name")}}
    # What demands a call is handed on without tools too: it is refused there.
    return {"tools": told or None, "tool_choice": choice if told or choice not in ("auto", "none") else None}


def _messages(body: Conversation) -> Iterator[dict[str, Any]]:
    if body.system:
        yield {"role": "system", "content": _text(body.system, "system")}
    for number, turn in enumerate(body.messages):
        if isinstance(turn.content, str):
            yield {"role": turn.role, "content": turn.content}
        else:
            yield from _turn(turn.role, turn.content, f"messages.{number}.content")


def _turn(role: str, blocks: list[dict[str, Any]], place: str) -> Iterator[dict[str, Any]]:
    """Yield a turn: what tools gave comes first, as it follows their calls."""
    for block in blocks:
        if block.get("type") == "tool_result":
            text = _text(block.get("content") or "", place)
            yield {"role": "tool", "tool_call_id": str(block.get("tool_use_id")), "content": text}
    calls = [
        {
            "id": str(block.get("id")),
            "type": "function",
            "function": {"name": block.get("name"), "arguments": json.dumps(block.get("input") or {})},
        }
        for block in blocks
        if block.get("type") == "tool_use"
    ]
    text = _text([block for block in blocks if block.get("type") not in ("tool_result", "tool_use")], place)
    if calls:
        yield {"role": role, "content": text, "tool_calls": calls}
    elif text:
        yield {"role": role, "content": text}


def _text(content: object, place: str) -> str:
    if isinstance(content, str):
        return content
    blocks = [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
    told = [block for block in blocks if block.get("type") not in _SILENT]
    if other := sorted({str(block.get("type")) for block in told} - {"text"}):
        raise bad_request(f"{place}: only text is read, not {', '.join(other)[:100]}", param=place)
    return "\n\n".join(str(block.get("text") or "") for block in told)
