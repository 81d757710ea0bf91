"""A client that leaves: its decoding stops within a step, by the engine's own counts, and its turn is free."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

import pytest

from tests.cli.serving.conftest import PROBLEM, wait_until

pytestmark = [pytest.mark.bubblewrap, pytest.mark.gguf]
ENDLESS = {"type": "object", "properties": {"x": {"type": "array", "items": {"type": "integer"}, "minItems": 5000}},
           "required": ["x"]}  # fmt: skip


def send(served, body):
    """Send a request and return its connection, on which nothing has been read."""
    address = urlsplit(served.url)
    connection = socket.create_connection((address.hostname, address.port))
    data = json.dumps(body).encode()
    head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    connection.sendall(f"{head}content-length: {len(data)}\r\n\r\n".encode() + data)
    return connection


def long_text(**changes):
    schema = {"type": "json_schema", "json_schema": {"name": "endless", "schema": ENDLESS}}
    turns = [{"role": "user", "content": "Count."}]
    return {"model": "raw", "messages": turns, "response_format": schema, "max_tokens": 900, "n": 4, **changes}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_decoding_stops_when_the_client_leaves(embedded, stream):
    model, work = embedded.service.model, embedded.service.work
    before = model.counts().rows
    with send(embedded, long_text(stream=stream)):
        wait_until(lambda: (now := model.counts()).live > 0 and now.live + now.waiting == 4)
    wait_until(lambda: model.counts().live == 0 and not work.running)
    spent = model.counts()
    assert spent.rows - before < 4 * 900, "the texts would have been longer"
    assert spent.waiting == 0
    assert model.counts().rows == spent.rows, "nothing is decoded for nobody"


def test_search_stops_when_the_client_leaves(embedded):
    model, work = embedded.service.model, embedded.service.work
    body = {"model": "atlas-thorough", "messages": [{"role": "user", "content": PROBLEM}], "stream": True}
    with send(embedded, body):
        wait_until(lambda: work.count("search") == (0, 1) and model.counts().live > 0)
    wait_until(lambda: not work.running)
    assert model.counts().live == 0


def test_client_that_leaves_the_queue_gives_up_its_place(embedded):
    work = embedded.service.work
    searches = embedded.service.options.searches
    body = {"model": "atlas-thorough", "messages": [{"role": "user", "content": PROBLEM}], "stream": True}
    connections = [send(embedded, body) for _ in range(searches + 1)]
    wait_until(lambda: work.count("search") == (1, searches))
    connections.pop().close()
    wait_until(lambda: work.waiting == 0)
    for connection in connections:
        connection.close()
    wait_until(lambda: not work.running)
    assert work.count("search") == (0, 0)
