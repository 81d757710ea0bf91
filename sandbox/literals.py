"""Literals as people and models write them, in Python's or JSON's spelling, read without Python's parser.

That parser can be killed by a hundred thousand minus signs and needs a hundred times the text's memory; this one is
linear in both, and refuses what it does not know.

Limits: literals only (no arithmetic, no raw or joined strings); nesting to about 200 levels.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from sandbox.harness import decode, encode
from sandbox.values import Node, check

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>[+-]?(?:0[xX][0-9a-fA-F]+|(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?[jJ]?))
    |(?P<string>[bB]?(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))
    |(?P<name>[+-]?[A-Za-z]+)|(?P<mark>[\[\](){},:]))""",
    re.VERBOSE | re.DOTALL,
)
_NAMES: dict[str, Node] = {
    **{"None": None, "null": None, "True": True, "true": True, "False": False, "false": False},
    **{name: {"float": "nan"} for name in ("nan", "NaN")},
    **{sign + name: {"float": "inf"} for sign in ("", "+") for name in ("inf", "Infinity")},
    **{name: {"float": "-inf"} for name in ("-inf", "-Infinity")},
}
_READ_AT_ONCE = 4000
_MOST_DIGITS = 1_000_000
_CALLS = ("set", "frozenset", "complex", "opaque", "float")
_MOST_NUMBER = 3000
"""Characters of a fraction's or a decimal's parts."""
_CLOSING = {"[": "]", "(": ")", "{": "}"}


def parse(text: str) -> Node:
    """Return the node of one literal, in Python's or JSON's spelling.

    Raises:
        ValueError: the text is not a literal, or is nested too deeply.
    """
    try:
        return json.loads(text, object_pairs_hook=_json_object, parse_constant=_NAMES.__getitem__)
    except ValueError:
        pass
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return _Parser(text).whole()


def parse_arguments(text: str) -> list[Node]:
    """Return the nodes of the arguments: literals separated by commas (`[1, 2], 'x'`), or one literal per line.

    Raises:
        ValueError: the text is neither.
    """
    body = text.strip().removesuffix(",")
    try:
        return list(parse(f"[{body}]"))
    except ValueError:
        return [parse(line) for line in body.split("\n") if line.strip()]


def _json_object(pairs: list[tuple[str, Node]]) -> Node:
    return {"dict": [list(pair) for pair in pairs]}


class _Parser:
    """A reader of literals whose time and memory are linear in the text, whatever the text is."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._ahead = next(self._tokens)

    def whole(self) -> Node:
        """Return the only value of the text."""
        try:
            node = self._value()
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
        if self._ahead[0] != "end":
            raise ValueError(f"unexpected {self._ahead[1][:20]!r} after the value")
        return node

    def _next(self) -> tuple[str, str]:
        token, self._ahead = self._ahead, next(self._tokens)
        return token

    def _value(self) -> Node:
        kind, text = self._next()
        if kind == "number":
            return _number(text)
        if kind == "string":
            return _string(text)
        if kind == "name":
            return self._name(text)
        if text not in _CLOSING:
            raise ValueError(f"unexpected {text[:20]!r}")
        return self._brackets(text)

    def _name(self, name: str) -> Node:
        if name in _NAMES:
            return _NAMES[name]
        if name in ("Fraction", "Decimal"):
            return self._number(name)
        if name not in _CALLS or self._next()[1] != "(":
            raise ValueError(f"{name[:20]!r} is not a literal")
        items = self._items(")")[0]
        inner = items[0] if items else []
        if name == "float":
            return _float(inner)
        if name == "complex":
            inner = items
        elif isinstance(inner, dict) and ("set" in inner or "tuple" in inner):
            (inner,) = inner.values()
        return check({name: inner})

    def _number(self, name: str) -> Node:
        """Return what `Fraction(1, 3)` or `Decimal('0.1')` spells."""
        if self._next()[1] != "(":
            raise ValueError(f"{name!r} is not a literal")
        items = [decode(item) for item in self._items(")")[0]]
        if not all(isinstance(item, int | float | str) for item in items) or len(str(items)) > _MOST_NUMBER:
            raise ValueError(f"{name} of something else than short numbers")
        try:
            return check(encode(Fraction(*items) if name == "Fraction" else Decimal(*items)))  # type: ignore[call-overload,arg-type]
        except (ArithmeticError, TypeError) as error:
            raise ValueError(f"no {name}: {items}") from error

    def _brackets(self, opening: str) -> Node:
        items, pairs, comma = self._items(_CLOSING[opening])
        if opening == "[" and not pairs:
            return items
        if opening == "{":
            return {"dict": pairs} if pairs or not items else {"set": items}
        if pairs:
            raise ValueError("a colon outside of a dict")
        return items[0] if len(items) == 1 and not comma else {"tuple": items}

    def _items(self, closing: str) -> tuple[list[Node], list[list[Node]], bool]:
        """Return plain items, pairs with a colon, and whether a comma stood at the end."""
        items: list[Node] = []
        pairs: list[list[Node]] = []
        comma = False
        while self._ahead[1] != closing or self._ahead[0] != "mark":
            if (items or pairs) and not comma:
                raise ValueError(f"a comma is missing before {self._ahead[1][:20]!r}")
            item = self._value()
            if self._ahead == ("mark", ":"):
                self._next()
                pairs.append([item, self._value()])
            else:
                items.append(item)
            comma = self._ahead == ("mark", ",")
            if comma:
                self._next()
        self._next()
        if items and pairs:
            raise ValueError("a dict with an item that has no value")
        return items, pairs, comma


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise ValueError(f"not a literal: {text[position : position + 20]!r}")
        yield match.lastgroup, match[match.lastgroup]
        position = match.end()
    while True:
        yield "end", ""


def _number(text: str) -> Node:
    if "x" in text.lower():
        return {"int": text.lower()} if len(text) > 1024 else int(text, 16)
    if text[-1] in "jJ":
        return {"complex": [0.0, float(text[:-1])]}
    if any(mark in text for mark in ".eE"):
        return float(text)
    digits = text.lstrip("+-").replace("_", "")
    if len(digits) <= _READ_AT_ONCE:
        return int(text)
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"an integer of {len(digits)} digits, at most {_MOST_DIGITS} are read")
    return {"int": ("-" if text.startswith("-") else "") + hex(_integer(digits))}


def _integer(digits: str) -> int:
    """Return the number; Python itself reads no more than 4,300 digits, since its own way takes quadratic time."""
    if len(digits) <= _READ_AT_ONCE:
        return int(digits)
    half = len(digits) // 2
    shift: int = 10**half
    return _integer(digits[:-half]) * shift + _integer(digits[-half:])


def _float(node: Node) -> Node:
    """Return what `float('-inf')` and its like spell."""
    name = node.strip().lower().replace("infinity", "inf").removeprefix("+") if isinstance(node, str) else ""
    if name not in ("inf", "-inf", "nan"):
        raise ValueError(f"float({str(node)[:20]!r}) is not a literal")
    return {"float": name}


def _string(text: str) -> Node:
    try:
        value = json.loads(text)
    except ValueError:
        value = _python_string(text)
    return {"bytes": value.hex()} if isinstance(value, bytes) else value


def _python_string(text: str) -> str | bytes:
    try:
        value: str | bytes = ast.literal_eval(text)
    except (SyntaxError, MemoryError, RecursionError) as error:
        raise ValueError(f"not a string: {text[:20]!r}") from error
    return value
