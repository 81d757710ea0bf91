"""Keep other web sites out: a browser lets any page send requests to this machine, also under a name of its own.

Two checks. `Host` must name this server: a site whose name has been pointed at a loopback address (DNS rebinding) sends
its own. `Origin`, which browsers add to whatever could change something, must be the page's own. Clients that are no
browsers send no `Origin` and are not touched.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from cli.serving.errors import PREFIX, ApiError

LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain"})


class SameOrigin:
    """ASGI middleware that answers 403 to what another web site sends."""

    def __init__(self, app: ASGIApp, *, hosts: Collection[str] | None) -> None:
        """Wrap an application.

        Args:
            app: the application.
            hosts: names under which the server may be called, beside loopback addresses; None: any, for a server that
                is reachable from outside, where a key stands guard.
        """
        self._app = app
        self._hosts = None if hosts is None else frozenset(host.lower() for host in hosts) | LOOPBACK_NAMES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] == "http" and (reason := self._refusal(Headers(scope=scope))):
            ours = scope["path"].startswith(PREFIX)
            refusal = ApiError(403, reason).response() if ours else JSONResponse({"detail": reason}, 403)
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, headers: Headers) -> str:
        host = headers.get("host", "")
        if self._hosts is not None and not self._is_ours(host_name(host)):
            return f"this server is not called {host_name(host)[:100]!r}"
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            return "requests from other web sites are refused"
        return ""

    def _is_ours(self, name: str) -> bool:
        if self._hosts is None or name in self._hosts:
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False


def host_name(host: str) -> str:
    """Return the name in a `Host` header, without port and brackets."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    return name.strip("[]").lower()
