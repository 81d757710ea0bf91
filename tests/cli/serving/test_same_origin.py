"""Another web site in the same browser gets nothing from a server on this machine, whatever name it gives itself."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from cli.serving.same_origin import SameOrigin, host_name


def ask(hosts=(), **headers):
    app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("ok"), methods=["GET", "POST"])])

    async def go():
        transport = httpx.ASGITransport(SameOrigin(app, hosts=hosts))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8765") as client:
            return await client.post("/", headers=headers)

    return asyncio.run(go())


@pytest.mark.parametrize("host", ["localhost:8765", "127.0.0.1:8765", "[::1]:8765", "LOCALHOST", "127.8.9.1"])
def test_loopback_names_are_ours(host):
    assert ask(host=host).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example:8765", "127.0.0.1.evil.example", "192.0.2.7:8765", "", "localhost.evil.example"]
)
def test_name_that_was_pointed_here_is_refused(host):
    reply = ask(host=host)
    assert reply.status_code == 403
    assert "not called" in reply.json()["detail"]


def test_own_origin_is_let_in():
    assert ask(host="localhost:8765", origin="http://localhost:8765").status_code == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://localhost:3000", "null", "", "http://127.0.0.1:8765"]
)
def test_other_origin_is_refused(origin):
    reply = ask(host="localhost:8765", origin=origin)
    assert reply.status_code == 403
    assert reply.json()["detail"].startswith("requests from other web sites are refused")


def test_named_host_is_ours():
    assert ask(hosts=["Box.Example"], host="box.example").status_code == 200


def test_open_server_has_any_name_but_no_foreign_origin():
    assert ask(hosts=None, host="anything.example").status_code == 200
    assert ask(hosts=None, host="anything.example", origin="https://evil.example").status_code == 403


@pytest.mark.parametrize(
    ("header", "name"), [("a:1", "a"), ("[::1]:80", "::1"), ("[::1]", "::1"), ("A.b", "a.b"), ("", "")]
)
def test_host_header_is_read(header, name):
    assert host_name(header) == name
