"""OpenAI's interface: `/v1/chat/completions`, `/v1/completions` and `/v1/models`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request, Response

from cli.serving.allowance import Caller
from cli.serving.answers import problem_of, search_pieces, search_settings
from cli.serving.asking import chat_requests, check_room, completion_requests
from cli.serving.delivery import streamed, whole
from cli.serving.errors import ERRORS, ApiError
from cli.serving.gate import Calling
from cli.serving.openai_types import ChatRequest, CompletionRequest, Sampled
from cli.serving.pieces import Form, Piece, Pieces
from cli.serving.raw import raw_pieces, some_texts
from cli.serving.service import RAW, Service, Serving
from cli.serving.work import Run
from inference.chat_stream import Asked

router = APIRouter(prefix="/v1", tags=["openai"], responses=ERRORS)
_STARTED = int(time.time())
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer, whole or as server-sent events.",
        "content": {"application/json": {"schema": {"type": "object"}}, "text/event-stream": {"schema": {}}},
    }
}
WORDS = {
    "atlas": "the search, under the policy and the budgets of the server's settings",
    "atlas-fast": "a few programs, and the first that passes every example",
    "atlas-thorough": "every move, with four times the budgets",
    RAW: "the bare model",
}


@router.post("/chat/completions", response_model=None, responses=_ANSWER)
async def chat_completions(body: ChatRequest, request: Request, service: Serving, caller: Calling) -> Response:
    """Answer a conversation: with a search (`atlas`, `atlas-fast`, `atlas-thorough`), or with the bare model (`raw`).

    A search solves what the user's messages ask for. Its progress is `reasoning_content`, its evidence `atlas` in the
    message, or in the last delta of a stream.
    """
    run, pieces = await begun(body, service, caller)
    return await _answer(body, request, run, pieces, Form(body.model, chat=True))


async def begun(body: ChatRequest, service: Service, caller: Caller) -> tuple[Run, Pieces]:
    """Begin to answer a conversation; small talk with a search is answered by the bare model.

    Raises:
        ApiError: a field cannot be heeded, or there is no such model.
    """
    known(body.model)
    found = None if body.model == RAW else await _search(body, service, caller)
    if found is not None:
        return found
    asked = chat_requests(body, service.model, service.settings)
    await asyncio.to_thread(check_room, service.model, asked)
    return _texts(service, caller, asked)


@router.post("/completions", response_model=None, responses=_ANSWER)
async def completions(body: CompletionRequest, request: Request, service: Serving, caller: Calling) -> Response:
    """Continue a text with the bare model, without a chat template."""
    known(body.model)
    if body.model != RAW:
        raise ApiError(400, f"{body.model} answers chats only: take the model `{RAW}`", param="model")
    asked = completion_requests(body, service.model, service.settings)
    run, pieces = _texts(service, caller, asked)
    if body.echo:
        pieces = _echoed(pieces, [one.request.prompt for one in asked])
    return await _answer(body, request, run, pieces, Form(RAW, chat=False))


@router.get("/models")
def models(service: Serving) -> dict[str, Any]:
    """List the models."""
    return {"object": "list", "data": [_model(name, service) for name in WORDS]}


@router.get("/models/{model}")
def model(model: str, service: Serving) -> dict[str, Any]:
    """Describe one model."""
    return _model(known(model), service)


def known(name: str) -> str:
    """Return the name of a model.

    Raises:
        ApiError: there is no such model.
    """
    if name not in WORDS:
        message = f"there is no model {name[:100]!r}: take one of {', '.join(WORDS)}"
        raise ApiError(404, message, param="model", code="model_not_found")
    return name


def _model(name: str, service: Service) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": _STARTED,
        "owned_by": "atlas",
        "description": f"{service.model.name}: {WORDS[name]}",
        "max_model_len": service.model.context_tokens,
    }


def _texts(service: Service, caller: Caller, asked: list[Asked]) -> tuple[Run, Pieces]:
    work = some_texts(service.model, asked, seconds=service.options.text_seconds)
    run = service.work.submit(work, lane="text", client=caller.name)
    return run, raw_pieces(run)


async def _search(body: ChatRequest, service: Service, caller: Caller) -> tuple[Run, Pieces] | None:
    settings = search_settings(body, service)
    problem = await asyncio.to_thread(problem_of, body, service)
    if problem is None:
        return None
    thread = (body.metadata or {}).get("thread", "")
    run = service.search(problem, settings, client=caller.name, thread=thread)
    return run, search_pieces(run, settings, problem)


async def _answer(body: Sampled, request: Request, run: Run, pieces: Pieces, form: Form) -> Response:
    if not body.stream:
        return await whole(request, run, pieces, form)
    wanted = body.stream_options is not None and bool(body.stream_options.include_usage)
    return await streamed(run, pieces, form, usage_wanted=wanted)


async def _echoed(pieces: Pieces, prompts: list[str]) -> AsyncIterator[Piece]:
    for index, prompt in enumerate(prompts):
        yield Piece(choice=index, content=prompt)
    async for piece in pieces:
        yield piece
