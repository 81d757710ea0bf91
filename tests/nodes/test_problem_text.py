"""Problems as people and sites write them."""

from __future__ import annotations

import time

import pytest

from nodes.problem_text import MAX_CHARS, ProblemError, read_problem
from nodes.state import PublicTest


def pairs(text: str) -> list[tuple[str, str]]:
    return [(test.input, test.expected) for test in read_problem(text).tests]


SIGNATURE = "Write a function `total(xs: list[int]) -> int` that returns the sum."
DOCTEST = ">>> total([1, 2])\n3\n>>> total([])\n0\n"
STARTER = "Add the numbers.\n\n```python\ndef total(xs: list[int]) -> int:\n    ...\n```\n"
LEETCODE = """Given an integer array nums and an integer target, return indices of the two numbers.

```python
class Solution:
    def twoSum(self, nums: List[int], target: int) -> List[int]:
```

**Example 1:**

**Input:** nums = [2,7,11,15], target = 9
**Output:** [0,1]
**Explanation:** Because nums[0] + nums[1] == 9.

**Example 2:**

Input: nums = [3,3], target = 6
Output: [0,1]
"""
ATCODER = """# Sum

## Problem Statement

Print the sum.

## Input

The input is given from standard input in this format:

```
N
A_1 ... A_N
```

## Output

Print the sum as an integer.

### Sample Input 1

```
2
3 4
```

### Sample Output 1

```
7
```

The sum of 3 and 4 is 7.

### Sample Input 2

```
1
5
```

### Sample Output 2

```
5
```
"""
CODEFORCES = """You are given n numbers. Print their sum.

Input:
The first line contains a single integer n (1 <= n <= 100).
The second line contains n integers separated by spaces.

Output:
Print a single integer, the sum.

Example

Input:
2
3 4

Output:
7
"""


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (SIGNATURE, "total"),
        (f"{SIGNATURE}\n{DOCTEST}", "total"),
        (STARTER, "total"),
        (LEETCODE, "twoSum"),
        ("Sum up.\n>>> print(total([1]))\n1", "total"),
        ("Implement this function:\n\ndef total(xs):\n    '''Sum up.'''\n", "total"),
        ("A function in `O(n)`: write `total(xs)`.", "total"),
        ("Write the method `def total(self, xs) -> int`.", "total"),
        ("```text\nno code\n```\nIn prose.\n```python3\ndef total(xs): ...\n```", "total"),
        ("```python\nclass A:\n    def __init__(self): ...\n    def total(self, xs): ...\n```", "total"),
    ],
)
def test_named_function_makes_a_function_problem(text, name):
    read = read_problem(text)
    assert (read.mode, read.entry_point) == ("function", name)


@pytest.mark.parametrize(
    "text",
    ["Print hello.", ATCODER, CODEFORCES, "Use `print(x)` to show the sum.", "It runs in `O(n)`.",
     "Read n. The function of the program is to print n.", "```\n1 2\n```"],
)  # fmt: skip
def test_unnamed_function_makes_a_program_problem(text):
    read = read_problem(text)
    assert (read.mode, read.entry_point, read.starter_code) == ("stdio", "", "")


def test_doctests_are_examples():
    assert pairs(f"{SIGNATURE}\n{DOCTEST}") == [("[1, 2]", "3"), ("[]", "0")]


def test_examples_of_leetcode_are_read():
    assert pairs(LEETCODE) == [("[2, 7, 11, 15], 9", "[0, 1]"), ("[3, 3], 6", "[0, 1]")]


def test_examples_of_atcoder_are_read():
    assert pairs(ATCODER) == [("2\n3 4\n", "7\n"), ("1\n5\n", "5\n")]


def test_prose_under_headings_is_no_example():
    assert pairs(CODEFORCES) == [("2\n3 4\n", "7\n")]


def test_starter_code_is_kept_whole():
    assert read_problem(STARTER).starter_code == "def total(xs: list[int]) -> int:\n    ..."


def test_windows_newlines_change_nothing():
    for text in (LEETCODE, ATCODER, CODEFORCES, f"{SIGNATURE}\n{DOCTEST}"):
        assert read_problem(text.replace("\n", "\r\n")) == read_problem(text)


@pytest.mark.parametrize(
    ("example", "read"),
    [
        ("Input: x = [true, null]\nOutput: false", ("[True, None]", "False")),
        ('Input: s = "true"\nOutput: "null"', ("'true'", "'null'")),
        ("Input: x = -5\nOutput: [-5, 1.5]", ("-5", "[-5, 1.5]")),
        (">>> f('a')\n'true'", ("'a'", "'true'")),
        ("    >>> f((1, 2))\n    {1: 'x'}", ("(1, 2)", "{1: 'x'}")),
    ],
)
def test_values_are_spelled_as_python_does(example, read):
    assert pairs(f"Write a function `f(x)`.\n\n{example}\n") == [read]


@pytest.mark.parametrize(
    "example",
    [">>> f(1)\nTraceback (most recent call last):", ">>> f(a)\n2", ">>> f(1)",
     "Input: x = y\nOutput: 1", "Input: x = 1\nOutput: something",
     "Input: x = 0x" + "f" * 3900 + "\nOutput: 1"],
)  # fmt: skip
def test_what_cannot_be_checked_is_no_example_and_is_said(example):
    read = read_problem(f"Write a function `f(x)`.\n\n{example}\n")
    assert (read.tests, len(read.unread)) == ((), 1)


def test_repeated_example_counts_once():
    assert pairs(f"{SIGNATURE}\n{DOCTEST}{DOCTEST}") == [("[1, 2]", "3"), ("[]", "0")]


def test_text_data_with_one_sentence_line_is_an_example():
    """Only a text that is mostly sentences describes the data."""
    assert pairs("Reverse it.\n\nInput:\n2\nab\ncd\n\nOutput:\nba\ndc\n") == [("2\nab\ncd\n", "ba\ndc\n")]


@pytest.mark.parametrize("text", ["", " \n\t ", "\r\n"])
def test_empty_problem_is_refused(text):
    with pytest.raises(ProblemError, match="empty"):
        read_problem(text)


def test_huge_problem_is_refused_in_one_line():
    with pytest.raises(ProblemError, match=f"at most {MAX_CHARS}") as refused:
        read_problem("x" * (MAX_CHARS + 1))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "unit",
    ["```python\n", "```\n", "Input:\n", "`f(", "function `f(x) -> ", ">>> f(\n", "- x\n", " ", "\n", "def f(\n",
     "Input: x = (", "Input: x = 1\nOutput: 1\n"],
)  # fmt: skip
def test_largest_hostile_problem_is_read_in_no_time(unit):
    began = time.monotonic()
    read_problem("Write a function `f(x)`." + unit * ((MAX_CHARS - 50) // len(unit)))
    assert time.monotonic() - began < 5.0


def test_problem_is_named_by_its_content():
    assert read_problem(SIGNATURE).task_id == read_problem(SIGNATURE + "\n").task_id
    assert read_problem(SIGNATURE).task_id != read_problem(STARTER).task_id


def test_examples_are_frozen_records():
    assert read_problem(ATCODER).tests[0] == PublicTest(input="2\n3 4\n", expected="7\n")


@pytest.mark.parametrize(
    "text",
    [
        "Add.\n\nInput: two integers a and b.\n\nOutput: their sum.\n\nExample\n\nInput:\n1 2\n\nOutput:\n3\n",
        "Add.\n\n## Input: Two integers.\n## Output: One integer.\n\nInput:\n1 2\nOutput:\n3\n",
        "Add.\n\nInput: an integer `a` and `b`\n\nOutput: the sum\n\nInput:\n1 2\nOutput:\n3\nExplanation: 1 + 2 = 3\n",
        "Add.\n\nExamples\nInput\n1 2\nOutput\n3\nNote\nEasy.\n",
        "Add.\n\n**Example**\n\n### Input\n```\n1 2\n```\n### Output\n```\n3\n```\n",
        "Add.\n\nExample 1\n**Input**\n1 2\n**Output**\n3\n**Explanation**\nOne and two.\n",
    ],
)
def test_data_is_told_from_words_about_it(text):
    assert pairs(text) == [("1 2\n", "3\n")]


@pytest.mark.parametrize(
    ("example", "read"),
    [
        ("assert f([1, 2], 'x') == 3", ("[1, 2], 'x'", "3")),
        (">>> f(2)\n[[1, 0],\n [0, 1]]\n", ("2", "[[1, 0], [0, 1]]")),
        (">>> f(1)\n2\nThat was easy.", ("1", "2")),
        (">>> print(f(1))\nabc", ("1", "'abc'")),
        (">>> print(f(1))\n7", ("1", "7")),
    ],
)
def test_examples_of_a_function_come_in_many_forms(example, read):
    assert pairs(f"Write a function `f(x)`.\n\n{example}\n") == [read]


def test_asserts_alone_name_the_function():
    read = read_problem("Add up the numbers of a list.\n\nassert total([1, 2]) == 3\nassert total([]) == 0\n")
    assert (read.mode, read.entry_point, len(read.tests)) == ("function", "total", 2)


@pytest.mark.parametrize(
    "text",
    [
        "Read n, print its double.\n\n```python\ndef main():\n    ...\n```\n\nInput:\n2\n\nOutput:\n4\n",
        "Let the function `f(n)` be twice n. Read n, print f(n).\n\nInput:\n2\n\nOutput:\n4\n",
    ],
)
def test_data_to_read_and_write_makes_a_program_problem(text):
    read = read_problem(text)
    assert (read.mode, read.entry_point, pairs(text)) == ("stdio", "", [("2\n", "4\n")])


def test_called_function_is_the_one_to_write_beside_a_helper():
    starter = "```python\ndef helper(n): ...\n\ndef is_prime(n): ...\n```\n>>> is_prime(7)\nTrue\n"
    assert (read_problem(starter).entry_point, pairs(starter)) == ("is_prime", [("7", "True")])


def test_second_function_of_the_examples_is_named():
    read = read_problem(
        "Write `encode` and `decode`.\n>>> encode('a')\n'b'\n>>> decode('b')\n'a'\n>>> sorted([1])\n[1]"
    )
    assert (read.entry_point, read.also_called) == ("encode", ("decode",))
