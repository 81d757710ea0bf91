"""The comparison rules of the official grader, and keys that agree with them."""

from __future__ import annotations

from itertools import combinations

import pytest

from sandbox.base import Execution
from sandbox.compare import output_key, same_output, unordered_key, verdict_of

STDIO = [
    ("a\n", "a", True),
    ("  a  \n b ", "a\nb", True),
    ("1.0 2", "1 2.000", True),
    ("007", "7", True),
    ("1e3", "1000", True),
    ("-0", "0", True),
    ("1  2", "1 2", True),
    ("a  2", "a 2", False),
    ("1\n\n2", "1\n2", False),
    ("1\n2", "1 2", False),
    ("nan", "nan", True),
    ("1 nan", "1.0 nan", False),
    ("sNaN 1", "1 1", False),
    ("inf", "Infinity", True),
    ("Yes", "yes", False),
    ("", "\n", True),
    ("1", "", False),
    ("0.1", "0.10000000000000000000000000000001", False),
    ("1" + "0" * 40, "1e40", True),
    ("1e999999999", "1e999999998", False),
]
FUNCTION = [
    ("(1, 2)", "[1,2]", True),
    ("[(1, 2)]", "[[1, 2]]", False),
    ("1", "1.0", True),
    ("True", "1", True),
    ("None", "null", True),
    ("[True]", "[true]", True),
    ("nan", "nan", False),
    ("[nan]", "[NaN]", False),
    ("inf", "Infinity", True),
    ("{1, 2}", "{2, 1}", True),
    ("{1}", "frozenset({1})", True),
    ("{'a': 1, 'b': 2}", '{"b": 2, "a": 1.0}', True),
    ("{1: 2}", '{"1": 2}', False),
    ('"a"', "'a'", True),
    ('"a"', '" a"', False),
    ("b'a'", '"a"', False),
    ("complex(1.0, 0.0)", "1", True),
    ('opaque("Tree")', 'opaque("Tree")', False),
    ("0.30000000000000004", "0.3", False),
    ("100000000000000000000", "1e20", True),
    ("abc", "abc ", True),
    ("abc", "abd", False),
    ("[1, 2]", "[1, 2", False),
]


@pytest.mark.parametrize(("actual", "expected", "same"), STDIO)
def test_stdio_follows_the_official_grader(actual, expected, same):
    assert same_output("stdio", actual, expected) is same
    assert same_output("stdio", expected, actual) is same


@pytest.mark.parametrize(("actual", "expected", "same"), FUNCTION)
def test_values_follow_python_equality(actual, expected, same):
    assert same_output("function", actual, expected) is same
    assert same_output("function", expected, actual) is same


@pytest.mark.parametrize(("mode", "rows"), [("stdio", STDIO), ("function", FUNCTION)])
def test_equal_outputs_have_equal_keys(mode, rows):
    texts = [text for row in rows for text in row[:2]]
    for one, other in combinations(texts, 2):
        if same_output(mode, one, other):
            assert output_key(mode, one) == output_key(mode, other), (one, other)


def test_keys_tell_different_outputs_apart():
    assert output_key("stdio", "1 2") != output_key("stdio", "1 3")
    assert output_key("function", "[1, 2]") != output_key("function", "[2, 1]")
    assert output_key("function", '"1"') != output_key("function", "1")


@pytest.mark.parametrize("text", ["-" * 200_000 + "1", "[" * 200_000, "(" * 200_000, "{1:" * 100_000, "9" * 1_000_001])
def test_hostile_texts_compare_without_harm(text):
    assert same_output("function", text, text)
    assert not same_output("function", text, "1")
    assert output_key("function", text) == text


VERDICTS = [
    ("completed", "3", "3", "passed"),
    ("completed", "4", "3", "wrong_answer"),
    ("completed", "4", None, "completed"),
    *((status, "3", "3", status) for status in ("runtime_error", "timeout", "memory", "output_limit")),
    *((status, "3", None, status) for status in ("runtime_error", "timeout", "memory", "output_limit")),
]


@pytest.mark.parametrize(("status", "output", "expected", "verdict"), VERDICTS)
def test_golden_table_of_verdicts(status, output, expected, verdict):
    assert verdict_of("stdio", Execution(status=status, output=output), expected) == verdict


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("[1, 2]", "[2, 1]", True),
        ("[1, 1, 2]", "[2, 1]", False),
        ('["a", [1, 2]]', '[[1, 2], "a"]', True),
        ("[[1, 2]]", "[[2, 1]]", False),
        ("(1, 2)", "[2, 1]", True),
        ("1", "1.0", True),
        ("1", "[1]", False),
        ("nonsense", "nonsense", True),
    ],
)
def test_where_any_order_is_right_equal_items_are_one_behaviour(one, other, equal):
    assert (unordered_key(one) == unordered_key(other)) is equal
