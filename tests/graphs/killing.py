"""A search on the command line that is killed in the middle, with no chance to say goodbye."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from tests.graphs.studio_server import EXAMPLE, environment


def killed_after(home: Path, name: str, box: str, **more: str) -> None:
    """Start a search under a name and kill it with SIGKILL once a box has ended."""
    command = [sys.executable, "-m", "cli.entry", "solve", EXAMPLE, "--thread", name, "--verbose"]
    with subprocess.Popen(
        command, cwd=home, env=environment(home, **more), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        told = []
        for line in process.stderr:
            told.append(line)
            if f"box='{box}'" in line:
                process.send_signal(signal.SIGKILL)
                break
        else:
            raise RuntimeError("".join(told)[-2000:])
        process.stderr.close()
