"""Examples in every form that people use, one line each: what is read, how it is checked, what is refused."""

from __future__ import annotations

import pytest

from nodes.problem_text import read_problem
from nodes.state import PublicTest

ASKED = "Write a function `f(x)`.\n\n"
METHOD = "Given nums.\n```python\nclass Solution:\n    def total(self, nums: List[int]) -> int:\n```\n"
ONE = [("2", "4")]


def pairs(text: str) -> list[tuple[str, str]]:
    return [(test.input, test.expected) for test in read_problem(text).tests]


@pytest.mark.parametrize(
    "form",
    ["f(2) == 4", "f(2) => 4", "f(2) ➞ 4", "f(2) → 4", "f(2) ==> 4", "f(2) -> 4", "f(2) --> 4", "f(2) = 4",
     "f(2) returns 4.", "f(2) should equal 4", "f(2) should return `4`", "f(2) is 4", "* `f(2)` → `4`",
     "1. f(2) gives 4", "For example, f(2) would return 4.", "For example, f(2) should\nreturn 4.", "f(2)  # 4",
     "f(2)  # => 4", "f(2)  # returns 4", "f(2) // 4", "f(2)\n# => 4", "f(2)\n4", "print(f(2))  # 4",
     "for f(2) == 4", ">>> f(2) == 4", ">>> f(2) == 4\nTrue", ">>> f(x=2)\n4", "f(x=2) == 4", ">>> f(2)  # why\n4",
     ">>> n = 2\n>>> f(n)\n4", "n = 2\nassert f(n) == 4", "In [1]: f(2)\nOut[1]: 4", ">>> f(\n...     2,\n... )\n4",
     "For x = 2 the output should be 4", "If x = 2, then the output is 4", "Given x = 2, return 4",
     "Input: x = 2\nOutput: 4", "Input: 2\nOutput: 4", "Input: 2, Output: 4", "**Input:** `2`\n**Output:** `4`",
     "Example 1: 2 -> 4", "2 → 4", "| x | result |\n|---|---|\n| 2 | 4 |", "| x | f(x) |\n|---|---|\n| 2 | 4 |",
     "| Call | Result |\n|---|---|\n| `f(2)` | 4 |", "assert f(2) == 4, 'why'", "assert f(2) == (\n    4\n)",
     "assert 4 == f(2)", "assert f(2) == 2 ** 2", "assert (f(2) == 4)",
     "self.assertEqual(f(2), 4)", "f(2) == 4\nf(2) == 4", "f of 2 is 4.", "`f` of 2 is 4, and f of 2 is 4.",
     "f applied to 2 gives `4`", "Given: 2\nReturns: 4", "- Given: x = 2\n- Result: 4", "&gt;&gt;&gt; f(2)\n4"],
)  # fmt: skip
def test_one_plain_example_in_every_form(form):
    read = read_problem(ASKED + form)
    assert (read.mode, read.entry_point, pairs(ASKED + form), read.unread) == ("function", "f", ONE, ())
    assert read.tests[0].is_plain


@pytest.mark.parametrize(
    ("form", "wanted"),
    [
        ("assert f(2)", PublicTest(input="2", expected="True", how="truth")),
        ("assert not f(2)", PublicTest(input="2", expected="False", how="truth")),
        ("assert abs(f(2) - 4.0) < 1e-6", PublicTest(input="2", expected="4.0", how="close", abs_tol=1e-6)),
        (
            "assert math.isclose(f(2), 4, rel_tol=0.01)",
            PublicTest(input="2", expected="4", how="close", rel_tol=0.01),
        ),
        (
            "assert f(2) == pytest.approx(4.0, abs=0.5)",
            PublicTest(input="2", expected="4.0", how="close", rel_tol=1e-6, abs_tol=0.5),
        ),
        ("assert int(f(2)) == 4", PublicTest(input="2", expected="4", script="int(f(*args))")),
        ("assert sorted(f(2)) == [1]", PublicTest(input="2", expected="[1]", script="sorted(f(*args))")),
        ("assert sorted(f(2)) == sorted([1])", PublicTest(input="2", expected="[1]", how="unordered")),
        ("assert f(2) > 3", PublicTest(input="2", expected="True", how="truth", script="f(*args) > 3")),
        (
            "assert math.floor(f(2)) == 4",
            PublicTest(input="2", expected="4", script="import math\n\nmath.floor(f(*args))"),
        ),
        ("assert f(f(2)) == 2", PublicTest(input=">>> f(f(2))", expected="2")),
        (
            ">>> f(-1)\nTraceback (most recent call last):\n    ...\nValueError: below zero",
            PublicTest(input="-1", expected="ValueError: below zero", how="raises"),
        ),
        ("f(-1) raises ValueError", PublicTest(input="-1", expected="ValueError", how="raises")),
        ("with pytest.raises(KeyError):\n    f(-1)", PublicTest(input="-1", expected="KeyError", how="raises")),
        (
            ">>> f(3)  # doctest: +ELLIPSIS\n[0, ..., 2]",
            PublicTest(input=">>> # shown\n>>> f(3)", expected="[0, ..., 2]", how="shown"),
        ),
        (">>> print(f(1))\na\n<BLANKLINE>\nb", PublicTest(input="1", expected="'a\\n\\nb'")),
        (">>> xs = [2, 1]\n>>> f(xs)\n>>> xs\n[1, 2]", PublicTest(
            input=">>> xs = [2, 1]\n>>> f(xs)\n>>> xs", expected="[1, 2]")),
        ("x = f(2)\nprint(x)  # 4", PublicTest(input=">>> x = f(2)\n>>> x", expected="4")),
        ("assert f([]) == float('-inf')", PublicTest(input="[]", expected="float('-inf')")),
    ],
)  # fmt: skip
def test_an_example_may_be_more_than_equality(form, wanted):
    read = read_problem(ASKED + form)
    assert (read.tests, read.unread) == ((wanted,), ())


@pytest.mark.parametrize(
    ("form", "line", "word"),
    [
        ("f(2) => four", 3, "four"),
        ("f(abc) => 4", 3, "quotes"),
        (">>> f(2)", 3, "no value"),
        ("Text.\n\nassert f(2) == thing", 5, "thing"),
        ("assert f(2) ==", 3, "Python cannot read"),
        (">>> import random\n>>> random.seed(0)\n>>> f(2)\n1", 5, "random"),
        (">>> f(2)\n4\nf(2) == 5", 5, "line 3 says something else"),
        ("g(2) => 4\nassert f(3) == 9", 3, "calls g"),
        ("Example:\nsee the picture", 3, "could be read"),
        ("Input: x = 1\nOutput: something", 3, "no value"),
    ],
)
def test_what_cannot_be_read_is_kept_with_its_line(form, line, word):
    read = read_problem(ASKED + form)
    (unread,) = read.unread
    assert (unread.line, word in unread.words) == (line, True), unread


@pytest.mark.parametrize(
    "text",
    [
        "Write a function `f(n)` with f(n) = f(n - 1) + f(n - 2).",
        "Write a function f() that returns the sum of its list.",
        "```python\ndef f(x):\n    if x < 2:\n        return f(1)\n    y = f(2) == 4\n    return y\n```",
    ],
)
def test_prose_and_code_are_no_examples(text):
    read = read_problem(text)
    assert (read.tests, read.unread) == ((), ())


def test_calls_that_count_become_a_session():
    read = read_problem("Write a function `nxt()` that counts its calls.\n\n>>> nxt()\n1\n>>> nxt()\n2\n")
    assert [(t.input, t.expected) for t in read.tests] == [("", "1"), (">>> nxt()\n>>> nxt()", "2")]


@pytest.mark.parametrize(
    "form",
    ["Input: nums = [2,7]\nOutput: 9", "<strong>Input:</strong> nums = [2,7]\n<strong>Output:</strong> 9",
     "Input:\nnums = [2,7]\nOutput:\n9", "Input\nnums = [2,7]\nOutput\n9", "> Input: nums = [2,7]\n> Output: 9",
     "Input：nums = [2,7]\n输出：9", "Input: nums = [2,7] Output: 9 Explanation: 2+7",
     "Input: nums = \\[2,7\\]\nOutput: 9",
     "Input: nums = [\n  2,\n  7\n]\nOutput: 9", "Input: nums[] = {2, 7}\nOutput: 9",
     "Input: n = 2, nums = [2,7]\nOutput: 9"],
)  # fmt: skip
def test_named_inputs_in_every_form(form):
    assert pairs(METHOD + form) == [("[2, 7]", "9")]


@pytest.mark.parametrize(
    "sample",
    ["Input\n2\n3 4\nOutput\n7\n", "Example\n\nInput\n\n2\n3 4\n\nOutput\n\n7\n",
     "Input:\n\n    2\n    3 4\n\nOutput:\n\n    7\n",
     "## Sample Input\n```\n2\n3 4\n```\n## Sample Output\n```\n7\n```", "<pre>\nInput:\n2\n3 4\nOutput:\n7\n</pre>",
     "Sample Input 1 Copy\n\n2\n3 4\n\nSample Output 1 Copy\n\n7", "| Input | Output |\n|---|---|\n| 2<br>3 4 | 7 |",
     "#### 输入样例\n\n```in\n2\n3 4\n```\n#### 输出样例\n```out\n7\n```", "【输入样例】\n2\n3 4\n【输出样例】\n7",
     "入力例1\n2\n3 4\n出力例1\n7", "예제 입력 1 복사\n2\n3 4\n예제 출력 1 복사\n7", "Entrada\n2\n3 4\n\nSaída\n7",
     "Примеры\nвходные данные\n2\n3 4\nвыходные данные\n7",
     "--- Sample Input 1 ---\n2\n3 4\n--- Sample Output 1 ---\n7",
     "### Sample 1:\nInput\n\nOutput\n\n2\n3 4\n\n7\n", "> Input\n> 2\n> 3 4\n>\n> Output\n> 7",
     "Print it.Sample Input 1:\n2\n\n3 4\n\n\n\nSample Output 1:\n\n7\n"],
)  # fmt: skip
def test_samples_of_sites_in_several_languages(sample):
    text = f"Read n numbers, print their sum.\n\n{sample}"
    assert (read_problem(text).mode, pairs(text)) == ("stdio", [("2\n3 4\n", "7\n")])


def test_an_empty_sample_output_is_kept():
    text = (
        "Drop vowels.\n\nSample Input 1\n\naba\n\nSample Output 1\n\nb\n\nSample Input 2\n\naa\n\nSample Output 2\n\n"
    )
    assert pairs(text) == [("aba\n", "b\n"), ("aa\n", "")]


@pytest.mark.parametrize("text", ["Sample Input\n2\n3 4\n", "Given input `2 3`, the output is `5`."])
def test_a_sample_without_its_other_half_is_said(text):
    assert read_problem(f"Print the sum.\n\n{text}").unread


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Write a Python function named Foo that returns 1.", "Foo"),
        ("The function should be called `add`.", "add"),
        ("Function name: add\nReturn the sum.", "add"),
        ("def add(a, b):", "add"),
        ("Write a function that adds. Signature: add(a: int, b: int) -> int", "add"),
        ("Complete the function below.\n\nadd(a, b)", "add"),
        ("Escribe una función `add(a, b)`.", "add"),
        ("関数 `add(a, b)` を書いてください。", "add"),
        ("assert sum([1, 2]) == 3", "sum"),
        ("Write a function.\n\nassert Solution().add(1, 2) == 3", "add"),
        ("Write a class `Stack` with push and pop.", "Stack"),
        ("```python\ndef f(x):\n    pass\n\ndef test_f():\n    assert f(1) == 2\n```", "f"),
        ("```python\ndef g(x):\n    return x\n\ndef f(x):\n    pass\n```", "f"),
        ("def check_if(x):\n    '''Say it.\n    Input: a text\n    '''", "check_if"),
    ],
)
def test_the_function_that_is_asked_for(text, name):
    read = read_problem(text)
    assert (read.mode, read.entry_point) == ("function", name)


def test_a_design_problem_is_one_session():
    text = (
        "```python\nclass Cache:\n\n    def __init__(self, size: int):\n        \n\n"
        "    def get(self, key: int) -> int:\n"
        '        \n```\nExample 1:\n\nInput\n["Cache", "put", "get"]\n[[2], [1, 1], [1]]\nOutput\n[null, null, 1]\n'
    )
    read = read_problem(text)
    assert (read.entry_point, read.tests[0].expected, read.unread) == ("Cache", "[None, None, 1]", ())


@pytest.mark.parametrize(
    ("words", "several"),
    [
        ("If there are several answers, print any of them.", "any_answer"),
        ("Print any valid permutation. You may output any answer.", "any_answer"),
        ("This is an interactive problem.", "interactive"),
        ("Print the names in any order.", "any_order"),
        ("You may press the buttons in any order. Print the least number.", ""),
        ("If there is any such number, print it.", ""),
    ],
)
def test_several_right_answers_are_told_from_the_words(words, several):
    assert read_problem(f"{words}\n\nInput:\n1\n\nOutput:\n2\n").several == several


def test_a_list_in_any_order_is_checked_so():
    read = read_problem("Write a function `f(x)`. Return the answer in any order.\n\n>>> f(2)\n[1, 2]\n")
    assert (read.tests, read.several) == ((PublicTest(input="2", expected="[1, 2]", how="unordered"),), "")
