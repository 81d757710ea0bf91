"""The application opens its model once and closes it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from cli.exits import Exit
from cli.serve import ServeCommand, run_serve
from inference.base import Message, ModelError, Request
from inference.scripted import ScriptedModel


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
