"""Starter code: fenced Python, the whole of a text that is Python, or what an editor of a site showed, pasted.

Test functions, `check`, fixtures and test classes in it ask for nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from nodes.parsing import python_blocks

_DEF = re.compile(r"^([ \t]*)(?:async\s+)?def\s+([A-Za-z_]\w*)\s*\(", re.MULTILINE)
_CLASS = re.compile(r"^class\s+([A-Za-z_]\w*)", re.MULTILINE)
_BASES = re.compile(r"^class\s+([A-Za-z_]\w*)\s*\(([^()\n]*)\)", re.MULTILINE)
_TESTING = re.compile(
    r"^[ \t]*@(?:pytest\.)?fixture\b[^\n]*\n[ \t]*def\s+\w+|^[ \t]+def\s+(?:setUp|tearDown)(?:Class)?\s*\(",
    re.MULTILINE,
)
"""What a test file defines beside its tests."""
_TEST = re.compile(r"^(?:test|Test|check$|main$|__)|Tests?$|TestCase$")
_OPEN_DEF = re.compile(r"[ \t]*(?:async\s+)?def\s.*:[ \t]*$")
_IN_CODE = re.compile(r"[ \t#@)\]}]|(?:from|import|def|class|async)\s")
_CODE_START = re.compile(r"^(?:from\s+\w|import\s+\w|def\s|class\s|async\s+def\s|@\w)", re.MULTILINE)
_MOST_CODE_LINES = 400


def starter_of(statement: str) -> str:
    """Return the code that defines what is to be written: a fenced block, or a text that is Python from a line on."""
    for block in python_blocks(statement):
        if functions_in(block) or classes_in(block):
            return block.rstrip()
    match = _CODE_START.search(statement) if "def " in statement or "class " in statement else None
    if match and "```" not in statement:
        for code in (statement[match.start() :], _unfenced(statement[match.start() :])):
            if len(code) <= 20_000 and functions_in(code) and _parses(_filled(code)):
                return code.rstrip()
    return ""


def _unfenced(text: str) -> str:
    """Return the lines of code that a text begins with: those that begin as code does, and what is indented below."""
    lines = text.split("\n")[:_MOST_CODE_LINES]
    end = next((i for i, line in enumerate(lines) if line.strip() and not _IN_CODE.match(line)), len(lines))
    return "\n".join(lines[:end]).rstrip()


def _filled(code: str) -> str:
    """Give a body to every function that has none, as in the text of a site's editor."""
    filled, lines = [], code.split("\n")
    for number, line in enumerate(lines):
        filled.append(line)
        if _OPEN_DEF.match(line):
            following = next((one for one in lines[number + 1 :] if one.strip()), "")
            indent = len(line) - len(line.lstrip())
            if len(following) - len(following.lstrip()) <= indent:
                filled.append(" " * (indent + 4) + "pass")
    return "\n".join(filled)


def _parses(code: str) -> bool:
    try:
        ast.parse(code)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def functions_in(code: str) -> list[str]:
    """Return the functions and methods that a piece of code defines, tests left out."""
    names = [name for _, name in _DEF.findall(_TESTING.sub("", code)) if not _TEST.search(name)]
    classes = _CLASS.findall(code)
    return [] if classes and not classes_in(code) else names


def classes_in(code: str) -> list[str]:
    """Return the classes that a piece of code defines, tests left out."""
    tests = {name for name, bases in _BASES.findall(code) if "TestCase" in bases}
    return [name for name in _CLASS.findall(code) if not _TEST.search(name) and name not in tests]


def whole_class(
    starter: str, tree: Sequence[ast.stmt], statement: str, called: Sequence[str]
) -> tuple[str, tuple[str, ...]] | None:
    """Return a class that is asked for as a whole, with its methods; `Solution` is asked for by its one method."""
    for name in classes_in(starter):
        body = re.split(rf"^class\s+{name}\b", starter, maxsplit=1, flags=re.MULTILINE)[1]
        body = re.split(r"^\S", body.split("\n", 1)[-1], maxsplit=1, flags=re.MULTILINE)[0]
        methods = tuple(method for _, method in _DEF.findall(body) if not method.startswith("__"))
        if name in ("ListNode", "TreeNode", "Node"):
            continue
        has_state = "def __init__" in body
        is_sequence = bool(re.search(rf"\[\s*\\?[\"']{name}\\?[\"']", statement))
        if is_sequence or (
            has_state and name != "Solution" and (name in called or not methods or _constructs(statement, name))
        ):
            return name, methods
    return None


def _constructs(statement: str, name: str) -> bool:
    return bool(re.search(rf"^\s*(?:>>>\s*)?\w+\s*=\s*{name}\(", statement, re.MULTILINE))


def without_a_body(tree: Sequence[ast.stmt], starter: str) -> list[str]:
    """Return the functions without a body: a docstring, `...`, `pass` or an error is none."""
    found = [
        one.name
        for statement in tree
        for one in ast.walk(statement)
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and all(map(_is_nothing, one.body))
    ]
    if tree:
        return found
    # LeetCode's starter code ends behind the colon, which Python does not parse.
    last = _DEF.findall(starter)
    return [last[-1][1]] if last and starter.rstrip().endswith(":") else []


def _is_nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.Pass | ast.Raise):
        return True
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def defines_any(code: str) -> bool:
    """Whether a piece of code defines a function or a method, tests included."""
    return bool(_DEF.search(code))


def defined_in(starter: str) -> frozenset[str]:
    """Return the names of all functions, methods and classes of a piece of code."""
    return frozenset(name for _, name in _DEF.findall(starter)) | frozenset(_CLASS.findall(starter))
