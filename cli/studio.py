"""`atlas studio`: start LangGraph's own server on this machine, for LangGraph Studio and its SDK."""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
from pathlib import Path

from cli.exits import EXPECTED, UsageError, exit_code, one_line
from cli.printable import printable
from cli.threads import thread_file
from graphs.configuration import load_settings

GRAPHS = Path(__file__).parents[1] / "langgraph.json"
HOST = "127.0.0.1"
USUAL_PORT = 2024
"""Where Studio looks first."""
JOBS = 8
"""Runs at a time; their texts decode in one batch."""
QUIET = {"LANGGRAPH_CLI_NO_ANALYTICS": "1", "LANGGRAPH_NO_VERSION_CHECK": "true"}
"""Without them LangGraph's command reports its use, and the server asks for newer versions."""


def run_studio(port: int, browser: bool) -> int:
    """Turn this process into the server; return the exit code where that cannot be.

    Args:
        port: where to listen; 0 takes the usual port, or a free one where that is taken.
        browser: open Studio's page, which is a hosted one.
    """
    try:
        command = server_command(port, browser)
        _check_store()
    except EXPECTED as error:
        print(f"atlas: {printable(one_line(error))}", file=sys.stderr)
        return int(exit_code(error))
    return os.execve(command[0], command, {"LANGSMITH_TRACING": "false", **os.environ, **QUIET})


def server_command(port: int, browser: bool) -> list[str]:
    """Return the command of the server, its program first.

    Raises:
        UsageError: the server is not installed, or the port is taken.
    """
    if importlib.util.find_spec("langgraph_api") is None:
        raise UsageError("LangGraph's server is not installed: make studio installs and starts it")
    if not GRAPHS.is_file():
        raise UsageError("this command runs from ATLAS's source folder, where langgraph.json lies: make studio")
    options = [
        "--config",
        str(GRAPHS),
        "--host",
        HOST,
        "--port",
        str(free_port(port)),
        "--n-jobs-per-worker",
        str(JOBS),
    ]
    program = Path(sys.executable).with_name("langgraph")
    return [str(program), "dev", "--no-reload", *([] if browser else ["--no-browser"]), *options]


def free_port(wanted: int) -> int:
    """Return the port to listen on.

    Raises:
        UsageError: a port was asked for, and it is taken.
    """
    for port in (wanted,) if wanted else (USUAL_PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise UsageError(f"port {wanted} is taken: leave --port out for a free one")


def _check_store() -> None:
    """Raise before the start what the server would end with in the middle of it."""
    from graphs.threads import open_store

    with open_store(thread_file(load_settings(None, os.environ, {}))):
        pass
