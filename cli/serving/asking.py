"""From a request in OpenAI's form to requests of the bare model; what cannot be heeded is refused by name."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from langchain_core.messages import convert_to_messages

from cli.serving.answer_forms import answer_forms
from cli.serving.errors import ApiError, bad_request, unsupported
from cli.serving.openai_types import ChatRequest, CompletionRequest, Effort, Sampled
from cli.serving.unheeded import CHAT, COMPLETION, refuse_unheeded
from inference.base import Message, Model, Request, Thinking
from inference.chat_messages import call_schema, to_messages
from inference.chat_stream import Asked
from nodes.settings import Settings

_EFFORTS: Mapping[Effort, float] = {
    "none": 0.0, "minimal": 0.0, "low": 0.25, "medium": 0.5, "high": 1.0, "xhigh": 1.0,
}  # fmt: skip
"""Share of the setting `thinking_tokens`."""


def chat_requests(body: ChatRequest, model: Model, settings: Settings) -> list[Asked]:
    """Return `n` requests that differ in their seeds.

    Raises:
        ApiError: a field cannot be heeded, or a message cannot be told to the model.
    """
    refuse_unsupported(body)
    tools = [tool.model_dump(exclude_none=True) for tool in body.tools or ()]
    choice = _choice(body)
    offered = bool(tools) and choice != "none"
    demanded = offered and choice != "auto"
    messages = _messages(body, tools if offered else ())
    schema, grammar = answer_forms(body)
    if demanded and (schema or grammar):
        raise unsupported("tool_choice", "a call that is demanded has a form of its own: ask for one of the two")
    request = Request(
        messages=messages,
        max_tokens=_most(_first(body.max_completion_tokens, body.max_tokens), settings, model, messages),
        thinking=Thinking(at_most=_thinking(body, model, settings)),
        json_schema=_call_form(tools, choice) if demanded else schema,
        grammar=grammar,
        **_sampling(body, settings),
    )
    return [Asked(request=one, tools=offered, demanded=demanded, deadline=None) for one in _seeded(request, body)]


def _most(asked: int | None, settings: Settings, model: Model, messages: Sequence[Message]) -> int:
    """Return the most tokens of an answer; -1 asks for all that the context holds.

    Raises:
        ApiError: none is asked for.
    """
    if asked == 0:
        raise bad_request("at least one token must be asked for; -1 asks for all that fit", param="max_tokens")
    if asked != -1:
        return asked or settings.answer_tokens
    return max(1, model.context_tokens - model.count_tokens(messages))


def _first(one: int | None, other: int | None) -> int | None:
    return other if one is None else one


def completion_requests(body: CompletionRequest, model: Model, settings: Settings) -> list[Asked]:
    """Return requests that continue each prompt `n` times, as it stands, without a chat template.

    Raises:
        ApiError: a field cannot be heeded.
    """
    _refuse_biased(body)
    refuse_unheeded(body, COMPLETION)
    if body.logprobs is not None:
        raise unsupported("logprobs", "leave it out")
    if body.best_of not in (None, body.n or 1):
        raise unsupported("best_of", "ask for `n` texts and choose")
    asked: list[Asked] = []
    schema, grammar = answer_forms(body)
    for prompt in [body.prompt] if isinstance(body.prompt, str) else body.prompt:
        if not (prompt or body.suffix):
            raise bad_request("the prompt is empty", param="prompt")
        request = Request(
            messages=(),
            prompt=prompt,
            suffix=body.suffix or "",
            max_tokens=_most(_first(body.max_tokens, 16), settings, model, [Message(role="user", content=prompt)]),
            json_schema=schema,
            grammar=grammar,
            **_sampling(body, settings),
        )
        asked += [Asked(request=one, tools=False, demanded=False, deadline=None) for one in _seeded(request, body)]
    return asked


def refuse_unsupported(body: ChatRequest) -> None:
    """Refuse what no model here can heed.

    Raises:
        ApiError: names the field.
    """
    _refuse_biased(body)
    refuse_unheeded(body, CHAT)
    if body.logprobs:
        raise unsupported("logprobs", "leave it out")
    if body.functions:
        raise unsupported("functions", "use `tools`")
    if body.audio or set(body.modalities or ()) - {"text"}:
        raise unsupported("modalities", "the model reads and writes text only")
    if not body.tools and body.tool_choice not in (None, "none", "auto"):
        raise bad_request("tool_choice demands a call, and no tool that can be called is offered", param="tool_choice")


def _refuse_biased(body: Sampled) -> None:
    if body.logit_bias:
        raise unsupported("logit_bias", "leave it out")


def _messages(body: ChatRequest, tools: Sequence[Mapping[str, Any]]) -> tuple[Message, ...]:
    try:
        told = [message.model_dump(exclude_none=True) for message in body.messages]
        return to_messages(convert_to_messages([{"content": "", **one} for one in told]), tools)
    except (ValueError, NotImplementedError, KeyError, TypeError) as error:
        raise bad_request(f"messages: {error}", param="messages") from error


def _choice(body: ChatRequest) -> str:
    """Return `auto`, `none`, `any` or the name of a tool."""
    if body.tool_choice is None or isinstance(body.tool_choice, str):
        return {"required": "any", None: "auto"}.get(body.tool_choice, body.tool_choice or "auto")
    return body.tool_choice.function.name


def _call_form(tools: Sequence[Mapping[str, Any]], choice: str) -> str:
    try:
        return json.dumps(call_schema(tools, choice))
    except ValueError as error:
        raise bad_request(str(error), param="tool_choice") from error


def _thinking(body: ChatRequest, model: Model, settings: Settings) -> int:
    if not model.can_think or (body.chat_template_kwargs or {}).get("enable_thinking") is False:
        return 0
    return int(settings.thinking_tokens * _EFFORTS[body.reasoning_effort or "high"])


def _sampling(body: Sampled, settings: Settings) -> dict[str, Any]:
    """Return how tokens are drawn: the request's values, else those of the settings."""
    given = {name: getattr(body, name) for name in ("temperature", "top_p", "top_k", "min_p")}
    penalties = {name: getattr(body, name) or 0.0 for name in ("presence_penalty", "frequency_penalty")}
    stops = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    chosen = {name: getattr(settings, name) if value is None else value for name, value in given.items()}
    chosen["top_k"] = max(0, chosen["top_k"])
    return {**chosen, **penalties, "stop": tuple(filter(None, stops))}


def _seeded(request: Request, body: Sampled) -> list[Request]:
    first = random.getrandbits(31) if body.seed is None else body.seed
    return [replace(request, seed=(first + index) % 2**31) for index in range(body.n or 1)]


def check_room(model: Model, asked: Sequence[Asked]) -> None:
    """Refuse prompts that leave no room for an answer, before anything is queued or sent.

    Raises:
        ApiError: names both lengths.
    """
    request = asked[0].request
    if (length := model.count_tokens(request.messages)) >= model.context_tokens:
        raise ApiError(400, f"the messages have {length} tokens, {model.name} holds {model.context_tokens} "
                       "with the answer: shorten them", param="messages", code="context_length_exceeded")  # fmt: skip
