"""Whatever a reply holds, reading it raises nothing and takes linear time; what is written down is read back."""

from __future__ import annotations

import ast
import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodes.parsing import (
    extract_code,
    fenced_blocks,
    parse_bullets,
    parse_choice,
    parse_criticism,
    parse_inputs,
    parse_sketch,
    parse_tests,
    parse_verdict,
)

PIECES = st.sampled_from(
    [
        "```",
        "````",
        "~~~",
        "```python",
        "```text",
        "``` ",
        "\n",
        "\n\n",
        " ",
        "    ",
        "\t",
        "> ",
        "- ",
        "1. ",
        "def f(x):",
        "    return x",
        "assert ",
        "f(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "(",
        "'",
        '"',
        '"""',
        "\\",
        "\\\n",
        "==",
        "->",
        "=>",
        "1",
        "x",
        ",",
        ":",
        "&lt;",
        "\u00a0",
        "\u200b",
        "\ufeff",
        "<code>",
        "</code>",
        "[PYTHON]",
        "[/PYTHON]",
        "<|im_end|>",
        "Input:",
        "Output:",
        "<input>",
        "</input>",
        ">>> ",
        "... ",
        "for x in ",
        "@pytest.mark.parametrize(",
        "self.assertEqual(",
        "\r\n",
        "\r",
        "\0",
        "\ud800",
        "print(",
        "import os",
        "class A:",
        "=",
        "9" * 50,
        "**",
        "lambda:",
        "not ",
        "-",
        "yield ",
    ]
)
REPLIES = st.one_of(st.text(max_size=300), st.lists(PIECES, max_size=60).map("".join))


def read_all(text):
    for entry_point in ("f", ""):
        for ended in (True, False):
            extract_code(text, entry_point, ended=ended)
    for mode in ("function", "stdio"):
        parse_tests(text, mode, "f")
        parse_inputs(text, mode, "f")
    for read in (parse_bullets, parse_sketch, parse_criticism, parse_verdict, parse_choice, fenced_blocks):
        read(text)


@settings(max_examples=400, deadline=None)
@given(REPLIES)
def test_no_reply_raises(text):
    read_all(text)


@settings(max_examples=100, deadline=None)
@given(REPLIES)
def test_what_is_taken_for_a_function_s_program_in_an_open_block_is_python(text):
    code = extract_code(f"```python\n{text}", "f")
    if code is not None and "```" not in text:
        ast.parse(code)


UNITS = [
    "```python\n",
    "```\n",
    "~~~\n",
    "> ```python\n",
    "```x y\n",
    "```python\n'''\n",
    "<code>\n",
    "[PYTHON]\n",
    "`f(",
    "f(1) -> 2\n",
    ">>> f(\n",
    "assert f([\n",
    "assert f(1) == 2\n",
    "assert f('",
    "a = 1\n",
    "x = [1,\n",
    "f(1)\n",
    "    x = 1\n",
    "def f(x):\n    return x\n",
    "for x in [1, 2]:\n",
    "Input:\n",
    "Input  ",
    "1. **Input:** `3`\n",
    "<input>",
    "<input>3</input>\n",
    "- x\n",
    "(",
    "'",
    "`",
    "&lt; ",
    '{"code": ',
    "\n",
    " ",
    "*",
]
MEGABYTE = 1_000_000


@pytest.mark.parametrize("unit", UNITS)
def test_a_megabyte_is_read_in_linear_time(unit):
    """A quadratic reader needs minutes here; the bound leaves room for a busy machine."""
    text = unit * (MEGABYTE // len(unit))
    readers = {
        "program": lambda: extract_code(text, "f"),
        "tests": lambda: parse_tests(text, "function", "f"),
        "samples": lambda: parse_tests(text, "stdio", ""),
        "inputs": lambda: parse_inputs(text, "function", "f"),
    }
    for name, read in readers.items():
        began = time.process_time()
        read()
        assert time.process_time() - began < 4.0, name


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False),
    st.text(st.characters(codec="utf-8"), max_size=8),
    st.binary(max_size=4),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(max_size=3), inner, max_size=3),
        st.sets(st.integers(), max_size=3),
    ),
    max_leaves=12,
)


def has_infinity(value):
    return isinstance(value, float) and not math.isfinite(value)


@settings(max_examples=200, deadline=None)
@given(st.lists(VALUES, max_size=3), VALUES)
def test_an_assert_that_is_written_is_read_back(arguments, expected):
    text = f"assert f({', '.join(map(repr, arguments))}) == {expected!r}"
    ((given_text, wanted),) = parse_tests(text, "function", "f")
    names = {"inf": math.inf, "set": set, "float": float}
    assert eval(f"[{given_text}]", names) == arguments
    assert eval(wanted, names) == expected


NAMES = st.from_regex(r"[a-z]{1,6}", fullmatch=True).filter(
    lambda name: name not in ("f", "if", "is", "in", "or", "as")
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(NAMES, st.integers()), min_size=1, max_size=5),
    st.sampled_from(["```", "~~~", "````"]),
    st.text("ab \n.", max_size=30),
)
def test_a_program_that_is_fenced_is_read_back(constants, fence, prose):
    lines = [f"    v_{name} = {value}" for name, value in constants]
    code = "\n".join(["def f(x):", *lines, "    return x"])
    assert extract_code(f"{prose}\n{fence}python\n{code}\n{fence}\n{prose}", "f") == code


DATA = st.lists(st.text("0123456789 abc", min_size=1, max_size=8).map(str.strip).filter(bool), min_size=1, max_size=4)


@settings(max_examples=100, deadline=None)
@given(DATA, DATA)
def test_samples_that_are_written_are_read_back(given_lines, wanted_lines):
    given_text, wanted = "\n".join(given_lines), "\n".join(wanted_lines)
    text = f"Input:\n```\n{given_text}\n```\nOutput:\n```\n{wanted}\n```"
    assert parse_tests(text, "stdio", "") == ((f"{given_text}\n", f"{wanted}\n"),)
