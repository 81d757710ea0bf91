"""Constant expressions: what `2 ** 3`, `[0] * 3`, `set()` or `float('inf')` spell, worked out without running anything.

Limits: numbers of 4,000 bits, values whose text is `LITERAL_CHARS` long, and the few functions in `_CALLS`.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping

from nodes.parsing.source import LITERAL_CHARS

_MOST_BITS = 4000
_MOST_ITEMS = LITERAL_CHARS // 2
_DEEPEST = 60
_OPERATORS: Mapping[type[ast.operator], Callable[[object, object], object]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
}
_SIGNS: Mapping[type[ast.unaryop], Callable[[object], object]] = {
    ast.USub: operator.neg,  # type: ignore[dict-item]
    ast.UAdd: operator.pos,  # type: ignore[dict-item]
    ast.Not: operator.not_,
    ast.Invert: operator.invert,  # type: ignore[dict-item]
}
_CALLS: Mapping[str, Callable[..., object]] = {
    "set": set, "frozenset": frozenset, "list": list, "tuple": tuple, "dict": dict, "range": range, "float": float,
    "int": int, "bool": bool, "str": str, "complex": complex, "sorted": sorted, "len": len, "abs": abs, "sum": sum,
    "min": min, "max": max, "bytes": bytes,
}  # fmt: skip
_NAMED: Mapping[str, object] = {"math.inf": math.inf, "math.pi": math.pi, "math.e": math.e, "math.nan": math.nan}
_SPELLED = {"true": True, "false": False, "null": None, "inf": math.inf, "nan": math.nan}
_ERRORS = (ValueError, TypeError, ArithmeticError, MemoryError, RecursionError, AttributeError, LookupError)


class NoConstantError(ValueError):
    """The expression is none that can be worked out here."""


def value_of(node: ast.expr) -> object:
    """Return the value of a constant expression.

    Raises:
        NoConstantError: it is none, or larger than is read here.
    """
    try:
        return _value(node, 0)
    except NoConstantError:
        raise
    except _ERRORS as error:
        raise NoConstantError(f"cannot be worked out: {error}") from error


def text_of(node: ast.expr) -> str | None:
    """Return the value of a constant expression as a literal, in Python's spelling; None where it is none."""
    try:
        return spelled(value_of(node))
    except NoConstantError:
        return None


def spelled(value: object) -> str | None:
    """Return a value as the text that a box reads; None when it is too long or no value."""
    if _weight(value) > LITERAL_CHARS:
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        return None
    return text if len(text) <= LITERAL_CHARS else None


def _value(node: ast.expr, depth: int) -> object:
    if depth > _DEEPEST:
        raise NoConstantError("too deep")
    found = _READERS.get(type(node))
    if found is None:
        raise NoConstantError(f"no constant: {type(node).__name__}")
    return found(node, depth + 1)


def _items(nodes: list[ast.expr], depth: int) -> list[object]:
    items: list[object] = []
    for node in nodes:
        if isinstance(node, ast.Starred):
            items += _iterated(_value(node.value, depth))
        else:
            items.append(_value(node, depth))
    return items


def _iterated(value: object) -> list[object]:
    if isinstance(value, range) and len(value) > _MOST_ITEMS:
        raise NoConstantError("too long")
    return list(value)  # type: ignore[call-overload,no-any-return]


def _dict(node: ast.Dict, depth: int) -> object:
    keys = [key for key in node.keys if key is not None]
    if len(keys) < len(node.keys):
        raise NoConstantError("no constant: **")
    return dict(zip(_items(keys, depth), _items(node.values, depth), strict=True))


def _operation(node: ast.BinOp, depth: int) -> object:
    act = _OPERATORS.get(type(node.op))
    left, right = _value(node.left, depth), _value(node.right, depth)
    if act is None or not _is_small(node.op, left, right):
        raise NoConstantError("no constant that is worked out")
    return act(left, right)


def _is_small(op: ast.operator, left: object, right: object) -> bool:
    """Whether the result of an operation is short enough; `%` on a text is formatting, which may make any width."""
    if isinstance(op, ast.Mod):
        return not isinstance(left, str | bytes)
    if isinstance(op, ast.Pow):
        return _bits(left) * abs(right) <= _MOST_BITS if isinstance(right, int | float) else False
    if isinstance(op, ast.Mult):
        counts = [abs(one) for one in (left, right) if isinstance(one, int)]
        weights = [_weight(one) for one in (left, right) if isinstance(one, str | bytes | list | tuple)]
        size = max(weights, default=0) * max(counts, default=0)
        return size <= _MOST_ITEMS and _bits(left) + _bits(right) <= _MOST_BITS
    return _weight(left) + _weight(right) <= 2 * _MOST_ITEMS


def _weight(value: object) -> int:
    """Return about how many characters a value takes, counted no further than matters."""
    waiting, weight = [value], 0
    while waiting and weight <= 2 * LITERAL_CHARS:
        one = waiting.pop()
        weight += len(one) if isinstance(one, str | bytes | range) else 1
        if isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set | frozenset):
            weight += len(one)
            waiting += one if len(one) <= LITERAL_CHARS else ()
    return weight


def _bits(value: object) -> int:
    return value.bit_length() + 1 if isinstance(value, int) else 64


def _signed(node: ast.UnaryOp, depth: int) -> object:
    return _SIGNS[type(node.op)](_value(node.operand, depth))


def _called(node: ast.Call, depth: int) -> object:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name not in _CALLS or (node.keywords and name not in ("dict", "sorted")):
        raise NoConstantError(f"no constant: a call of {name[:40] or 'something'}")
    given = _items(node.args, depth)
    if any(isinstance(one, range) and len(one) > _MOST_ITEMS for one in given):
        raise NoConstantError("too long")
    if name == "bytes" and any(isinstance(one, int) for one in given):
        raise NoConstantError("no constant: bytes of a length")
    words = {word.arg: _value(word.value, depth) for word in node.keywords if word.arg}
    return _CALLS[name](*given, **words)


def _dotted(node: ast.Attribute, depth: int) -> object:
    name = f"{node.value.id}.{node.attr}" if isinstance(node.value, ast.Name) else ""
    if name not in _NAMED:
        raise NoConstantError(f"no constant: {node.attr[:40]}")
    return _NAMED[name]


def _name(node: ast.Name, depth: int) -> object:
    if node.id not in _SPELLED:
        raise NoConstantError(f"no constant: {node.id[:40]}")
    return _SPELLED[node.id]


_READERS: Mapping[type[ast.expr], Callable[..., object]] = {
    ast.Constant: lambda node, depth: node.value if node.value is not Ellipsis else _name(ast.Name("..."), depth),
    ast.List: lambda node, depth: _items(node.elts, depth),
    ast.Tuple: lambda node, depth: tuple(_items(node.elts, depth)),
    ast.Set: lambda node, depth: set(_items(node.elts, depth)),
    ast.Dict: _dict,
    ast.BinOp: _operation,
    ast.UnaryOp: _signed,
    ast.Call: _called,
    ast.Subscript: lambda node, depth: _value(node.value, depth)[_value(node.slice, depth)],  # type: ignore[index]
    ast.Attribute: _dotted,
    ast.Name: _name,
}
