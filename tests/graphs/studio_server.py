"""LangGraph's server as a person starts it, and a namespace without a way out to start it in."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "cli" / "embedded_example.md").read_text(encoding="utf-8")
_READY = re.compile(r"Application started up")
_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return an environment whose settings and state are those of a test."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("ATLAS_", "LANG"))}
    state = {"XDG_STATE_HOME": str(home / "state"), "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "ATLAS_MODEL": "embedded"}
    return inherited | state | more


@contextmanager
def studio(home: Path, *command: str, **more: str) -> Iterator[tuple[str, subprocess.Popen[str], Path]]:
    """Yield the server's address, its process and its log; end it with Ctrl-C.

    Raises:
        RuntimeError: it did not start; the message is the end of its log.
    """
    log = home / "studio.log"
    started = command or (sys.executable, "-m", "cli.entry", "studio")
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            started, cwd=home, env=environment(home, **more), stdout=out, stderr=out, text=True, start_new_session=True
        )
    try:
        yield _address(process, log), process, log
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(60)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def _address(process: subprocess.Popen[str], log: Path) -> str:
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        text = log.read_text(encoding="utf-8")
        if _READY.search(text) and (found := _ADDRESS.search(text)):
            return found.group(0)
        time.sleep(0.2)
    raise RuntimeError(log.read_text(encoding="utf-8")[-2000:])
