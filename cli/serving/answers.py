"""A search in OpenAI's form: its progress is told as reasoning, its answer as Markdown, its evidence in `atlas`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

from cli.progress import WORK, did
from cli.report import STOPS, answer_record
from cli.serving.answer_forms import forms_asked
from cli.serving.asking import refuse_unsupported
from cli.serving.conversation import is_clients_own, task_in
from cli.serving.errors import ApiError, bad_request, unsupported
from cli.serving.openai_types import ChatMessage, ChatRequest
from cli.serving.pieces import Piece, used_by
from cli.serving.service import SEARCHES, Service
from cli.serving.work import Run, Waiting
from graphs.events import BoxStarted, CandidateArrived, CandidateRan, Finished
from inference.base import Message
from nodes.problem_text import read_problem
from nodes.reading.telling import reading_line
from nodes.settings import Settings
from nodes.state import Answer, Problem

_LEAST_ROOM = 24
"""Tokens of the shortest program worth asking for."""


def problem_of(body: ChatRequest, service: Service) -> Problem | None:
    """Return what the user's messages ask for, or None for small talk; a system message is about the chat.

    Raises:
        ApiError: a message holds no text, or the statement does not fit the model's context.
        ProblemError: there is no statement.
    """
    if any(is_clients_own(_text(message)) for message in body.messages if message.role in ("system", "developer")):
        return None
    task = task_in([_text(message) for message in body.messages if message.role == "user"])
    if task is None:
        return None
    problem = read_problem(task)
    length = service.model.count_tokens([Message(role="user", content=problem.statement)])
    most = service.model.context_tokens
    if length + _LEAST_ROOM > most:
        message = f"the statement has {length} tokens, {service.model.name} holds {most} with the answer: shorten it"
        raise ApiError(400, message, param="messages", code="context_length_exceeded")
    return problem


def search_settings(body: ChatRequest, service: Service) -> Settings:
    """Return the settings of a search: those of the model's name, with what the request says of sampling.

    Raises:
        ApiError: a field cannot be heeded.
    """
    refuse_unsupported(body)
    for name, asked in _not_for_searches(body).items():
        if asked:
            raise unsupported(name, f"{body.model} answers with one program; the model `raw` takes it")
    if service.approve:
        raise ApiError(403, "a person approves answers of this server: ask on its page", code="approval_needed")
    settings = SEARCHES[body.model](service.settings)
    most = body.max_completion_tokens or body.max_tokens
    most = None if most == -1 else most
    changes: dict[str, Any] = {name: getattr(body, name) for name in ("temperature", "top_p", "top_k", "min_p")}
    changes["answer_tokens"] = None if most is None else max(_LEAST_ROOM, min(most, settings.answer_tokens))
    changes["seed"] = None if body.seed is None else body.seed % 2**31
    try:
        return replace(settings, **{name: value for name, value in changes.items() if value is not None})
    except ValueError as error:
        raise bad_request(str(error)) from error


def _not_for_searches(body: ChatRequest) -> dict[str, bool]:
    """Return the fields that only the bare model heeds, and whether they ask for something."""
    return {
        "tools": bool(body.tools),
        "stop": bool(body.stop),
        "n": (body.n or 1) > 1,
        "response_format": body.response_format is not None and body.response_format.type != "text",
        **dict.fromkeys(forms_asked(body), True),
        "presence_penalty": bool(body.presence_penalty),
        "frequency_penalty": bool(body.frequency_penalty),
    }


def _text(message: ChatMessage) -> str:
    if message.content is None or isinstance(message.content, str):
        return message.content or ""
    if other := sorted({part.type for part in message.content} - {"text"}):
        raise bad_request(f"messages: only text is read, not {', '.join(other)[:100]}", param="messages")
    return "\n".join(part.text or "" for part in message.content)


async def search_pieces(run: Run, settings: Settings, problem: Problem) -> AsyncIterator[Piece]:
    """Yield the pieces of a search; the first says how its problem was read."""
    yield Piece(reasoning=f"{reading_line(problem)}\n")
    arrived: dict[str, int] = {}
    async for event in run.listen():
        if isinstance(event, CandidateArrived):
            arrived[event.id] = event.tokens
        if line := _line(event):
            yield Piece(reasoning=f"{line}\n")
        if isinstance(event, Finished):
            yield _last(event.answer, settings, arrived.get(event.answer.candidate_id, 0))


def _line(event: object) -> str:
    """Return what a person would want to read while a search runs."""
    match event:
        case Waiting(ahead=ahead):
            return f"waiting: {ahead} come before this search" if ahead else "waiting: this search is next"
        case BoxStarted(box=box) if box not in ("lens_routing", "release"):
            return WORK.get(box, box)
        case CandidateArrived():
            return f"program {event.id} ({event.origin}): {event.tokens} tokens"
        case CandidateRan():
            return f"program {event.id}: {did(event)}"
        case _:
            return ""


def _last(answer: Answer, settings: Settings, own_tokens: int) -> Piece:
    usage = used_by(answer)
    usage = replace(usage, reasoning=max(0, usage.generated - own_tokens))
    record: Mapping[str, Any] = answer_record(answer, settings)
    ran_out = not answer.code and answer.stop == "tokens"
    return Piece(content=markdown(answer), finish="length" if ran_out else "stop", atlas=record, usage=usage)


def markdown(answer: Answer) -> str:
    """Return an answer as an editor shows it: the program in a fence, and what is known of it in one line."""
    if not answer.code:
        return f"No program was found: {STOPS.get(answer.stop, answer.stop)}."
    fence = "```"
    while fence in answer.code:
        fence += "`"
    word = "Verified" if answer.verified else "Not verified"
    return f"{fence}python\n{answer.code.rstrip()}\n{fence}\n\n{word}: {answer.reason}."
