"""Values in statements: from a piece of Python or JSON to a value, without running anything.

Constants may be computed (`1.0 / 4`, `'a' * 3`, `float('-inf')`, `list(range(3))`); sizes are bounded at every step.

Limits: builtin types only; a text of more than `LITERAL_CHARS` characters is not read.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from nodes.parsing.source import LITERAL_CHARS, expression_of

UNREADABLE = (ValueError, SyntaxError, TypeError, MemoryError, RecursionError, ArithmeticError)
NO_NAMES: Mapping[str, object] = MappingProxyType({})
_MOST_ITEMS = 10_000
_MOST_BITS = 4096
_WORDS = {"true": "True", "false": "False", "null": "None", "none": "None", "nil": "None", "undefined": "None"}
_JSON_WORD = re.compile(r"\b(true|false|null|nil|undefined|none)\b")
_STRING = re.compile(r"(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')")
_NAMED: Mapping[str, object] = {"inf": math.inf, "nan": math.nan, "Infinity": math.inf, "NaN": math.nan}
_CONSTANTS: Mapping[str, float] = {"pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan, "tau": math.tau}
_CALLABLE: Mapping[str, Callable[..., Any]] = {
    "set": set,
    "frozenset": frozenset,
    "tuple": tuple,
    "list": list,
    "dict": dict,
    "sorted": sorted,
    "float": float,
    "int": int,
    "bool": bool,
    "str": str,
    "bytes": bytes,
    "complex": complex,
    "abs": abs,
    "len": len,
    "range": range,
    "round": round,
    "min": min,
    "max": max,
    "sum": sum,
    "chr": chr,
    "ord": ord,
}
_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitOr: operator.or_,
}
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Invert: operator.invert,
}


def expression(text: str) -> ast.expr | None:
    """Return the one expression of a short text, or None."""
    if len(text) > LITERAL_CHARS:
        return None
    return expression_of(text)


def read_value(text: str) -> str | None:
    """Return a value in Python's own spelling; None when the text is no value. JSON's words count as Python's."""
    node = expression(python_words(text)) if text.strip() else None
    return None if node is None else spelled(node)


def spelled(node: ast.expr, names: Mapping[str, object] = NO_NAMES) -> str | None:
    """Return the value of an expression in Python's own spelling, or None where it has no constant value."""
    try:
        return spell(fold(node, names))
    except UNREADABLE:
        return None


def fold(node: ast.expr, names: Mapping[str, object] = NO_NAMES) -> object:
    """Return the value of a constant expression.

    Args:
        node: the expression.
        names: what variables stand for.

    Raises:
        ValueError: it is none, or too large; or one of the other errors of `UNREADABLE`.
    """
    try:
        value: object = ast.literal_eval(node)
    except ValueError:
        return _bounded(_fold(node, names))
    if "Ellipsis" in repr(value):
        # What was left out is not known.
        return _bounded(_fold(node, names))
    return value


def _fold(node: ast.expr, names: Mapping[str, object]) -> Any:
    if isinstance(node, ast.Constant) and node.value is not ...:
        return node.value
    if isinstance(node, ast.Name):
        return names[node.id] if node.id in names else _named(node.id)
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        kind = {ast.List: list, ast.Tuple: tuple, ast.Set: set}[type(node)]
        return kind(fold(item, names) for item in node.elts)
    if isinstance(node, ast.Dict):
        keys = [fold(key, names) for key in node.keys if key is not None]
        return dict(zip(keys, (fold(value, names) for value in node.values), strict=True))
    if isinstance(node, ast.UnaryOp):
        return _UNARY[type(node.op)](fold(node.operand, names))
    if isinstance(node, ast.BinOp):
        return _computed(node.op, fold(node.left, names), fold(node.right, names))
    if isinstance(node, ast.Attribute | ast.Call):
        return _looked_up(node, names)
    raise ValueError("no constant")


def _named(name: str) -> object:
    if name not in _NAMED:
        raise ValueError(f"nothing says what {name} is")
    return _NAMED[name]


def _looked_up(node: ast.Attribute | ast.Call, names: Mapping[str, object]) -> object:
    if isinstance(node, ast.Attribute):
        if isinstance(node.value, ast.Name) and node.value.id in ("math", "np", "numpy") and node.attr in _CONSTANTS:
            return _CONSTANTS[node.attr]
        raise ValueError("no constant")
    if not isinstance(node.func, ast.Name) or node.func.id not in _CALLABLE or node.keywords:
        raise ValueError("no constant")
    arguments = [fold(argument, names) for argument in node.args]
    for argument in arguments:
        if isinstance(argument, int) and abs(argument) > _MOST_ITEMS and node.func.id in ("range", "bytes"):
            raise ValueError("too large")
    return _CALLABLE[node.func.id](*arguments)


def _computed(sign: ast.operator, left: Any, right: Any) -> Any:
    """Compute with small operands only; what a step makes is measured before the next."""
    if type(sign) not in _BINARY:
        raise ValueError("no constant")
    if isinstance(sign, ast.Mult) and (_size(left) * _size(right) > _MOST_ITEMS):
        raise ValueError("too large")
    if isinstance(sign, ast.Mod) and isinstance(left, str | bytes):
        raise ValueError("no constant")
    if isinstance(sign, ast.Pow) and not _is_small_power(left, right):
        raise ValueError("too large")
    return _BINARY[type(sign)](left, right)


def _size(value: object) -> int:
    """Return how many items a value has, or of a number how many bits, or how often it would repeat a text."""
    if isinstance(value, str | bytes | list | tuple):
        return len(value)
    return min(abs(value), _MOST_BITS).bit_length() if isinstance(value, int) else 1


def _is_small_power(base: object, exponent: object) -> bool:
    if isinstance(base, float) or isinstance(exponent, float):
        return True
    return isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * abs(exponent) <= _MOST_BITS


def _bounded(value: Any) -> Any:
    if isinstance(value, range):
        value = list(value)
    if isinstance(value, str | bytes | list | tuple | set | frozenset | dict) and len(value) > _MOST_ITEMS:
        raise ValueError("too large")
    if isinstance(value, int) and value.bit_length() > 4 * _MOST_BITS:
        raise ValueError("too large")
    return value


def spell(value: object) -> str:
    """Return a value as Python and the sandbox read it; `repr` but for infinities and complex numbers.

    Raises:
        ValueError: a value of another kind, which nothing could hand to a program.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"
    if isinstance(value, complex):
        return f"complex({spell(value.real)}, {spell(value.imag)})"
    if isinstance(value, list | tuple | set | frozenset | dict) and _is_odd(repr(value)):
        return _spell_items(value)
    if value is None or isinstance(value, bool | int | float | str | bytes | list | tuple | set | frozenset | dict):
        return repr(value)
    raise ValueError(f"a {type(value).__name__} cannot be handed to a program")


def _is_odd(text: str) -> bool:
    return any(mark in text for mark in ("inf", "nan", "j", "Ellipsis", "range"))


def _spell_items(value: list[Any] | tuple[Any, ...] | set[Any] | frozenset[Any] | dict[Any, Any]) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{spell(key)}: {spell(item)}" for key, item in value.items()) + "}"
    items = ", ".join(map(spell, value))
    if isinstance(value, tuple):
        return f"({items},)" if len(value) == 1 else f"({items})"
    if isinstance(value, frozenset):
        return f"frozenset({{{items}}})" if value else "frozenset()"
    if isinstance(value, set):
        return f"{{{items}}}" if value else "set()"
    return f"[{items}]"


def python_words(text: str) -> str:
    """Turn JSON's `true`, `false`, `null` outside of strings into Python's words."""
    parts = _STRING.split(text)
    return "".join(
        part if i % 2 else _JSON_WORD.sub(lambda match: _WORDS[match.group()], part) for i, part in enumerate(parts)
    )


def value_end(text: str, start: int = 0) -> int:
    """Return where the value at the beginning of a text ends: its brackets and quotes closed; -1 where they never are.

    Linear in the text. Outside of brackets and quotes a value ends at white space, a comma, a semicolon, a backtick.
    """
    closing: list[str] = []
    i = start
    while i < len(text):
        sign = text[i]
        if sign in "\"'":
            i = _string_end(text, i)
            if i < 0:
                return -1
        elif sign in _CLOSING:
            closing.append(_CLOSING[sign])
        elif closing:
            if sign in ")]}" and closing.pop() != sign:
                return -1
        elif sign in ")]},;`" or sign.isspace():
            return i
        i += 1
    return -1 if closing else i


def _string_end(text: str, start: int) -> int:
    """Return the place of the quote that closes a string, or -1."""
    i = start + 1
    while i < len(text) and text[i] not in (text[start], "\n"):
        i += 2 if text[i] == "\\" else 1
    return i if i < len(text) and text[i] == text[start] else -1
