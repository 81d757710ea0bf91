"""Signatures in a statement: the parameters of a function, and their annotations with the result's."""

from __future__ import annotations

import ast
import re
from itertools import islice

from nodes.reading.assertions import parsed
from nodes.reading.values import expression

_TYPED = re.compile(r":type[ ]+(\w+):[ ]*([^\n]+)")
_RETURN_TYPE = re.compile(r":rtype:[ ]*([^\n]+)")


def parameters_in(text: str, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the parameters of the first signature of a function, and their annotations with the result's."""
    for match in islice(re.finditer(rf"\b{re.escape(name)}\(", text), 20):
        piece = text[match.end() : match.end() + 600].replace("\n", " ")
        end = _closing(piece)
        if end < 0:
            continue
        result = re.match(r"\)\s*->\s*([^:`\n]+)", piece[end:])
        lambda_node = expression(f"lambda {_without_annotations(piece[:end])}: 0")
        if not isinstance(lambda_node, ast.Lambda) or lambda_node.args.vararg or lambda_node.args.kwarg:
            continue
        names = [one.arg for one in (*lambda_node.args.posonlyargs, *lambda_node.args.args) if one.arg != "self"]
        notes = [_annotation(piece[:end], one) for one in names]
        if not any(notes) and ":type " in text:
            documented = dict(_TYPED.findall(text))
            returned = _RETURN_TYPE.search(text)
            return tuple(names), (*(documented.get(one, "") for one in names), returned[1] if returned else "")
        return tuple(names), (*notes, result[1].strip() if result else "")
    return (), ()


def _closing(text: str) -> int:
    depth = 0
    for i, sign in enumerate(text):
        depth += (sign in "([{") - (sign in ")]}")
        if depth < 0:
            return i
    return -1


def _without_annotations(text: str) -> str:
    node = parsed(f"def f({text}): ...")
    if not node or not isinstance(node[0], ast.FunctionDef):
        return text
    for one in ast.walk(node[0].args):
        if isinstance(one, ast.arg):
            one.annotation = None
    return ast.unparse(node[0].args)


def _annotation(text: str, name: str) -> str:
    node = parsed(f"def f({text}): ...")
    if node and isinstance(node[0], ast.FunctionDef):
        for one in ast.walk(node[0].args):
            if isinstance(one, ast.arg) and one.arg == name and one.annotation is not None:
                return ast.unparse(one.annotation)
    return ""
