"""What is not installed unless it is asked for, and the command that installs it."""

from __future__ import annotations


def install(extra: str) -> str:
    """Return the command that installs an extra at its locked versions."""
    return f".venv/bin/pip install --require-hashes -r requirements-{extra}.lock"
