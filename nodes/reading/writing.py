"""Examples as a person writes them: what is written here reads back as it was."""

from __future__ import annotations

import re

from nodes.state import NEXT, Problem, PublicTest
from sandbox.sessions import SHOWN, is_session

_SET_UP = ("import ", "from ")
_ASSIGNED = re.compile(r"^[A-Za-z_]\w* = ")
ARGUMENTS = "args"
"""The name under which a script finds the arguments."""


def example_text(problem: Problem, test: PublicTest) -> str:
    """Return one example as it may stand in a statement."""
    if problem.mode == "stdio":
        return f"Input:\n```\n{test.input.rstrip()}\n```\nOutput:\n```\n{test.expected.rstrip()}\n```"
    call = f"{problem.entry_point}({test.input})"
    if is_session(test.input):
        return f"{test.input.removeprefix(SHOWN).lstrip()}\n{_shown(test)}"
    if test.script:
        return _scripted(problem, test)
    if test.how == "truth":
        return f"assert {call}" if test.expected == "True" else f"assert not {call}"
    if test.how == "close":
        tolerance = f"rel_tol={test.rel_tol!r}, abs_tol={test.abs_tol!r}"
        return f"assert math.isclose({call}, {test.expected}, {tolerance})"
    if test.how == "unordered":
        return f"assert sorted({call}) == sorted({test.expected})"
    return f">>> {call}\n{_shown(test)}"


def failure_text(problem: Problem, test: PublicTest) -> str:
    """Return what a check asked of a program, in words that a repair can use."""
    if test.how == "raises":
        return f"{problem.entry_point}({test.input}) must raise {test.expected}"
    return example_text(problem, test)


def _shown(test: PublicTest) -> str:
    return f"Traceback (most recent call last):\n{test.expected}" if test.how == "raises" else test.expected


def _scripted(problem: Problem, test: PublicTest) -> str:
    """Return what a script asserts of the call; one that only builds or takes apart is the call itself."""
    *before, last = test.script.split(NEXT)
    called, call = f"{problem.entry_point}(*{ARGUMENTS})", f"{problem.entry_point}({test.input})"
    if called not in last or any(not line.startswith(_SET_UP) and not _ASSIGNED.match(line) for line in before):
        return f">>> {call}\n{_shown(test)}"
    asserted = last.replace(called, call)
    set_up = [line for line in before if not line.startswith(_SET_UP)]
    if test.how == "close":
        asserted = f"math.isclose({asserted}, {test.expected}, rel_tol={test.rel_tol!r}, abs_tol={test.abs_tol!r})"
    elif test.how != "truth":
        asserted = f"{asserted} == {test.expected}"
    return "\n".join([*set_up, f"assert {asserted}"])
