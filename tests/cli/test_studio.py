"""`atlas studio` before it becomes the server; the server itself is tested in tests/graphs/test_studio_server.py."""

from __future__ import annotations

import socket

import pytest

from cli import studio
from cli.exits import Exit, UsageError

pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture
def taken():
    with socket.socket() as busy:
        busy.bind((studio.HOST, 0))
        busy.listen()
        yield busy.getsockname()[1]


def test_port_that_was_asked_for_is_never_swapped(taken):
    with pytest.raises(UsageError, match=f"port {taken} is taken"):
        studio.free_port(taken)


def test_usual_port_gives_way_to_a_free_one(taken, monkeypatch):
    monkeypatch.setattr(studio, "USUAL_PORT", taken)
    assert studio.free_port(0) not in {0, taken}


@pytest.mark.server
def test_server_listens_on_this_machine_alone_and_loads_nothing_twice():
    command = studio.server_command(0, browser=False)
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert {"--no-reload", "--no-browser"} <= set(command)
    assert "--allow-blocking" not in command


@pytest.mark.server
def test_store_that_cannot_be_opened_is_told_before_the_start(monkeypatch, capsys):
    monkeypatch.setenv("ATLAS_THREAD_DATABASE", "mysql://user:s3cret@host/x")
    assert studio.run_studio(0, browser=False) == Exit.USAGE
    said = capsys.readouterr().err
    assert said == "atlas: thread_database must begin with postgresql://\n"
