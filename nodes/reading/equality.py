"""Checks as plain equalities: a session and the value that it gives where the check holds, for who only compares."""

from __future__ import annotations

from nodes.reading.writing import ARGUMENTS
from nodes.state import NEXT, PublicTest
from sandbox.sessions import PROMPT, is_session, written


def as_equality(entry_point: str, test: PublicTest) -> tuple[str, str] | None:
    """Return an input and its expected output that say the same as a check; None for text as a prompt shows it."""
    if test.how == "equal":
        return test.given, test.expected
    before, asked = _asked(entry_point, test)
    if test.how == "truth":
        return _session([*before, f"bool({asked})"]), test.expected
    if test.how == "close":
        tolerance = f"rel_tol={test.rel_tol!r}, abs_tol={test.abs_tol!r}"
        return _session([*before, "import math", f"math.isclose({asked}, {test.expected}, {tolerance})"]), "True"
    if test.how == "unordered":
        return _session([*before, f"sorted(map(repr, {asked})) == sorted(map(repr, {test.expected}))"]), "True"
    return (_raising(before, asked, test), "True") if test.how == "raises" else None


def _asked(entry_point: str, test: PublicTest) -> tuple[list[str], str]:
    """Return the statements before the expression that a check is about, and the expression."""
    if is_session(test.input):
        lines = [line.removeprefix(PROMPT) for line in test.input.split(f"\n{PROMPT}")]
        return [line.replace("\n... ", "\n") for line in lines[:-1]], lines[-1]
    *before, last = test.script.split(NEXT) if test.script else [f"{entry_point}(*{ARGUMENTS})"]
    return [f"{ARGUMENTS} = [{test.input}]", *before], last


def _raising(before: list[str], asked: str, test: PublicTest) -> str:
    name, _, words = test.expected.partition(":")
    same = f"type(error).__name__ == {name.rpartition('.')[2]!r}"
    said = f" and str(error) == {words.strip()!r}" if words.strip() else ""
    body = f"    try:\n        {asked}\n    except Exception as error:\n        return {same}{said}\n    return False"
    return _session([*before, f"def raises():\n{body}", "raises()"])


def _session(statements: list[str]) -> str:
    return "\n".join(map(written, statements))
