"""Keep other web sites out: a browser lets any page send requests to this machine, also under a name of its own.

Two checks. `Host` must name this server: a site whose name has been pointed at a loopback address (DNS rebinding) sends
its own. `Origin`, which browsers add to whatever could change something, must be the page's own, or one that the
server was told to let in; that one also gets the headers without which a browser keeps the answer from it. Clients that
are no browsers send no `Origin` and are not touched.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cli.serving.errors import PREFIX, ApiError

LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain"})
_KEPT_S = "600"
"""How long a browser may remember what it is allowed."""


class SameOrigin:
    """ASGI middleware that answers 403 to what another web site sends."""

    def __init__(self, app: ASGIApp, *, hosts: Collection[str] | None, origins: Collection[str] = ()) -> None:
        """Wrap an application.

        Args:
            app: the application.
            hosts: names under which the server may be called, beside loopback addresses; None: any, for a server that
                is reachable from outside, where a key stands guard.
            origins: of other pages that may send requests, such as `app://obsidian.md`.
        """
        self._app = app
        self._hosts = None if hosts is None else frozenset(host.lower() for host in hosts) | LOOPBACK_NAMES
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if reason := self._refusal(headers):
            ours = scope["path"].startswith(PREFIX)
            refusal = ApiError(403, reason).response(scope["path"]) if ours else JSONResponse({"detail": reason}, 403)
            await refusal(scope, receive, send)
            return
        origin = headers.get("origin", "")
        if not self._is_friend(origin):
            await self._app(scope, receive, send)
        elif scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await _permission(headers, origin)(scope, receive, send)
        else:
            await self._app(scope, receive, _readable(send, origin))

    def _refusal(self, headers: Headers) -> str:
        host = headers.get("host", "")
        if self._hosts is not None and not self._is_ours(host_name(host)):
            name = host_name(host)[:100]
            return f"this server is not called {name!r}: `atlas serve --allow-host {name}` lets it in"
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2].lower() != host.lower() and not self._is_friend(origin):
            return "requests from other web sites are refused; `atlas serve --allow-origin ORIGIN` lets one in"
        return ""

    def _is_friend(self, origin: str) -> bool:
        return origin.lower() in self._origins

    def _is_ours(self, name: str) -> bool:
        if self._hosts is None or name in self._hosts:
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False


def _permission(headers: Headers, origin: str) -> Response:
    """Return the answer to a browser that asks before it sends a request."""
    return Response(
        status_code=204,
        headers={
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": "GET, POST, DELETE",
            "Access-Control-Allow-Headers": headers.get(
                "access-control-request-headers", "authorization, content-type"
            ),
            "Access-Control-Max-Age": _KEPT_S,
            "Vary": "Origin",
        },
    )


def _readable(send: Send, origin: str) -> Send:
    """Add the headers that let the page of an origin read an answer."""

    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message["headers"])
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Expose-Headers"] = "x-request-id, x-atlas-queue, retry-after"
            headers.add_vary_header("Origin")
        await send(message)

    return told


def host_name(host: str) -> str:
    """Return the name in a `Host` header, without port and brackets."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    return name.strip("[]").lower()
