import ast
import random

import pytest

from benchmark.embedded.values import as_text, is_small, random_value, spaced


@pytest.mark.parametrize("kind", "ISsDi")
def test_spaced_literals_read_back(kind):
    rng = random.Random(kind)
    for _ in range(50):
        value = random_value(kind, rng)
        assert ast.literal_eval(spaced(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [([3, -1], "[ 3, -1 ]"), ([], "[]"), ({"a": 1}, "{ 'a': 1 }"), ({}, "{}"), ("ab", "'ab'"), (True, "True")],
)
def test_brackets_stand_apart(value, text):
    assert spaced(value) == text


@pytest.mark.parametrize(("value", "text"), [([1, 2], "1 2"), (["a", "b"], "a b"), ("a b", "a b"), (7, "7")])
def test_text_form_is_one_line(value, text):
    assert as_text(value) == text


@pytest.mark.parametrize(
    ("value", "small"),
    [(10**6 - 1, True), (10**6, False), ([1] * 16, True), ([1] * 17, False), ("x" * 41, False), ({"a": 10**6}, False)],
)
def test_limits(value, small):
    assert is_small(value) is small
