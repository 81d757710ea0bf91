"""How many further checks an answer of `atlas solve` passes: for comparing builds, not for scores."""

from __future__ import annotations

from collections.abc import Sequence

from nodes.problem_text import read_problem
from sandbox.api import Case, SyncSandbox
from sandbox.base import Program, SandboxChoice

Checks = Sequence[tuple[str, str]]
"""(arguments, value) of a function, or (standard input, standard output) of a program."""


def passed(code: str, statement: str, checks: Checks, *, sandbox: SandboxChoice = "auto") -> int:
    """Return how many checks a program passes that was written for a statement; white space at line ends is ignored.

    Raises:
        SandboxUnavailableError: no back end holds.
    """
    if not code or not checks:
        return 0
    problem = read_problem(statement)
    program = Program(source=code, mode=problem.mode, entry_point=problem.entry_point)
    with SyncSandbox(sandbox, workers=1) as box:
        cases = [Case(input=given, expected=expected) for given, expected in checks]
        return sum(result.verdict == "passed" for result in box.run(program, cases))
