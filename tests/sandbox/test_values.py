"""Tagged JSON, as the harness writes it and the host reads it."""

from __future__ import annotations

import json
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction

import pytest

from sandbox.harness import decode, encode
from sandbox.literals import parse
from sandbox.values import UNEQUAL, key, read_node, render


class Liar(int):
    """Claims to equal everything."""

    def __eq__(self, other):
        return True

    __hash__ = int.__hash__


class Word(str, Enum):  # noqa: UP042 - as programs have it
    A = "a"


class Level(IntEnum):
    LOW = 1


class Ordered(list):
    """Compares as a list does."""


class Strange(tuple):
    """Compares in its own way."""

    __slots__ = ()

    def __eq__(self, other):
        return False

    __hash__ = tuple.__hash__


Point = namedtuple("Point", "x y")

EQUAL = [
    (Point(1, 2), (1, 2)), ([Point(1, [2])], [(1, [2])]), (Word.A, "a"), ({Word.A: 1}, {"a": 1}), (Level.LOW, 1),
    (Ordered([1]), [1]), (Decimal("1.5"), 1.5), (Decimal(2), 2), (Decimal("Infinity"), float("inf")),
    (Fraction(3, 2), 1.5), (Fraction(4, 2), 2), ([Fraction(-1, 4)], [-0.25]), (Fraction(2, 6), Fraction(1, 3)),
    (Decimal("0.1"), Fraction(1, 10)), (Decimal("1E+2"), 100), (StrEnum("S", "a").a, "a"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "same"), EQUAL, ids=repr)
def test_what_python_calls_equal_is_equal(value, same):
    assert value == same
    node = read_node(json.dumps(encode(value)).encode())
    assert key(node) == key(encode(same)) == key(parse(render(node)))
    assert UNEQUAL not in key(node)


@pytest.mark.parametrize(
    ("value", "other"),
    [(Decimal("0.1"), 0.1), (Fraction(1, 3), 1 / 3), (Point(1, 2), (2, 1)), (Word.A, "A"), (Strange((1,)), (1,)),
     (Enum("E", "a").a, "a"), (Decimal("NaN"), Decimal("NaN"))],
)  # fmt: skip
def test_what_python_calls_different_is_different(value, other):
    keys = key(encode(value)), key(encode(other))
    assert keys[0] != keys[1] or UNEQUAL in keys[0]


@pytest.mark.parametrize("text", ["Fraction(1, 0)", "Fraction", "Fraction([1])", "Decimal('x')", "Decimal(1, 2, 3)"])
def test_what_spells_no_number_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 - the message differs, the class is the contract
        parse(text)


VALUES = [
    None, True, 0, -(10**3000), 1.5, "é\n\x00", [], [1, [2]], (), (1,), (1, "a"), set(), {1, 2}, frozenset({3}), {},
    {1: "a", (2, 3): [None]}, b"\x00ab", complex(1, -2), Fraction(1, 3), float("inf"), float("-inf"),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_survive_the_journey(value):
    node = read_node(json.dumps(encode(value)).encode())
    assert decode(node) == value
    assert type(decode(node)) is type(value)
    assert key(parse(render(node))) == key(node)


def test_nan_and_foreign_objects_equal_nothing():
    for value in (float("nan"), object(), Liar(3), deque([1]), [object()], {1: float("nan")}, range(3), print):
        assert UNEQUAL in key(read_node(json.dumps(encode(value)).encode()))


def test_dicts_of_collections_are_dicts():
    default = defaultdict(list, {1: [2]})
    for value, plain in ((default, {1: [2]}), (Counter("aab"), {"a": 2, "b": 1}), (OrderedDict(a=1), {"a": 1})):
        assert decode(encode(value)) == plain


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"{}", b'{"set": 1}', b'{"set": [1], "tuple": []}', b'{"list": []}', b'{"dict": [[1]]}',
        b'{"dict": [1]}', b'{"int": "9"}', b'{"int": "0xZ"}', b'{"float": "1"}', b'{"bytes": "abc"}', b'{"opaque": []}',
        b'{"complex": [1]}', b'{"complex": ["a", 1]}', b"NaN", b"1 2", b"\xff", b"[" * 100_000, b'{"tuple":' * 50_000,
        b'{"__proto__": 1}',
    ],
)  # fmt: skip
def test_forged_values_are_refused(data):
    with pytest.raises(ValueError):  # noqa: PT011 - the message differs, the class is the contract
        read_node(data)


def test_render_reads_like_python():
    node = encode([(1,), {2, 10}, {"k": None}, "it's", 1e300, frozenset()])
    assert render(node) == '[(1,), {2, 10}, {"k": None}, "it\'s", 1e+300, frozenset()]'
