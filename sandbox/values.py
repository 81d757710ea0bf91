"""Values of `function` mode as tagged JSON: check what a box sent, show it, compare it.

A node is tagged JSON: None, bool, int, float, str and lists stand for themselves, everything else is an object with one
key (`{"tuple": [...]}`, `{"dict": [[key, value], ...]}`, `{"opaque": "Name"}`; sandbox/harness.py writes and reads the
same). The host keeps nodes as nodes and never builds the sets and dicts of a hostile program, whose keys could collide.

Limits: nesting to about 200 levels; beyond it a value is refused, not cut.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

Node = Any
UNEQUAL = "\x00"
"""Stands in the key of a value that equals nothing, itself included: nan and opaque objects."""
_MAX_DECIMAL_BITS = 4096


def read_node(data: bytes) -> Node:
    """Return the node that a box sent.

    Raises:
        ValueError: not tagged JSON, which an honest harness always sends.
    """
    try:
        return check(json.loads(data, parse_constant=_refuse))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def render(node: Node) -> str:
    """Return the canonical text of a node, as Python would print it; sets in sorted order, strings in double quotes.

    Raises:
        ValueError: nested too deeply.
    """
    return _fold(node, _TEXT)


def key(node: Node) -> str:
    """Return a text that is equal for values that Python calls equal; a tuple at the top counts as a list.

    Raises:
        ValueError: nested too deeply.
    """
    if isinstance(node, dict) and "tuple" in node:
        node = node["tuple"]
    return _fold(node, _KEY)


def exact_key(node: Node) -> str:
    """Return a text that is equal for values that Python calls equal; a tuple is no list, at the top neither.

    Raises:
        ValueError: nested too deeply.
    """
    return _fold(node, _KEY)


def check(node: Node) -> Node:
    """Return the node itself.

    Raises:
        ValueError: a tag is unknown or its content has another shape than the harness writes.
    """
    if isinstance(node, list):
        for item in node:
            check(item)
    elif isinstance(node, dict):
        if len(node) != 1:
            raise ValueError("an object needs exactly one tag")
        ((tag, body),) = node.items()
        if tag not in _SHAPES or not _SHAPES[tag](body):
            raise ValueError(f"no value: tag {tag[:20]!r}")
    return node


def _refuse(constant: str) -> Node:
    raise ValueError(f"{constant} is not tagged")


def _is_list(body: object) -> bool:
    return isinstance(body, list) and check(body) is body


def _is_pairs(body: object) -> bool:
    return _is_list(body) and all(isinstance(pair, list) and len(pair) == 2 for pair in body)  # type: ignore[attr-defined]


def _is_complex(body: object) -> bool:
    if not (isinstance(body, list) and len(body) == 2):
        return False
    return all(type(part) in (int, float) or (isinstance(part, dict) and "float" in check(part)) for part in body)


def _is_fraction(body: object) -> bool:
    if not (isinstance(body, list) and len(body) == 2):
        return False
    return all(type(part) is int or (isinstance(part, dict) and "int" in check(part)) for part in body)


def _is_hex(body: object) -> bool:
    return isinstance(body, str) and bool(re.fullmatch(r"-?0x[0-9a-f]+", body))


def _is_bytes(body: object) -> bool:
    return isinstance(body, str) and bool(re.fullmatch(r"(?:[0-9a-f]{2})*", body))


_SHAPES: dict[str, Callable[[object], bool]] = {
    **dict.fromkeys(("tuple", "set", "frozenset"), _is_list),
    "dict": _is_pairs,
    "complex": _is_complex,
    "int": _is_hex,
    "bytes": _is_bytes,
    "fraction": lambda body: _is_fraction(body),
    "float": lambda body: body in ("nan", "inf", "-inf"),
    "opaque": lambda body: isinstance(body, str),
}


def _fold(node: Node, how: dict[str, Callable[[Any], str]]) -> str:
    try:
        if isinstance(node, dict):
            ((tag, body),) = node.items()
            return how[tag](body)
        return how[type(node).__name__](node)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _texts(body: list[Node]) -> list[str]:
    return [render(item) for item in body]


def _keys(body: list[Node]) -> list[str]:
    return [_fold(item, _KEY) for item in body]


def _tuple_text(body: list[Node]) -> str:
    return f"({render(body[0])},)" if len(body) == 1 else f"({', '.join(_texts(body))})"


def _set_text(body: list[Node]) -> str:
    return "{" + ", ".join(sorted(_texts(body), key=lambda text: (len(text), text))) + "}" if body else "set()"


def _float_key(value: float) -> str:
    if math.isnan(value):
        return "nan" + UNEQUAL
    return _int_text(int(value)) if value.is_integer() else repr(value)


def _set_key(body: list[Node]) -> str:
    return f"set({','.join(sorted(_keys(body)))})"


def _dict_key(body: list[list[Node]]) -> str:
    return "{" + ",".join(sorted(":".join(_keys(pair)) for pair in body)) + "}"


def _complex_text(body: list[Node]) -> str:
    return f"complex({', '.join(_texts(body))})"


def _complex_key(body: list[Node]) -> str:
    real, imaginary = _keys(body)
    return real if imaginary == "0" else f"complex({real},{imaginary})"


def _fraction_key(body: list[Node]) -> str:
    """Return the key of a number that is no integer and no float, which the harness has seen to."""
    return "/".join(_keys(body))


def _int_text(value: int) -> str:
    return str(value) if value.bit_length() <= _MAX_DECIMAL_BITS else hex(value)


_TEXT: dict[str, Callable[[Any], str]] = {
    "NoneType": repr,
    "bool": repr,
    "float": lambda body: repr(float(body)),
    "int": lambda body: body if isinstance(body, str) else _int_text(body),
    "str": lambda body: json.dumps(body, ensure_ascii=False),
    "list": lambda body: f"[{', '.join(_texts(body))}]",
    "tuple": _tuple_text,
    "set": _set_text,
    "frozenset": lambda body: f"frozenset({_set_text(body) if body else ''})",
    "dict": lambda body: "{" + ", ".join(": ".join(_texts(pair)) for pair in body) + "}",
    "bytes": lambda body: repr(bytes.fromhex(body)),
    "complex": _complex_text,
    "fraction": lambda body: f"Fraction({', '.join(_texts(body))})",
    "opaque": lambda body: f"opaque({json.dumps(body)})",
}
_KEY: dict[str, Callable[[Any], str]] = {
    "NoneType": repr,
    "bool": lambda body: str(int(body)),
    "float": lambda body: _float_key(float(body)),
    "int": lambda body: _int_text(int(body, 16) if isinstance(body, str) else body),
    "str": json.dumps,
    "list": lambda body: f"[{','.join(_keys(body))}]",
    "tuple": lambda body: f"({','.join(_keys(body))})",
    "set": _set_key,
    "frozenset": _set_key,
    "dict": _dict_key,
    "bytes": lambda body: "b" + body.lower(),
    "complex": _complex_key,
    "fraction": _fraction_key,
    "opaque": lambda body: f"opaque({json.dumps(body)}){UNEQUAL}",
}
