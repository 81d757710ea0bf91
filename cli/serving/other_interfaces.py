"""`/v1/responses` (OpenAI's newer interface) and `/v1/messages` (Anthropic's), over the same searches and model."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response

from cli.serving.asking import chat_requests
from cli.serving.chat import begun, known
from cli.serving.errors import ANTHROPIC_ERRORS, ERRORS
from cli.serving.gate import Calling
from cli.serving.messages_form import MessagesForm
from cli.serving.messages_request import Conversation, MessagesRequest, chat_of_messages
from cli.serving.narration import answered
from cli.serving.responses_form import ResponsesForm
from cli.serving.responses_request import ResponsesRequest, chat_of_response
from cli.serving.service import Serving

_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer, whole or as server-sent events.",
        "content": {"application/json": {"schema": {"type": "object"}}, "text/event-stream": {"schema": {}}},
    }
}
router = APIRouter(prefix="/v1")


@router.post("/responses", response_model=None, responses={**ERRORS, **_ANSWER}, tags=["openai"])
async def responses(body: ResponsesRequest, request: Request, service: Serving, caller: Calling) -> Response:
    """Answer in the form of OpenAI's Responses; nothing is kept, so each request holds the whole conversation."""
    run, pieces = await begun(chat_of_response(body), service, caller)
    return await answered(request, run, pieces, ResponsesForm(body), stream=bool(body.stream))


@router.post("/messages", response_model=None, responses={**ANTHROPIC_ERRORS, **_ANSWER}, tags=["anthropic"])
async def messages(body: MessagesRequest, request: Request, service: Serving, caller: Calling) -> Response:
    """Answer in the form of Anthropic's Messages."""
    run, pieces = await begun(chat_of_messages(body), service, caller)
    form = MessagesForm(body.model, shows_thinking=body.shows_thinking)
    return await answered(request, run, pieces, form, stream=bool(body.stream))


@router.post("/messages/count_tokens", responses=ANTHROPIC_ERRORS, tags=["anthropic"])
async def count_tokens(body: Conversation, service: Serving) -> dict[str, int]:
    """Count the tokens of a conversation, tools included."""
    chat = chat_of_messages(body)
    known(chat.model)
    asked = chat_requests(chat, service.model, service.settings)
    return {"input_tokens": await asyncio.to_thread(service.model.count_tokens, asked[0].request.messages)}
