"""`/v1/embeddings`: the bare model's state after a text, as a vector of length one.

The model is asked to say in one word what the text means, and the state from which it would draw that word is taken
(PromptEOL, arXiv 2307.16645): a language model sums up there what it has read. Nothing was trained for it, so that a
model made for retrieval does better.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np
from fastapi import APIRouter, Request, Response

from cli.serving.chat import known
from cli.serving.delivery import unless_gone
from cli.serving.errors import ERRORS, ApiError, AsciiJson, bad_request, unsupported
from cli.serving.gate import Calling
from cli.serving.openai_types import EmbeddingRequest
from cli.serving.pieces import Piece, Usage
from cli.serving.service import RAW, Serving
from cli.serving.work import Perform, Run
from inference.base import Completion, Message, Model
from inference.base import Request as Asked

router = APIRouter(prefix="/v1", tags=["openai"], responses=ERRORS)
PROMPT = 'This text: """\n{text}\n"""\nSay in one word what it means.'
_SOMETHING = "root ::= [^\\x00]+"
"""Grammar under which a reply cannot be empty: a model that says nothing has no state to give."""


@router.post("/embeddings", response_model=None)
async def embeddings(body: EmbeddingRequest, request: Request, service: Serving, caller: Calling) -> Response:
    """Turn texts into vectors with the bare model."""
    known(body.model)
    if body.model != RAW:
        raise ApiError(400, f"{body.model} has no embeddings: take the model `{RAW}`", param="model")
    if body.dimensions is not None:
        raise unsupported("dimensions", "vectors have the width of the model")
    texts = _texts(body)
    run = service.work.submit(_embedding(service.model, texts), lane="text", client=caller.name)
    vectors = await unless_gone(request, run, _vectors(run))
    if vectors is None:
        return Response(status_code=499)
    return AsciiJson(_told(vectors, as_base64=body.encoding_format == "base64"))


def _texts(body: EmbeddingRequest) -> list[str]:
    texts = [body.input] if isinstance(body.input, str) else list(body.input)
    if not all(isinstance(text, str) for text in texts):
        raise bad_request("input: send texts, not tokens: this model has tokens of its own", param="input")
    if not texts or not all(texts):
        raise bad_request("input: a text is empty", param="input")
    return [str(text) for text in texts]


def _embedding(model: Model, texts: Sequence[str]) -> Perform:
    """Return the work of embedding texts; it posts their completions and what they cost."""
    asked = [
        Asked(
            messages=(Message(role="user", content=PROMPT.format(text=text)),),
            max_tokens=1,
            temperature=0.0,
            hidden=True,
            grammar=_SOMETHING,
        )
        for text in texts
    ]

    async def perform(run: Run) -> None:
        run.label = RAW
        done = await asyncio.to_thread(model.complete_many, asked, cancelled=lambda: run.stopped)
        run.post(done)
        prompt = sum(one.prompt_tokens for one in done)
        run.post(Piece(usage=Usage(prompt=prompt, generated=sum(one.spent for one in done))))

    return perform


async def _vectors(run: Run) -> tuple[Completion, ...]:
    async for event in run.listen():
        if isinstance(event, tuple):
            return event
    raise ApiError(500, "the model gave no vectors")


def _told(done: Sequence[Completion], *, as_base64: bool) -> dict[str, Any]:
    data = []
    for index, one in enumerate(done):
        if one.hidden is None:
            raise ApiError(400, "this model's back end gives no embeddings: serve a GGUF file", code="no_embeddings")
        vector = np.array(one.hidden, dtype="<f4")
        vector /= max(sqrt(float(vector @ vector)), 1e-12)
        told = base64.b64encode(vector.tobytes()).decode() if as_base64 else vector.tolist()
        data.append({"object": "embedding", "index": index, "embedding": told})
    prompt = sum(one.prompt_tokens for one in done)
    usage = {"prompt_tokens": prompt, "total_tokens": prompt}
    return {"object": "list", "model": RAW, "data": data, "usage": usage}
