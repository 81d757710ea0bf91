"""Find the interpreter that boxes get: one under /usr, never one of a home directory or a virtual environment."""

from __future__ import annotations

import shutil
import subprocess

from sandbox.base import SandboxUnavailableError

_NAMES = ("python3", "python3.14", "python3.13", "python3.12", "python3.11")


def system_python() -> str:
    """Return the path of an interpreter under /usr, 3.11 or newer.

    Raises:
        SandboxUnavailableError: there is none.
    """
    for name in _NAMES:
        path = shutil.which(name, path="/usr/bin:/usr/local/bin")
        if path and _is_new_enough(path):
            return path
    raise SandboxUnavailableError("no Python 3.11 or newer under /usr: `apt-get install python3`, or use Docker")


def _is_new_enough(path: str) -> bool:
    question = "import sys; sys.exit(sys.version_info < (3, 11))"
    return subprocess.run([path, "-I", "-S", "-c", question], check=False).returncode == 0
