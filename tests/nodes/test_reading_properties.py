"""Whatever a text is: no exception, no time, and what is printed of a problem reads back as it was."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodes.problem_text import MAX_CHARS, ProblemError, read_problem
from nodes.reading.telling import reading_line, whole_reading
from nodes.state import Problem, PublicTest

QUICK = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PIECES = st.sampled_from(
    ["Write a function `f(x)`.", "f(", "f(1)", "==", "=>", ">>> ", "... ", "\n", "\n\n", "```", "```python\n",
     "assert ",
     "def f(x):", "class A:", "Input:", "Output:", "Sample Input 1", "[1, 2", "]", "(", ")", "{", "'", '"', "x = ",
     "# 4",
     "Traceback (most recent call last):", "ValueError", "| a | b |", "|---|---|", "returns", "None", "random", "\\",
     "For x = 1", "any order", "&gt;&gt;&gt; ", "\u00a0", "入力例", "<input>", "</input>", "    ", "1", "2.5", "é"]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.floats(-9, 9) | st.text("ab '\"\\#é", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=2),
    max_leaves=6,
)


@QUICK
@given(st.lists(PIECES, max_size=30).map("".join) | st.text(max_size=200))
def test_no_text_raises_anything_else(text):
    try:
        read = read_problem(text)
    except ProblemError:
        return
    assert reading_line(read).startswith("read ")
    assert whole_reading(read)


@QUICK
@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=4, unique_by=lambda pair: repr(pair[0])))
def test_plain_examples_read_back(values):
    tests = tuple(PublicTest(input=repr(a), expected=repr(b)) for a, b in values)
    problem = Problem(statement="f", entry_point="f", tests=tests)
    assert read_problem(whole_reading(problem)).tests == tests


@pytest.mark.parametrize(
    "form",
    ["assert f(2)", "assert not f(2)", "assert abs(f(2) - 4.0) < 1e-6", "assert int(f(2)) == 4",
     "f(-1) raises KeyError",
     "assert f(2) > 3", "assert f(f(2)) == 2", "assert sorted(f(2)) == sorted([1])", ">>> print(f(1))\na\nb",
     "assert math.floor(f(2)) == 4", ">>> xs = [2, 1]\n>>> f(xs)\n>>> xs\n[1, 2]"],
)  # fmt: skip
def test_checks_read_back(form):
    read = read_problem(f"Write a function `f(x)`.\n\n{form}")
    assert read_problem(whole_reading(read)).tests == read.tests
    assert read.tests


@QUICK
@given(st.lists(st.tuples(st.text("12 ab\n", min_size=1), st.text("12 ab\n", min_size=1)), min_size=1, max_size=3))
def test_samples_read_back(texts):
    by_input = {f"1 {a.strip()}\n": f"1 {b.strip()}\n" for a, b in texts if a.strip() and b.strip()}
    tests = [PublicTest(input=a, expected=b) for a, b in by_input.items()]
    read = read_problem(whole_reading(Problem(statement="p", mode="stdio", tests=tuple(tests))))
    assert [(t.input.split(), t.expected.split()) for t in read.tests] == [
        (t.input.split(), t.expected.split()) for t in tests
    ]


@pytest.mark.parametrize(
    "unit",
    ["f(1) ", "f(1) == 2\n", ">>> f(1)\n2\n", "assert f(\n", "assert f(1) == 2\n", "f([", "f('", "Input: [\n", "`f(",
     "For x = 1 the output should be 2\n", "| 1 | 2 |\n", "Sample Input 1\n1\nSample Output 1\n2\n", "1\n\n2\n\n",
     "x = f(1)\n"],
)  # fmt: skip
def test_time_grows_with_the_text_alone(unit):
    """Twice the text takes no more than about twice the time: nothing is looked at again and again."""

    def seconds(size: int) -> float:
        text = "Write a function `f(x)`.\n" + unit * (size // len(unit))
        began = time.process_time()
        read_problem(text)
        return time.process_time() - began

    seconds(MAX_CHARS // 64)
    assert seconds(MAX_CHARS // 4) < 8 * seconds(MAX_CHARS // 16) + 0.5
