"""`POST /v1/responses`: OpenAI's newer interface, as far as it is read here, told as a request for a chat.

Nothing is kept between two requests: a client sends the whole conversation, as Codex does. Tools that OpenAI's own
servers would run (`web_search` and the like) are not there, and are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from cli.serving.errors import bad_request, unsupported
from cli.serving.openai_types import ChatRequest, Effort, ModelName, validated
from cli.serving.unheeded import RESPONSE, refuse_unheeded

_TOKENS = Annotated[int, Field(ge=1, le=1_000_000)]
_ROLES = {"developer": "system", "system": "system", "user": "user", "assistant": "assistant"}
_TEXTS = ("input_text", "output_text", "text", "summary_text", "refusal")


class Reasoning(BaseModel):
    """How much the model thinks."""

    effort: Effort | None = None


class TextFormat(BaseModel):
    """How the answer is written."""

    model_config = ConfigDict(populate_by_name=True)

    type: Literal["text", "json_object", "json_schema"] = "text"
    name: str = "answer"
    form: dict[str, Any] | None = Field(None, alias="schema")


class TextOptions(BaseModel):
    """Of the answer's text."""

    format: TextFormat | None = None


class ResponsesRequest(BaseModel):
    """The fields that are read; others that change no answer are accepted."""

    model_config = ConfigDict(extra="allow")

    model: ModelName
    input: str | Annotated[list[dict[str, Any]], Field(min_length=1, max_length=5000)]
    instructions: str | None = None
    max_output_tokens: _TOKENS | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    tools: list[dict[str, Any]] | None = Field(None, max_length=200)
    tool_choice: str | dict[str, Any] | None = None
    text: TextOptions | None = None
    reasoning: Reasoning | None = None
    stream: bool | None = None
    metadata: dict[str, str] | None = None
    previous_response_id: str | None = None
    conversation: Any = None
    background: bool | None = None


def chat_of_response(body: ResponsesRequest) -> ChatRequest:
    """Return the chat that a request asks for.

    Raises:
        ApiError: a field cannot be heeded, or an item of the input cannot be told to the model.
    """
    refuse_unheeded(body, RESPONSE)
    for field in ("previous_response_id", "conversation"):
        if getattr(body, field):
            raise unsupported(field, "nothing is kept between two requests: send the whole conversation in `input`")
    if body.background:
        raise unsupported("background", "leave it out")
    return validated(
        ChatRequest,
        {
            "model": body.model,
            "messages": list(_messages(body)),
            "max_completion_tokens": body.max_output_tokens,
            "temperature": body.temperature,
            "top_p": body.top_p,
            "reasoning_effort": body.reasoning.effort if body.reasoning else None,
            "response_format": _response_format(body),
            "metadata": body.metadata,
            **_tools(body),
        },
    )


def _response_format(body: ResponsesRequest) -> dict[str, Any] | None:
    wanted = body.text.format if body.text else None
    if wanted is None:
        return None
    return {"type": wanted.type, "json_schema": {"name": wanted.name, "schema": wanted.form}}


def _tools(body: ResponsesRequest) -> dict[str, Any]:
    names = ("name", "description", "parameters")
    functions = [tool for tool in body.tools or () if tool.get("type") == "function"]
    told = [{"type": "function", "function": {n: one[n] for n in names if one.get(n) is not None}} for one in functions]
    choice: Any = body.tool_choice
    if isinstance(choice, dict):
        if choice.get("type") != "function":
            raise unsupported("tool_choice", "only functions can be demanded")
        choice = {"type": "function", "function": {"name": choice.get("name")}}
    # What demands a call is handed on without tools too: it is refused there.
    return {"tools": told or None, "tool_choice": choice if told or choice == "required" else None}


def _messages(body: ResponsesRequest) -> Iterator[dict[str, Any]]:
    if body.instructions:
        yield {"role": "system", "content": body.instructions}
    if isinstance(body.input, str):
        yield {"role": "user", "content": body.input}
        return
    for number, item in enumerate(body.input):
        yield from _message(item, f"input.{number}")


def _message(item: dict[str, Any], place: str) -> Iterator[dict[str, Any]]:
    match item.get("type", "message"):
        case "message" if item.get("role") in _ROLES:
            yield {"role": _ROLES[item["role"]], "content": _text(item.get("content"), place)}
        case "function_call":
            function = {"name": item.get("name"), "arguments": item.get("arguments")}
            call = {"id": str(item.get("call_id")), "type": "function", "function": function}
            yield {"role": "assistant", "tool_calls": [call]}
        case "function_call_output":
            text = _text(item.get("output"), place)
            yield {"role": "tool", "tool_call_id": str(item.get("call_id")), "content": text}
        case "reasoning":
            return
        case kind:
            raise bad_request(f"{place}: an item of type {str(kind)[:60]!r} is not read", param="input")


def _text(content: object, place: str) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise bad_request(f"{place}: the content must be a text or a list of parts", param="input")
    if other := sorted({str(part.get("type")) for part in content} - set(_TEXTS)):
        raise bad_request(f"{place}: only text is read, not {', '.join(other)[:100]}", param="input")
    return "\n".join(str(part.get("text") or "") for part in content)
