"""`atlas mcp`, driven by the SDK's own client over both transports and both generations of the protocol."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx
import mcp
import pytest
from mcp.client.stdio import StdioServerParameters
from mcp.types import ElicitResult

from tests.graphs.studio_server import EXAMPLE, environment

pytestmark = [pytest.mark.gguf, pytest.mark.bubblewrap]
COMMAND = [sys.executable, "-m", "cli.entry", "mcp"]
SMALL = {"statement": EXAMPLE, "k": 4}
NOISE = """
import ctypes, inference.gguf
libc, quiet = ctypes.CDLL(None), inference.gguf.GgufModel.__init__
def loud(self, *arguments, **options):
    libc.puts(b"llama says hello"), libc.fflush(None), print("so does Python", flush=True)
    quiet(self, *arguments, **options)
inference.gguf.GgufModel.__init__ = loud
"""
T = TypeVar("T")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mcp")
    (folder / "atlas.toml").write_text('sandbox = "bubblewrap"\nmax_rounds = 3\n', encoding="utf-8")
    return folder


@contextmanager
def listening(home) -> Iterator[str]:
    """Run the HTTP server; yield its address."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = home / "mcp.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [*COMMAND, "--http", "--port", str(port)], cwd=home, env=environment(home), stdout=out, stderr=out
        )
    url = f"http://127.0.0.1:{port}/mcp"
    try:
        _wait_for(url, process, log)
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert "Traceback" not in log.read_text(), log.read_text()


def _wait_for(url: str, process: subprocess.Popen[bytes], log) -> None:
    for _ in range(600):
        try:
            httpx.get(url, timeout=5)
        except httpx.TransportError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(log.read_text())


@pytest.fixture(scope="module")
def web(home):
    with listening(home) as url:
        yield url


@pytest.fixture(params=["stdio", "http"])
def server(request, home):
    """What the client is told of the server: a command, or an address."""
    if request.param == "http":
        return request.getfixturevalue("web")
    return StdioServerParameters(command=COMMAND[0], args=COMMAND[1:], env=environment(home), cwd=home)


def talk(server: Any, conversation: Callable[[mcp.Client], Awaitable[T]], **options: Any) -> T:
    async def whole() -> T:
        async with mcp.Client(server, **options) as client:
            return await conversation(client)

    return asyncio.run(whole())


@pytest.mark.parametrize(
    ("server", "mode"), [("stdio", "auto"), ("http", "auto"), ("http", "legacy")], indirect=["server"]
)
def test_result_is_structured_and_progress_is_told(server, mode):
    told: list[tuple[float, str]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, message or ""))

    async def conversation(client):
        (tool,) = (await client.list_tools()).tools
        return tool, await client.call_tool("solve", SMALL, progress_callback=note)

    tool, result = talk(server, conversation, mode=mode)
    assert tool.input_schema["required"] == ["statement"]
    assert {"code", "verified", "evidence"} <= tool.output_schema["properties"].keys()
    assert not result.is_error, result.content
    assert result.structured_content["code"].startswith("def pack_line(")
    assert result.structured_content["approved"] is None
    assert result.structured_content["tokens"] > 0
    assert [progress for progress, _ in told] == sorted({progress for progress, _ in told})
    assert any("passes" in message for _, message in told)
    assert any("budgeted_generation" in message for _, message in told)


@pytest.mark.parametrize(
    ("server", "mode", "action"),
    [("stdio", "auto", "no"), ("stdio", "legacy", "yes")]
    + [("http", mode, action) for mode in ("auto", "legacy") for action in ("yes", "no", "decline")],
    indirect=["server"],
)
def test_person_is_asked_where_the_client_can_ask(server, mode, action):
    asked: list[str] = []

    async def person(context: Any, params: Any) -> ElicitResult:
        asked.append(params.message)
        if action == "decline":
            return ElicitResult(action="decline")
        return ElicitResult(action="accept", content={"approve": action == "yes"})

    async def conversation(client):
        return await client.call_tool("solve", {**SMALL, "policy": "phase1", "approve": True})

    solution = talk(server, conversation, mode=mode, elicitation_callback=person).structured_content
    (question,) = asked
    assert "def pack_line(" in question
    assert solution["approved"] is (action == "yes")
    assert solution["code"].startswith("def pack_line(") is (action == "yes")


def test_client_that_cannot_ask_is_told_before_any_work(web):
    async def conversation(client):
        return await client.call_tool("solve", {**SMALL, "approve": True})

    result = talk(web, conversation)
    assert result.is_error
    assert "cannot ask" in result.content[0].text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"statement": " "}, "the problem is empty"),
        ({"statement": "x", "k": 0}, "k must be at least 1"),
        ({"statement": "x", "policy": "magic"}, "policy"),
        ({"k": 4}, "statement"),
        ({"statement": "word " * 60_000}, "characters; at most"),
        ({"statement": "word " * 20_000}, "context"),
    ],
)
def test_bad_input_is_an_error_of_the_tool_in_words(web, arguments, words):
    async def conversation(client):
        return await client.call_tool("solve", arguments)

    result = talk(web, conversation)
    assert result.is_error
    assert words in result.content[0].text
    assert "Traceback" not in result.content[0].text


def test_cancelled_call_stops_the_decode(server):
    """A greedy call would hold the engine for minutes; after its end another one is answered."""

    async def conversation(client):
        begun = asyncio.Event()

        async def note(progress: float, total: float | None, message: str | None) -> None:
            begun.set()

        greedy = {"statement": EXAMPLE, "k": 500, "policy": "phase1", "budget_tokens": 10_000_000}
        call = asyncio.ensure_future(client.call_tool("solve", greedy, progress_callback=note))
        await asyncio.wait([call, asyncio.ensure_future(begun.wait())], return_when=asyncio.FIRST_COMPLETED)
        assert not call.done(), call.result()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        began = time.monotonic()
        result = await client.call_tool("solve", {"statement": EXAMPLE, "policy": "baseline"})
        return result, time.monotonic() - began

    result, seconds = talk(server, conversation)
    assert not result.is_error
    assert seconds < 30


def test_standard_output_holds_nothing_but_the_protocol(home):
    """Although a library prints to the descriptor while the model is loaded, as llama.cpp may."""
    noisy = home / "noisy"
    noisy.mkdir()
    (noisy / "sitecustomize.py").write_text(NOISE, encoding="utf-8")
    surroundings = environment(home)
    surroundings["PYTHONPATH"] = f"{noisy}:{surroundings['PYTHONPATH']}"
    call = {"name": "solve", "arguments": {"statement": EXAMPLE, "policy": "baseline"}}
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "0"}}
    lines = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call},
    ]
    with subprocess.Popen(
        COMMAND, cwd=home, env=surroundings, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    ) as process:  # fmt: skip
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write("".join(json.dumps(line) + "\n" for line in lines))
        process.stdin.flush()
        said = []
        for line in iter(process.stdout.readline, ""):
            said.append(json.loads(line))
            if said[-1].get("id") == 2:
                break
        process.stdin.close()
        rest, complaints = process.stdout.read(), process.stderr.read()
    assert said[-1]["result"]["structuredContent"]["code"].startswith("def pack_line(")
    assert rest == ""
    assert "llama says hello" in complaints
    assert process.returncode == 0


def test_server_ends_when_its_client_goes(home):
    process = subprocess.Popen(
        COMMAND, cwd=home, env=environment(home), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    _, complaints = process.communicate(timeout=120)
    assert process.returncode == 0
    assert b"Traceback" not in complaints


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_wider_binds_are_refused(home, host):
    ended = subprocess.run(
        [*COMMAND, "--http", "--host", host], cwd=home, env=environment(home), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert re.fullmatch(r"atlas: .* is no loopback address, .*\n", ended.stderr)


def test_pages_of_other_sites_cannot_reach_it(web):
    """A browser tells the site; a name that a stranger points at this machine tells itself."""
    for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
        assert httpx.post(web, headers=headers, json={}).status_code in {403, 421}


def test_missing_model_is_told_in_one_line(home):
    surroundings = environment(home) | {"ATLAS_MODEL": "/nowhere/model.gguf"}
    server = StdioServerParameters(command=COMMAND[0], args=COMMAND[1:], env=surroundings, cwd=home)

    async def conversation(client):
        return await client.call_tool("solve", SMALL)

    result = talk(server, conversation)
    assert result.is_error
    assert "/nowhere/model.gguf" in result.content[0].text
    assert "\n" not in result.content[0].text


def test_help_shows_what_an_editor_needs():
    shown = subprocess.run(
        [*COMMAND, "--help"], env=dict(os.environ), capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert '"mcpServers"' in shown
