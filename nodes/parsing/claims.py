"""What an expression of a test claims: that the function gives this value for these arguments."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from nodes.parsing.source import expression_of
from nodes.parsing.values import spelled, text_of

Relation = Literal["equal", "close", "ordered"]
"""How the value is compared: as it is, up to a small difference, or after sorting."""
_CLOSE = ("isclose", "allclose", "approx", "assertAlmostEqual", "assert_almost_equal", "assert_allclose")
_SAME = ("list", "tuple", "int", "float", "bool", "round")
"""Conversions around a call that leave a value of their kind as it is."""
_EQUAL = ("assertEqual", "assertEquals", "assertIs", "assertListEqual", "assertDictEqual", "assertTupleEqual",
          "assertSetEqual", "assertSequenceEqual", "assertMultiLineEqual", "assert_equal", "assert_equals", "assert_eq",
          "assert_array_equal")  # fmt: skip
_UNORDERED = ("assertCountEqual", "assertItemsEqual")
_TRUTH = {"assertTrue": "True", "assertFalse": "False", "assertIsNone": "None"}


@dataclass(frozen=True, slots=True)
class Claim:
    """One test: what is handed in, what is to come out."""

    arguments: str
    expected: str
    relation: Relation = "equal"

    @property
    def pair(self) -> tuple[str, str]:
        """Input and expected output."""
        return self.arguments, self.expected


class Names:
    """The names under which a reply calls the function; HumanEval's tests call it `candidate`."""

    def __init__(self, entry_point: str, parameters: Sequence[str] = ()) -> None:
        """Know the function by its own name and by that, and the names of its parameters where somebody does."""
        self._names = (entry_point, "candidate")
        self._parameters = tuple(parameters)

    def arguments(self, node: ast.expr) -> str | None:
        """Return the arguments of a call of the function as literals, or None when it is none.

        A keyword's value goes to its parameter; where nobody knows the parameters it stands where it is written.
        """
        if not isinstance(node, ast.Call):
            return None
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        placed = [one for arg in node.args for one in _spread(arg)]
        if name not in self._names or any(word.arg is None for word in node.keywords):
            return None
        named = {word.arg: word.value for word in node.keywords if word.arg}
        rest = self._parameters[len(placed) : len(placed) + len(named)] if self._parameters else tuple(named)
        if set(rest) != named.keys():
            return None
        given = [*placed, *(named[name] for name in rest)]
        values = [text_of(one) for one in given]
        return ", ".join(v for v in values if v is not None) if None not in values else None

    def call_in(self, node: ast.expr) -> tuple[str, Relation] | None:
        """Return the arguments of a call that stands alone or in a conversion, and how its value is compared."""
        arguments = self.arguments(node)
        if arguments is not None:
            return arguments, "equal"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            if node.func.id not in (*_SAME, "sorted"):
                return None
            inner = self.call_in(node.args[0])
            relation: Relation = (
                "ordered" if node.func.id == "sorted" else "close" if node.func.id == "round" else "equal"
            )
            return (inner[0], relation if inner[1] == "equal" else inner[1]) if inner else None
        return None


def _spread(argument: ast.expr) -> list[ast.expr]:
    """Return the arguments that one stands for: `*(1, 2)` is two."""
    if isinstance(argument, ast.Starred) and isinstance(argument.value, ast.Tuple | ast.List):
        return argument.value.elts
    return [argument]


def call_arguments(line: str, entry_point: str) -> str | None:
    """Return the argument text of a call `entry_point(...)` with constant arguments, or None."""
    node = expression_of(line)
    plain = isinstance(node, ast.Call) and not node.keywords
    return Names(entry_point).arguments(node) if plain and node is not None else None


def claims(node: ast.expr, names: Names) -> Iterator[Claim]:
    """Yield what an expression claims that an assert says to be true."""
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        for part in node.values:
            yield from claims(part, names)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield from _true(node.operand, names, "False")
    elif isinstance(node, ast.Compare):
        yield from _compared(node, names)
    elif isinstance(node, ast.Call) and _word(node.func) in _CLOSE and len(node.args) >= 2:
        yield from _equal(node.args[0], node.args[1], names, "close")
    elif isinstance(node, ast.Call) and _word(node.func) in ("all", "array_equal") and len(node.args) == 2:
        yield from _equal(node.args[0], node.args[1], names)
    else:
        yield from _true(node, names, "True")


def unittest_claims(node: ast.expr, names: Names) -> Iterator[Claim]:
    """Yield what a call such as `self.assertEqual(...)` claims."""
    if not isinstance(node, ast.Call):
        return
    word = _word(node.func)
    if word in _TRUTH and node.args:
        if word == "assertTrue":
            yield from claims(node.args[0], names)
        else:
            yield from _true(node.args[0], names, _TRUTH[word])
    elif len(node.args) >= 2:
        if word in _EQUAL:
            yield from _equal(node.args[0], node.args[1], names)
        elif word in _CLOSE:
            yield from _equal(node.args[0], node.args[1], names, "close")
        elif word in _UNORDERED:
            yield from _equal(node.args[0], node.args[1], names, "ordered")


def _true(node: ast.expr, names: Names, expected: str) -> Iterator[Claim]:
    found = names.call_in(node)
    if found is not None:
        yield Claim(found[0], expected)


def _compared(node: ast.Compare, names: Names) -> Iterator[Claim]:
    if len(node.ops) != 1:
        return
    left, right, op = node.left, node.comparators[0], node.ops[0]
    if isinstance(op, ast.Eq | ast.Is):
        yield from _equal(left, right, names)
    elif isinstance(op, ast.Lt | ast.LtE) and isinstance(left, ast.Call) and _word(left.func) == "abs" and left.args:
        difference = left.args[0]
        if isinstance(difference, ast.BinOp) and isinstance(difference.op, ast.Sub):
            yield from _equal(difference.left, difference.right, names, "close")


def _equal(left: ast.expr, right: ast.expr, names: Names, relation: Relation = "equal") -> Iterator[Claim]:
    """Yield the claim of an equation, whichever side the call stands on."""
    for side, other in ((left, right), (right, left)):
        found = names.call_in(side)
        if found is None:
            continue
        value, near = _value(other)
        if value is not None:
            yield Claim(found[0], value, "close" if near else found[1] if relation == "equal" else relation)
            return


def _value(node: ast.expr) -> tuple[str | None, bool]:
    """Return what stands on the other side, and whether it is meant roughly: `pytest.approx(2.0)`."""
    if isinstance(node, ast.Call) and _word(node.func) in _CLOSE and node.args:
        return text_of(node.args[0]), True
    if isinstance(node, ast.Call) and _word(node.func) in ("array", "Counter") and len(node.args) == 1:
        return text_of(node.args[0]), False
    return text_of(node), False


def claim_of_value(arguments: str, value: object) -> Claim | None:
    """Return the claim that some arguments give a value."""
    text = spelled(value)
    return Claim(arguments, text) if text is not None else None


def _word(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
