"""The verdict on one program: a record that the grader writes and every report reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sandbox.base import RunStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the hidden tests say of one program."""

    right: bool
    status: Literal["passed", "wrong_answer", "no_program"] | RunStatus
    """How the first failing test ended."""
    alone: bool = False
    """Whether nothing else was being graded meanwhile; asked only of programs that timed out."""
    readings: tuple[tuple[str, bool], ...] = ()
    """Further ways to count: (`base`, passed) and (`plus`, passed) of EvalPlus, (`tolerant`, passed) of problems with
    several right answers."""


NO_PROGRAM = Verdict(right=False, status="no_program")


def reading(verdict: Verdict, name: str) -> bool:
    """Return whether a program passes under another way to count; `right` where the verdict knows no such way."""
    return dict(verdict.readings).get(name, verdict.right)
