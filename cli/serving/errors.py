"""What goes wrong, in OpenAI's form: a status, one sentence for the client, and nothing of the inside of the server."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from cli.exits import one_line
from cli.serving.work import BusyError, ClosingError, StoppedError
from graphs.configuration import ThreadError
from inference.base import ContextOverflowError, ModelError, RequestRefusedError
from nodes.problem_text import ProblemError
from sandbox.base import SandboxUnavailableError

PREFIX = "/v1"
MESSAGES = f"{PREFIX}/messages"
_ANTHROPIC = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 413: "request_too_large",
              429: "rate_limit_error", 503: "overloaded_error"}  # fmt: skip
_LOG = logging.getLogger("atlas.serve")
_LONGEST = 300


class ErrorDetail(BaseModel):
    """What went wrong."""

    message: str
    """One sentence."""
    type: str
    param: str | None = None
    """The field of the request at fault."""
    code: str | None = None


class ErrorBody(BaseModel):
    """The body of every answer that is none."""

    error: ErrorDetail


ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorBody, "description": "The request cannot be met, or not now."},
    "5XX": {"model": ErrorBody, "description": "The server failed, or is shutting down."},
}
"""For the `responses` of a router."""


class AnthropicDetail(BaseModel):
    """What went wrong."""

    type: str
    message: str
    """One sentence."""


class AnthropicBody(BaseModel):
    """The body of every answer of Anthropic's interface that is none."""

    type: Literal["error"]
    error: AnthropicDetail


ANTHROPIC_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {**told, "model": AnthropicBody} for status, told in ERRORS.items()
}
"""For the `responses` of a route of that interface."""


class AsciiJson(JSONResponse):
    """JSON with escapes, since what a client sent may hold half a surrogate pair, which no encoding takes."""

    def render(self, content: Any) -> bytes:
        """Return the body."""
        return json.dumps(content, allow_nan=False).encode("ascii")


class ApiError(Exception):
    """An answer with a status other than 200."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Keep what the client is told."""
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """Return the body in OpenAI's form."""
        detail = ErrorDetail(message=one_line(self), type=_kind(self.status), param=self.param, code=self.code)
        return ErrorBody(error=detail).model_dump()

    def response(self, path: str = "") -> AsciiJson:
        """Return the answer, in the form of the interface that a path belongs to."""
        body = self.anthropic_body() if path.startswith(MESSAGES) else self.body()
        return AsciiJson(body, self.status, headers=self.headers)

    def anthropic_body(self) -> dict[str, Any]:
        """Return the body in Anthropic's form."""
        kind = _ANTHROPIC.get(self.status, "api_error" if self.status >= 500 else "invalid_request_error")
        detail = AnthropicDetail(type=kind, message=one_line(self))
        return AnthropicBody(type="error", error=detail).model_dump()


def bad_request(message: str, *, param: str | None = None, code: str | None = None) -> ApiError:
    """Return the error of a request that can never be met."""
    return ApiError(400, message, param=param, code=code)


def unsupported(param: str, why: str) -> ApiError:
    """Return the error of a field that is known and cannot be heeded here."""
    return ApiError(400, f"{param} is not supported here: {why}", param=param, code="unsupported_parameter")


def api_error(error: BaseException) -> ApiError:
    """Return what a client is told of an error; what nobody foresaw is told without its text."""
    match error:
        case ApiError():
            return error
        case BusyError():
            status = 503 if isinstance(error, ClosingError) else 429
            code = "shutting_down" if status == 503 else "queue_full"
            return ApiError(status, str(error), code=code, headers={"Retry-After": str(error.retry_after_s)})
        case StoppedError():
            return ApiError(409, str(error), code="stopped")
        case ContextOverflowError():
            return bad_request(str(error), param="messages", code="context_length_exceeded")
        case ProblemError() | ThreadError() | RequestRefusedError():
            return bad_request(str(error))
        case ModelError():
            return ApiError(502, str(error), code="model_failed")
        case SandboxUnavailableError():
            return ApiError(503, str(error), code="sandbox_unavailable")
        case _:
            return ApiError(500, "the server failed: its log says how", code="internal_error")


def logged(error: BaseException) -> ApiError:
    """Return what a client is told of an error, and write down what nobody foresaw."""
    told = api_error(error)
    if told.code == "internal_error":
        _LOG.error("a request failed", exc_info=error)
    return told


def add_error_handlers(app: FastAPI) -> None:
    """Make everything under `/v1` answer in OpenAI's form; other paths keep FastAPI's."""

    async def ours(request: Request, error: Exception) -> Response:
        return api_error(error).response(request.url.path)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if not request.url.path.startswith(PREFIX):
            return await http_exception_handler(request, error)
        return ApiError(error.status_code, str(error.detail), headers=error.headers).response(request.url.path)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        if not request.url.path.startswith(PREFIX):
            return await request_validation_exception_handler(request, error)
        return _invalid(error.errors(), request.headers.get("content-type", "")).response(request.url.path)

    for kind in (ApiError, BusyError, StoppedError, ProblemError, ThreadError, ModelError, SandboxUnavailableError):
        app.add_exception_handler(kind, ours)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, ours)


def _invalid(errors: Sequence[Any], content_type: str) -> ApiError:
    """Return the first thing that is wrong with a request."""
    first = errors[0]
    if list(first["loc"]) == ["body"] and "json" not in content_type.lower():
        said = f"it says {content_type[:60]!r}" if content_type else "it is missing"
        message = f"the header Content-Type must be application/json: {said}"
        return bad_request(message, param="Content-Type", code="invalid_content_type")
    if first["type"] == "json_invalid":
        return bad_request(f"the body is not valid JSON: {first['ctx']['error']}", code="invalid_json")
    where = ".".join(str(part) for part in first["loc"] if part != "body")
    message = f"{where}: {first['msg']}" if where else f"the body must be a JSON object: {first['msg']}"
    return bad_request(message[:_LONGEST], param=where[:_LONGEST] or None, code="invalid_value")


def _kind(status: int) -> str:
    kinds = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
    return kinds.get(status, "server_error" if status >= 500 else "invalid_request_error")
