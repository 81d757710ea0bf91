"""The events that an OpenAI-compatible server streams while it answers, among them its errors.

Once the stream has begun the HTTP status is spent, so an error comes inside it: as `data: {"error": ...}`, from
llama-server before late 2025 as a line `error: {...}`, and from some proxies as a line of plain JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from inference.base import ContextOverflowError, ModelError

_LINE = re.compile(r"(?:(?P<field>data|error):\s*(?P<data>.*)|(?P<bare>\{.*))")
_OVERFLOW = re.compile(r"context[ _](size|length|window)", re.IGNORECASE)
_END = "[DONE]"
_MOST_CHARACTERS = 300


def events(lines: Iterable[str], where: str) -> Iterator[dict[str, Any]]:
    """Yield the events of one reply of the server at an address; other lines, such as comments, are skipped.

    Raises:
        ContextOverflowError: the server says that the prompt does not fit.
        ModelError: it reports an error, sends something else than JSON, or ends the stream before its reply ends.
    """
    ended = False
    for line in lines:
        found = _LINE.fullmatch(line)
        data = (found["data"] or found["bare"] or "").strip() if found else ""
        if found is None or not data:
            continue
        if data == _END:
            ended = True
            continue
        if found["field"] == "error":
            raise _fault(data, where)
        event = _parsed(data, where)
        if error := event.get("error"):
            raise _fault(_message(error), where)
        ended = ended or any(choice.get("finish_reason") for choice in event.get("choices") or ())
        yield event
    if not ended:
        raise ModelError(f"the server at {where} broke off its reply: look at its log, then ask again")


def _parsed(data: str, where: str) -> dict[str, Any]:
    try:
        event = json.loads(data)
    except ValueError as error:
        raise ModelError(f"the server at {where} sends no JSON: is it OpenAI-compatible?") from error
    return event if isinstance(event, dict) else {}


def _message(error: object) -> str:
    said = error.get("message") if isinstance(error, dict) else error
    return said if isinstance(said, str) else json.dumps(error)


def _fault(said: str, where: str) -> ModelError:
    text = " ".join(said.split())[:_MOST_CHARACTERS]
    if _OVERFLOW.search(text):
        return ContextOverflowError(f"the prompt does not fit into the server's context ({text}): shorten it")
    return ModelError(f"the server at {where} broke off with an error ({text}): look at its log")
