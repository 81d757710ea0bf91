"""LangChain's messages and tools in a `Model`'s terms, and its answers in LangChain's.

Models are asked for tool calls in the form that most open models were trained on: a JSON object with `name` and
`arguments` between `<tool_call>` marks; results come back between `<tool_response>` marks. A call that is demanded
(`tool_choice`) is enforced by a JSON schema instead.

Limits: text only. A chat template's own way of announcing tools is not used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    InvalidToolCall,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UsageMetadata,
)
from langchain_core.messages.tool import invalid_tool_call, tool_call

from inference.base import Completion, Message

CALL_START, CALL_END = "<tool_call>", "</tool_call>"
_CALL = re.compile(re.escape(CALL_START) + "(.*?)(?:" + re.escape(CALL_END) + r"|\Z)", re.DOTALL)
_ROLES = {"system": "system", "developer": "system", "user": "user", "human": "user", "assistant": "assistant",
          "ai": "assistant"}  # fmt: skip
_TEXT_BLOCKS = {"text", "text-plain", "reasoning", "thinking", "tool_call", "tool_use", "function_call"}
"""Kinds of content that a text model can take, or that are told otherwise."""

TOOLS = (
    "You may call these tools:\n{tools}\n"
    f"To call one, write {CALL_START}{{{{\"name\": ..., \"arguments\": {{{{...}}}}}}}}{CALL_END} and nothing after it. "
    "Several calls follow one another."
)  # fmt: skip


def to_messages(messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]] = ()) -> tuple[Message, ...]:
    """Return a conversation in our roles, the tools announced in its system message.

    Raises:
        ValueError: a message holds something other than text, or has a role that no model knows.
    """
    ours = [_to_message(message) for message in messages]
    if tools:
        text = TOOLS.format(tools="\n".join(json.dumps(tool["function"]) for tool in tools))
        if ours and ours[0].role == "system":
            ours[0] = Message(role="system", content=f"{ours[0].content}\n\n{text}")
        else:
            ours.insert(0, Message(role="system", content=text))
    return tuple(_joined(ours))


def _to_message(message: BaseMessage) -> Message:
    text = _text(message)
    match message:
        case SystemMessage():
            return Message(role="system", content=text)
        case HumanMessage():
            return Message(role="user", content=text)
        case AIMessage():
            return Message(
                role="assistant", content="\n".join(filter(None, (text, *map(_written, message.tool_calls))))
            )
        case ToolMessage():
            return Message(role="user", content=f"<tool_response>\n{text}\n</tool_response>")
        case ChatMessage() if message.role in _ROLES:
            return Message(role=_ROLES[message.role], content=text)  # type: ignore[arg-type]
    raise ValueError(f"a {type(message).__name__} cannot be told to the model: use system, human, AI or tool messages")


def _text(message: BaseMessage) -> str:
    blocks = message.content if isinstance(message.content, list) else []
    kinds = {str(block.get("type")) for block in blocks if isinstance(block, dict)}
    if other := sorted(kinds - _TEXT_BLOCKS):
        raise ValueError(f"the model reads text only, not {', '.join(other)}: describe it in words")
    return str(message.text)


def _written(call: ToolCall) -> str:
    return f"{CALL_START}\n{json.dumps({'name': call['name'], 'arguments': call['args']})}\n{CALL_END}"


def _joined(messages: Sequence[Message]) -> list[Message]:
    """Join messages of one role that follow one another: most chat templates want roles to alternate."""
    joined: list[Message] = []
    for message in messages:
        if joined and joined[-1].role == message.role:
            joined[-1] = Message(role=message.role, content=f"{joined[-1].content}\n\n{message.content}")
        else:
            joined.append(message)
    return joined


def call_schema(tools: Sequence[Mapping[str, Any]], choice: str) -> dict[str, Any]:
    """Return the JSON schema of one call of a tool; `choice` names it, or is `any`.

    Raises:
        ValueError: no tool has that name.
    """
    chosen = [tool["function"] for tool in tools if choice in ("any", tool["function"]["name"])]
    if not chosen:
        names = ", ".join(tool["function"]["name"] for tool in tools) or "none"
        raise ValueError(f"tool_choice names {choice}; the tools are: {names}")
    schemas = [
        {
            "type": "object",
            "properties": {
                "name": {"const": function["name"]},
                "arguments": function.get("parameters") or {"type": "object", "properties": {}},
            },
            "required": ["name", "arguments"],
        }
        for function in chosen
    ]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def split_calls(text: str, *, demanded: bool) -> tuple[str, list[ToolCall], list[InvalidToolCall]]:
    """Take an answer apart into (text, calls, texts that were meant as calls).

    Args:
        text: the answer.
        demanded: the whole answer is one call, without marks.
    """
    bodies = [text] if demanded else [found[1] for found in _CALL.finditer(text)]
    calls: list[ToolCall] = []
    invalid: list[InvalidToolCall] = []
    for body in bodies:
        try:
            call = json.loads(body)
            calls.append(tool_call(name=str(call["name"]), args=dict(call.get("arguments") or {}), id=_new_id()))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            invalid.append(invalid_tool_call(name=None, args=body, id=_new_id(), error=f"no tool call: {error}"))
    return "" if demanded else _CALL.sub("", text).strip() if bodies else text, calls, invalid


def _new_id() -> str:
    return f"call_{uuid4().hex[:24]}"


def usage_of(done: Completion) -> UsageMetadata:
    """Return what a completion cost; thinking counts as output."""
    return UsageMetadata(
        input_tokens=done.prompt_tokens,
        output_tokens=done.spent,
        total_tokens=done.prompt_tokens + done.spent,
        output_token_details={"reasoning": done.thinking_tokens},
    )


def metadata_of(done: Completion, name: str) -> dict[str, Any]:
    """Return why an answer ended, and how sure the model was where it can say."""
    reasons = {"end": "stop", "stop_text": "stop"}
    metadata: dict[str, Any] = {"model_name": name, "finish_reason": reasons.get(done.stop, done.stop)}
    return metadata if done.confidence is None else metadata | {"confidence": done.confidence}


def to_ai_message(done: Completion, name: str, *, tools: bool, demanded: bool) -> AIMessage:
    """Return a completion as LangChain's message; tool calls are looked for where tools were offered."""
    text, calls, invalid = split_calls(done.text, demanded=demanded) if tools else (done.text, [], [])
    return AIMessage(
        content=text,
        tool_calls=calls,
        invalid_tool_calls=invalid,
        additional_kwargs={"reasoning_content": done.thinking} if done.thinking else {},
        usage_metadata=usage_of(done),
        response_metadata=metadata_of(done, name),
    )
