"""Literals in Python's and in JSON's spelling, refused where they are something else."""

from __future__ import annotations

import ast
import json

import pytest

from sandbox.literals import parse, parse_arguments
from sandbox.values import render


@pytest.mark.parametrize(
    "text",
    [
        "None", "True", "-3", "+3", "1_000", "1e-5", ".5", "0x1f", "'it\\'s'", '"é\\n"', "b'\\x00a'", "[]", "()", "{}",
        "(1,)", "(1)", "[1, 'a', (2.5, None)]", "{1, 2}", "{'a': [1], 2: {3: 4}}", "[[], [[]]]", "( 1 , 2 , )",
    ],
)  # fmt: skip
def test_reads_what_python_reads(text):
    assert ast.literal_eval(render(parse(text))) == ast.literal_eval(text)


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None, True]}, [[], {}], "ü\n", -1, [1e300]])
def test_reads_what_json_reads(value):
    assert ast.literal_eval(render(parse(json.dumps(value)))) == value


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "x", "1 2", "[1,,2]", "[1", "1]", "{1: 2, 3}", "(1: 2)", "[1: 2]", "1 + 1", "f(1)", "'a", "__import__",
        "set(nan)", "complex(1)", "complex('a', 1)", "{'a': }", "[,]", "9" * 1_000_001, "-" * 100_000, "[" * 100_000,
    ],
)  # fmt: skip
def test_refuses_what_is_no_literal(text):
    with pytest.raises(ValueError):  # noqa: PT011 - the message differs, the class is the contract
        parse(text)


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("[1, 2], 'x'", [[1, 2], "x"]),
        ("[1, 2]", [[1, 2]]),
        ("", []),
        ("3,", [3]),
        ("[1,2]\n3\n", [[1, 2], 3]),
        ('[["a",\n "b"]]', [[["a", "b"]]]),
        ('"a, b"', ["a, b"]),
        ("null, true", [None, True]),
    ],
)
def test_arguments_by_comma_or_by_line(text, arguments):
    assert parse_arguments(text) == arguments


def test_large_values_are_read():
    rows = [(number, str(number), None) for number in range(5_000)]
    assert ast.literal_eval(render(parse(str(rows)))) == rows
    assert parse_arguments(json.dumps(list(range(50_000))))[0][-1] == 49_999
