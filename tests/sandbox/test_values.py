"""Tagged JSON, as the harness writes it and the host reads it."""

from __future__ import annotations

import json
from collections import Counter, OrderedDict, defaultdict, deque

import pytest

from sandbox.harness import decode, encode
from sandbox.literals import parse
from sandbox.values import UNEQUAL, key, read_node, render


class Liar(int):
    """Claims to equal everything."""

    def __eq__(self, other):
        return True

    __hash__ = int.__hash__


VALUES = [
    None, True, 0, -(10**3000), 1.5, "é\n\x00", [], [1, [2]], (), (1,), (1, "a"), set(), {1, 2}, frozenset({3}), {},
    {1: "a", (2, 3): [None]}, b"\x00ab", complex(1, -2), float("inf"), float("-inf"),
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
