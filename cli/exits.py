"""Exit codes, and how a failure becomes one line instead of a traceback."""

from __future__ import annotations

import os
from enum import IntEnum

from graphs.configuration import SettingsError, ThreadError
from inference.base import ModelError
from nodes.problem_text import ProblemError
from sandbox.base import SandboxUnavailableError


class UsageError(ValueError):
    """The command line asks for something impossible; the message is one line that says what to do."""


class Exit(IntEnum):
    """What the shell is told; `atlas solve --help` documents it."""

    VERIFIED = 0
    NOT_VERIFIED = 1
    USAGE = 2
    NO_PROGRAM = 3
    MODEL = 4
    SANDBOX = 5
    INTERRUPTED = 130


MEANINGS = {
    Exit.VERIFIED: "the answer is verified",
    Exit.NOT_VERIFIED: "there is an answer, but it is not verified (or a person refused it)",
    Exit.USAGE: "bad command line, problem or settings",
    Exit.NO_PROGRAM: "no program was found",
    Exit.MODEL: "the model failed",
    Exit.SANDBOX: "no sandbox can hold programs here, or it failed",
    Exit.INTERRUPTED: "interrupted with Ctrl-C; the best answer so far is printed",
}

EXPECTED = (UsageError, SettingsError, ThreadError, ProblemError, ModelError, SandboxUnavailableError)
"""Failures that a person can mend: each has a one-line message and an exit code."""


def exit_code(error: Exception) -> Exit:
    """Return the exit code of an expected failure."""
    if isinstance(error, ModelError):
        return Exit.MODEL
    return Exit.SANDBOX if isinstance(error, SandboxUnavailableError) else Exit.USAGE


def one_line(error: Exception) -> str:
    """Return the message of an expected failure without line breaks."""
    return " ".join(str(error).split())


def wants_tracebacks() -> bool:
    """Whether `ATLAS_DEBUG` asks for the traceback of an expected failure."""
    return os.environ.get("ATLAS_DEBUG", "") not in ("", "0")
