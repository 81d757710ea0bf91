"""The program in a reply, ready to run: one place for every box that asks for code."""

from __future__ import annotations

import re
import typing

from inference.base import BY_ITSELF, Completion
from nodes.granted import with_granted_imports
from nodes.parsing import extract_code
from nodes.reading.structures import DEFINITIONS
from nodes.state import Problem

_NAME = re.compile(r"\b[A-Z]\w+")
_IMPORTED = re.compile(r"^\s*(?:from\s+typing\s+import|import\s+typing)\b", re.MULTILINE)


def program_of(reply: Completion | None, problem: Problem) -> str | None:
    """Return the program of a reply, or None where there is none."""
    code = extract_code(reply.text, problem.entry_point, ended=reply.stop in BY_ITSELF) if reply else None
    if code and problem.language == "python" and _is_of_a_site(problem):
        code = with_granted_imports(code)
    return with_granted_names(code, problem.starter_code) if code else None


def with_granted_names(code: str, starter_code: str) -> str:
    """Add what sites such as LeetCode grant to a program: names of `typing`, and the nodes of lists and trees."""
    for name, definition in DEFINITIONS.items():
        if re.search(rf"\b{name}\b", starter_code) and re.search(rf"\b{name}\b", _uncommented(code)):
            defines = re.search(rf"^\s*class\s+{name}\b", code, re.MULTILINE)
            code = code if defines else f"{definition}\n\n\n{code}"
    return with_typing_names(code, starter_code)


def _uncommented(code: str) -> str:
    return re.sub(r"^[ \t]*#.*$", "", code, flags=re.MULTILINE)


def _is_of_a_site(problem: Problem) -> bool:
    """Whether programs have the forms that LiveCodeBench grades: LeetCode's class, or text in and text out."""
    return problem.mode == "stdio" or "class Solution" in problem.starter_code


def with_typing_names(code: str, starter_code: str) -> str:
    """Import the names of `typing` that the starter code takes for granted, as sites such as LeetCode do.

    The line goes into the program itself, so that what is saved runs everywhere.
    """
    granted = set(_NAME.findall(starter_code)) & set(typing.__all__)
    used = sorted(granted & set(_NAME.findall(code)))
    return f"from typing import {', '.join(used)}\n\n{code}" if used and not _IMPORTED.search(code) else code
