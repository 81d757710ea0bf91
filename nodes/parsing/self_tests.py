"""Tests and inputs in a reply: asserts of every form, unittest, pytest, doctests, arrows, labelled blocks.

What is said as a statement counts; only where there is none are lines read that merely say what a call gives.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Sequence

from nodes.labelled import unquoted
from nodes.parsing.claims import Claim, Names, claims, unittest_claims
from nodes.parsing.samples import data_pairs, sample_inputs, sample_pairs
from nodes.parsing.scopes import Scope
from nodes.parsing.source import LITERAL_CHARS, expression_of
from nodes.parsing.statements import MOST_STATEMENTS, bare, statements
from nodes.parsing.values import text_of
from sandbox.base import Mode

_GIVES = re.compile(
    r"^[`*\s]*(?:#\s*)?(?:-{1,2}>|={1,2}>|\u2192|\u279e|\u21d2|={1,3}|:|#|is\b(?!\s+not\b)|returns?\b|gives?\b|equals?\b|yields?\b|outputs?\b|"
    r"evaluates to\b|should (?:return|give|be|equal|output)\b)"
    r"(?:[`*\s#:=]|->|=>|returns?\b|outputs?\b|expected\b|should return\b|should be\b)*",
    re.IGNORECASE,
)
_STRING_OR_BRACKET = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[()\[\]{}]")
_NEXT_CALL = re.compile(r",\s+[A-Za-z_]\w*\(")
_MOST_LINES = 40
_MOST_SAID = 500
"""Lines that are read for what they say of a call."""
_PROMPT = ">>>"


def parse_tests(
    reply: str, mode: Mode, entry_point: str, parameters: Sequence[str] = ()
) -> tuple[tuple[str, str], ...]:
    """Return the (input, expected output) pairs of a reply, without repeats.

    Args:
        reply: what the model wrote.
        mode: of the problem.
        entry_point: the function that is tested.
        parameters: of the function, in order, so that keywords find their place; empty where nobody knows.
    """
    if mode == "stdio":
        return tuple((unquoted(given), unquoted(wanted)) for given, wanted in data_pairs(reply))
    return tuple(dict.fromkeys(claim.pair for claim in read_claims(reply, entry_point, parameters)))


def parse_asserts(text: str, entry_point: str) -> tuple[tuple[str, str], ...]:
    """Return the (input, expected output) pairs of the statements that say, without a tolerance, what is returned."""
    found = (claim for _, told in _asserted(text, Names(entry_point)) for claim in told)
    return tuple(dict.fromkeys(claim.pair for claim in found if claim.relation == "equal"))


def parse_inputs(reply: str, mode: Mode, entry_point: str) -> tuple[str, ...]:
    """Return the inputs of a reply, without repeats: lines that call the function, else what its tests hand in."""
    if mode == "stdio":
        return sample_inputs(reply)
    names = Names(entry_point)
    lines = (bare(line) for line in reply.split("\n") if f"{entry_point}(" in line)
    calls = [text for line in _first(lines) if (text := _called(line, names)) is not None]
    return tuple(dict.fromkeys(calls or [claim.arguments for claim in read_claims(reply, entry_point)]))


def read_claims(reply: str, entry_point: str, parameters: Sequence[str] = ()) -> list[Claim]:
    """Return the tests of a reply, in order."""
    names = Names(entry_point, parameters)
    asserted = [claim for _, found in _asserted(reply, names) for claim in found]
    said = [claim for _, claim in _said(reply, entry_point, names)] if not asserted else []
    return asserted or said or list(_listed(reply, names))


def exact_tests(text: str, entry_point: str) -> tuple[tuple[tuple[str, str], ...], tuple[int, ...]]:
    """Return the pairs of a text that is all tests, and the lines, from 0, that look like a test and give none."""
    names = Names(entry_point)
    found: dict[int, tuple[Claim, ...]] = {}
    for lines, told in _asserted(text, names):
        if told:
            found |= dict.fromkeys(lines, ())
            found[lines.start] = tuple(told)
    for lines, claim in _said(text, entry_point, names):
        if lines.start not in found:
            found |= {line: () for line in lines if line not in found}
            found[lines.start] = (claim,)
    unread = [line for line, told in found.items() if any(claim.relation != "equal" for claim in told)]
    looks = re.compile(rf"\b{re.escape(entry_point)}\s*\(|^\s*(?:assert\b|>>>|self\.assert)")
    unread += [i for i, line in enumerate(text.split("\n")) if i not in found and looks.search(line)]
    pairs = dict.fromkeys(claim.pair for _, told in sorted(found.items()) for claim in told)
    return tuple(pairs), tuple(sorted(unread))


def _first(lines: Iterator[str]) -> Iterator[str]:
    return (line for _, line in zip(range(MOST_STATEMENTS), lines, strict=False))


def _called(line: str, names: Names) -> str | None:
    """Return the arguments of a line that is a call, maybe printed or kept in a variable."""
    node = expression_of(line)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print" and node.args:
        node = node.args[0]
    return names.arguments(node) if node is not None else None


def _asserted(reply: str, names: Names) -> Iterator[tuple[range, list[Claim]]]:
    """Yield what each statement claims, with its lines."""
    scope = Scope()
    for one in statements(reply):
        scope.leave(one.indent)
        try:
            yield one.lines, list(_of_statement(one.indent, one.node, scope, names))
        except (RecursionError, ValueError):  # deeper than trees are walked, or a number longer than Python spells
            continue


def _of_statement(indent: int, node: ast.stmt, scope: Scope, names: Names) -> Iterator[Claim]:
    match node:
        case ast.Assert(test=test):
            yield from (claim for one in scope.each(test) for claim in claims(one, names))
        case ast.Expr(value=value):
            yield from (claim for one in scope.each(value) for claim in unittest_claims(_printed(one), names))
        case ast.Assign(targets=[target], value=value) | ast.AnnAssign(target=target, value=ast.expr() as value):
            scope.bind(target, value)
        case ast.For():
            scope.loop(indent, node)
            for inner in node.body:
                yield from _of_statement(indent + 1, inner, scope, names)
        case ast.FunctionDef(decorator_list=[decorator, *_]):
            scope.decorate(decorator)
        case ast.FunctionDef():
            scope.function(indent)


def _printed(node: ast.expr) -> ast.expr:
    """Return what is printed as if it were asserted, where it is a comparison: `print(f(1) == 2)`."""
    is_print = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    if is_print and isinstance(node, ast.Call) and len(node.args) == 1 and isinstance(node.args[0], ast.Compare):
        return ast.Call(ast.Name("assertTrue", ast.Load()), node.args, [])
    return node


def _said(reply: str, entry_point: str, names: Names) -> Iterator[tuple[range, Claim]]:
    """Yield what lines say that a call gives, with them: `f(1) -> 2`, `print(f(1))  # 2`, doctests."""
    lines = reply.replace("\r\n", "\n").split("\n")
    left = _MOST_SAID
    for i, line in enumerate(lines):
        if f"{entry_point}(" not in line or left <= 0:
            continue
        left -= 1
        found = _call_in(line, entry_point)
        if found is None:
            continue
        call, rest = found
        arguments = _called(call, names)
        if arguments is None:
            continue
        below = line.lstrip("`* \t").startswith(_PROMPT) and not rest.strip(" )")
        value = _shown(lines[i + 1 : i + 1 + _MOST_LINES]) if below else _given(rest)
        if value is not None:
            yield range(i, i + 1), Claim(arguments, value)


def _call_in(line: str, entry_point: str) -> tuple[str, str] | None:
    """Return the first call of the function in a line, and what stands behind it."""
    start = line.find(f"{entry_point}(")
    if start and (line[start - 1].isalnum() or line[start - 1] in "_"):
        return None
    if line[:start].rstrip().endswith("def"):
        return None
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(line, start, start + LITERAL_CHARS):
        depth += (match[0] in "([{") - (match[0] in ")]}")
        if depth == 0 and match[0] in ")]}":
            rest = line[match.end() :]
            return line[start : match.end()], rest.removeprefix(")") if "print(" in line[:start] else rest
    return None


def _given(rest: str) -> str | None:
    """Return the value that a line names behind a call."""
    match = _GIVES.match(rest)
    text = rest[match.end() :].strip() if match else ""
    for tried in (
        text,
        _NEXT_CALL.split(text)[0],
        text.split("`")[0],
        text.split("  ")[0],
        text.split(" #")[0],
        text.split(" (")[0],
    ):
        value = _constant(tried.strip().strip("`*").rstrip(".,;"))
        if value is not None:
            return value
    return None


def _shown(lines: list[str]) -> str | None:
    """Return the value below a prompt."""
    end = next(
        (
            i
            for i, line in enumerate(lines)
            if not line.strip() or line.strip().startswith((_PROMPT, "```", '"""', "'''"))
        ),
        len(lines),
    )
    return _constant(" ".join(line.strip() for line in lines[:end])) or (_constant(lines[0].strip()) if end else None)


def _constant(text: str) -> str | None:
    node = expression_of(text) if text else None
    return text_of(node) if node is not None else None


def _listed(reply: str, names: Names) -> Iterator[Claim]:
    """Yield the tests of JSON objects and of labelled blocks: `Input: [1, 2]` and `Output: 3`."""
    for given, wanted in (*_json_pairs(reply), *sample_pairs(reply)):
        call = f"candidate({given.strip()})" if not re.match(r"\s*\w+\(", given) else given.strip()
        arguments, value = _called(call, names), _constant(wanted.strip())
        if arguments is not None and value is not None:
            yield Claim(arguments, value)


def _json_pairs(reply: str) -> Iterator[tuple[str, str]]:
    """Yield the pairs of a list of objects with an input and an expected output."""
    start, end = reply.find("["), reply.rfind("]")
    if start < 0 or not 0 < end - start < 20 * LITERAL_CHARS or '"' not in reply:
        return
    try:
        items = json.loads(reply[start : end + 1])
    except (ValueError, RecursionError):
        return
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict):
            words = {str(key).lower(): value for key, value in item.items()}
            given = next((words[key] for key in ("input", "inputs", "args", "arguments") if key in words), None)
            wanted = next(
                (words[key] for key in ("output", "expected", "expected_output", "result") if key in words), None
            )
            if given is not None and wanted is not None:
                yield _spelled_arguments(given), repr(wanted)


def _spelled_arguments(given: object) -> str:
    """Return the input of a JSON object as arguments: a list or an object holds one argument each."""
    values = given.values() if isinstance(given, dict) else given if isinstance(given, list) else (given,)
    return ", ".join(repr(value) for value in values)
