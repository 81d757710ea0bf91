"""The gate before every route: who asks, whether they may now, and a header that says how many wait."""

from __future__ import annotations

import asyncio
from typing import Annotated
from uuid import uuid4

from fastapi import Depends, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cli.serving.allowance import Caller, Callers
from cli.serving.errors import ApiError
from cli.serving.keys import KeyFile
from cli.serving.metrics import Metrics
from cli.serving.service import Service

BODY_S = 30.0
"""Longest wait for the next part of a request."""
OPEN = ("/", "/health", "/favicon.ico", "/page")
"""What needs no key: the page itself, which holds nothing, and whether the server is up."""


class Gate:
    """ASGI middleware; the caller ends up in `request.state.caller`."""

    def __init__(
        self, app: ASGIApp, *, keys: KeyFile | None, callers: Callers, metrics: Metrics, body_bytes: int
    ) -> None:
        """Wrap an application.

        Args:
            app: the application.
            keys: who may come in, once the file holds a key; None asks nobody.
            callers: what each of them has used.
            metrics: where requests are counted.
            body_bytes: longest request.
        """
        self._app = app
        self._keys = keys
        self._metrics = metrics
        self._callers = callers
        self._body_bytes = body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add_headers(scope, message)
                self._metrics.answered(_route(scope), message["status"])
            await send(message)

        try:
            length = Headers(scope=scope).get("content-length", "")
            if length.isdecimal() and int(length[:20]) > self._body_bytes:
                raise ApiError(413, f"a request has {self._body_bytes} bytes at most", code="too_large")
            scope.setdefault("state", {})["caller"] = self._caller(scope)
        except ApiError as error:
            await error.response(scope["path"])(scope, receive, told)
            return
        await self._app(scope, _bounded(receive, self._body_bytes), told)

    def _caller(self, scope: Scope) -> Caller:
        """Return who asks, with the request counted.

        Raises:
            ApiError: the key is missing or wrong, or has used up what it may.
        """
        if self._keys is None or _is_open(scope["path"]) or not self._keys.guards:
            return self._callers.anybody
        found = self._keys.find(_key_in(Headers(scope=scope)))
        if found is None:
            challenge = {"WWW-Authenticate": "Bearer"}
            message = "no valid key: send `Authorization: Bearer KEY`; `atlas keys create NAME` makes one"
            raise ApiError(401, message, code="invalid_api_key", headers=challenge)
        caller = self._callers.of(found)
        if scope["method"] == "POST" and (refusal := caller.refusal()):
            message, wait = refusal
            raise ApiError(429, message, code="rate_limit_exceeded", headers={"Retry-After": str(wait)})
        return caller

    def _add_headers(self, scope: Scope, message: Message) -> None:
        headers = MutableHeaders(raw=message["headers"])
        headers["x-request-id"] = uuid4().hex
        service: Service | None = getattr(scope["app"].state, "service", None)
        if service is not None:
            headers["x-atlas-queue"] = str(service.work.waiting)


def _bounded(receive: Receive, most: int) -> Receive:
    """Take a body of so many bytes, and wait for each part so long; afterwards the client may be silent."""
    reading, taken = True, 0

    async def bounded() -> Message:
        nonlocal reading, taken
        if not reading:
            return await receive()
        try:
            async with asyncio.timeout(BODY_S):
                message = await receive()
        except TimeoutError as late:
            raise HTTPException(408, f"the body did not arrive within {BODY_S:g} s") from late
        taken += len(message.get("body", b""))
        if taken > most:
            raise HTTPException(413, f"a request has {most} bytes at most")
        reading = bool(message.get("more_body"))
        return message

    return bounded


def caller_of(request: Request) -> Caller:
    """Return who sent a request."""
    caller: Caller = request.state.caller
    return caller


Calling = Annotated[Caller, Depends(caller_of)]
"""Parameter of a route that needs the caller."""


def _key_in(headers: Headers) -> str:
    """Return the key that a client sends, as OpenAI's and Anthropic's clients do; empty without one."""
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "").strip()


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith("/page/")


def _route(scope: Scope) -> str:
    """Return the path as the route declares it: what a client may choose must not name a series."""
    return str(getattr(scope.get("route"), "path", "unmatched"))
