"""The application opens its model once and closes it."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from cli.exits import Exit
from cli.serve import ServeCommand, run_serve
from inference.base import Message, ModelError, Request
from inference.scripted import ScriptedModel
from tests.cli.serving.conftest import PROBLEM, PROGRAM


@pytest.mark.bubblewrap
def test_health_names_model_and_sandbox(serve):
    with serve(ScriptedModel([])) as served, served.http() as http:
        assert http.get("/health").json() == {"status": "ok", "model": "scripted", "sandbox": "bubblewrap"}


@pytest.mark.bubblewrap
def test_model_is_closed_with_the_server(serve):
    model = ScriptedModel(["text"])
    with serve(model):
        pass
    with pytest.raises(ModelError, match="closed"):
        model.complete_many([_request()])


@pytest.mark.bubblewrap
def test_searches_are_logged_and_traced_under_the_same_ids(serve, tmp_path):
    log, spans = tmp_path / "log.jsonl", tmp_path / "spans.jsonl"
    with (
        serve(ScriptedModel(lambda request: PROGRAM), log_file=str(log), traces=str(spans)) as served,
        served.http() as http,
    ):
        body = {"model": "atlas-fast", "messages": [{"role": "user", "content": PROBLEM}]}
        assert http.post("/v1/chat/completions", json=body).status_code == 200
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["event"] for line in lines} >= {"box", "ran", "answer"}
    assert len({line["task"] for line in lines}) == 1
    assert {line["trace_id"] for line in lines if "trace_id" in line}
    assert "def total" not in log.read_text()
    assert lines[-1]["trace_id"] in spans.read_text()


def _request():
    return Request(messages=(Message(role="user", content="hi"),), max_tokens=8)


@pytest.mark.usefixtures("elsewhere")
class TestFailureToStart:
    def command(self, **changes):
        return ServeCommand(
            **{"port": 0, "keys": Path("keys.sqlite"), "flags": {"thread_file": "threads.sqlite"}} | changes
        )

    def refuse(self, settings):
        raise ModelError("no weights")

    def test_broken_model_is_one_line(self, capfd):
        assert run_serve(self.command(), self.refuse) == Exit.MODEL
        assert capfd.readouterr().err == "atlas: no weights\n"

    def test_port_in_use_is_one_line(self, capfd):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            assert run_serve(self.command(port=port), self.refuse) == Exit.USAGE
        assert capfd.readouterr().err.startswith(f"atlas: 127.0.0.1:{port} cannot be listened on (")
