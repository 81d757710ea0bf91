"""One parser for every model's replies; a reply is hostile text."""

from __future__ import annotations

import time

import pytest

from nodes.labelled import labelled_pairs
from nodes.parsing import (
    call_arguments,
    extract_code,
    literal,
    parse_bullets,
    parse_criticism,
    parse_inputs,
    parse_sketch,
    parse_tests,
    parse_verdict,
)

BLOCK = "```python\nprint(1)\n```"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (BLOCK, "print(1)"),
        (f"First\n{BLOCK}\nthen better:\n```python\nprint(2)\n```\nDone.", "print(2)"),
        ("```\nprint(3)\n```", "print(3)"),
        ("```py\nprint(4)\n```", "print(4)"),
        ("```Python3 title=x\nprint(5)\n```", "print(5)"),
        (f"{BLOCK}\nIt prints:\n```\n1\n```", "print(1)"),
        (f"{BLOCK}\n```text\n1\n```\n```bash\npython x.py\n```", "print(1)"),
        ("  ```python\n  if 1:\n      print(6)\n  ```", "if 1:\n    print(6)"),
        ("````python\ns = '''\n```\n'''\n````", "s = '''\n```\n'''"),
        ("```python\r\nprint(7)\r\n```\r\n", "print(7)"),
        ("```python\nbroken off\n\nAgain:\n```python\nprint(8)\n```", "print(8)"),
        ("```python\nx = '`'\n```", "x = '`'"),
        ("```python\n# ```not a fence```\nprint(9)\n```", "# ```not a fence```\nprint(9)"),
        ("```python\nx = '\x0c\u2028'\n```", "x = '\x0c\u2028'"),
    ],
)
def test_program_is_the_last_python_block(reply, code):
    assert extract_code(reply) == code


@pytest.mark.parametrize(
    "reply",
    ["", "no code", "```python\n```", "```python\n \n\n```", "``` ```", "``\nprint(1)\n``",
     "```java\nclass A {}\n```", "`print(1)`", "It prints the sum.", "Sort the numbers.\n\nPrint them."],
)  # fmt: skip
def test_a_reply_without_a_program_gives_none(reply):
    assert extract_code(reply) is None


HOSTILE = {
    "parentheses": "(" * 100_000,
    "minus": "assert f(" + "-" * 100_000 + "1) == 1",
    "brackets": "f(" + "[" * 100_000 + "]" * 100_000 + ")",
    "fences": "```python\n" * 20_000,
    "odd fences": "```\nx\n" * 9_999,
    "long fences": "`" * 100_000 + "\nx\n" + "`" * 99_999,
    "newlines": "\n" * 100_000,
    "spaces": " " * 100_000 + "x" + " " * 100_000,
    "stars": "*" * 100_000 + "answer",
    "bullets": "- \n" * 50_000,
    "bullet with a gap": "- a" + " " * 20_000 + "b",
    "labels": "Input:\n" * 20_000,
    "label with a gap": "Input" + " " * 50_000 + "x",
    "answers": "Answer: \n" * 20_000,
    "powers": "assert f(9**9**9**9) == 9**9**9",
    "digits": "assert f(" + "9" * 3900 + ") == 0x" + "f" * 3900,
    "null": "\0" * 1000 + "assert f(\0) == 1",
    "surrogate": "assert f('\ud800') == '\udfff'\n- \ud800",
    "bombs": "assert f(" + "'a' * 10 ** 10" + ") == 1",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_reply_is_read_in_no_time(text):
    began = time.monotonic()
    extract_code(text)
    parse_bullets(text)
    parse_sketch(text)
    parse_criticism(text)
    parse_verdict(text)
    for mode in ("function", "stdio"):
        parse_tests(text, mode, "f")
        parse_inputs(text, mode, "f")
    call_arguments(text, "f")
    assert time.monotonic() - began < 3.0


@pytest.mark.parametrize(
    ("line", "pair"),
    [
        ("assert f(1) == 2", ("1", "2")),
        ("  assert f([1, 2],'a')==(3,)  ", ("[1, 2], 'a'", "(3,)")),
        ("assert f(-1.5, None) == True", ("-1.5, None", "True")),
        ("assert f(1) is None", ("1", "None")),
        ("assert Solution().f(1) == 2", ("1", "2")),
        ("assert f() == 2", ("", "2")),
        ("assert f(1) == 2, 'one gives two'", ("1", "2")),
        ("assert f(1) == 2  # one gives two", ("1", "2")),
        ("assert (f(1) == 2)", ("1", "2")),
        ("- assert f(1) == 2", ("1", "2")),
        ("1. `assert f(1) == 2`", ("1", "2")),
    ],
)
def test_assertion_gives_a_pair(line, pair):
    assert parse_tests(line, "function", "f") == (pair,)


@pytest.mark.parametrize(
    "line",
    ["assert g(1) == 2", "assert f(*x) == 2",
     "assert f(1) is not None", "assert str(f(1)) == '2'", "assert f(**{'x': 1}) == 2",
     "assert f(a) == 2", "assert f(1) == b",
     "assert f(1) != 2", "assert f(1) == 2 == 2", "assert f(f(1)) == 2", "assertf(1) == 2", "assert f(1) in [2]",
     "assert f(1) < 2", "assert len(f(1)) == 2", "assert f(1)[0] == 2", "assert f(1) or f(2)", "assert f(1) == f(2)",
     "assert abs(f(1)) < 1", "assert f(open('x')) == 2", "assert f(1) == g(2)", "with pytest.raises(ValueError): f(1)",
     "self.assertRaises(ValueError, f, 1)", "self.assertNotEqual(f(1), 2)", "assert any(f(i) for i in [1])"],
)  # fmt: skip
def test_what_claims_no_value_is_left_out(line):
    assert parse_tests(line, "function", "f") == ()


def test_equal_pairs_count_once_per_reply():
    assert parse_tests("assert f(1) == 2\nassert f( 1 ) == 2\nassert f(1) == 3", "function", "f") == (
        ("1", "2"),
        ("1", "3"),
    )


def test_multi_line_standard_input_is_kept():
    reply = "Input:\n```\n2\n3 4\n\n5\n```\nOutput:\n```\n7\n\n8\n```\nInput:\n1\nOutput:\n1\n"
    assert parse_tests(reply, "stdio", "") == (("2\n3 4\n\n5\n", "7\n\n8\n"), ("1\n", "1\n"))


@pytest.mark.parametrize("reply", ["Input: 3", "Output:\n```\n1\n```", "Output: 1\nInput: 2", "nothing"])
def test_input_without_output_is_no_test(reply):
    assert parse_tests(reply, "stdio", "") == ()


@pytest.mark.parametrize(
    ("head", "body"),
    [("Input:", "3"), ("**Input:**", "3"), ("**Input**:", "3"), ("### Input:", "3"), ("Sample Input 1", "3"),
     ("## Sample Input #2", "3"), ("**Example Input**", "3"), ("input:", "3"), ("Example input:", "3")],
)  # fmt: skip
def test_label_is_read_in_the_ways_people_write_it(head, body):
    second = head.replace("Input", "Output").replace("input", "output")
    assert labelled_pairs(f"{head}\n{body}\n\n{second}\n4") == (("3\n", "4\n"),)


@pytest.mark.parametrize("line", ["Input is given on one line", "Inputs: 3", "The input: 3", "Output the sum"])
def test_sentence_that_begins_like_a_label_is_none(line):
    assert labelled_pairs(f"{line}\n3\n\nOutput:\n4\n") == ()


def test_data_that_begins_like_a_label_stays_data():
    assert labelled_pairs("Input:\ninput device\n3\n\nOutput:\noutputs\n") == (("input device\n3\n", "outputs\n"),)


@pytest.mark.parametrize("text", ["1" * 5000, "f(1)", "a", "", "1 +", "[1", "__import__('os')", "[x for x in 'a']"])
def test_no_literal_is_an_error(text):
    with pytest.raises(ValueError, match="literal"):
        literal(text)


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("Answer: 1", 1),
        ("so\nAnswer: 2\n", 2),
        ("**Answer: tie**", 0),
        ("**Answer:** 2", 2),
        ("answer : 1", 1),
        ("Answer: 1\nNo.\nAnswer: 2", 2),
        ("The answer is 1", None),
        ("Answer: 12", None),
        ("Answer: neither", None),
        ("", None),
        ("Result 1\nAnswer:", None),
    ],
)
def test_verdict_is_what_the_last_line_says(reply, verdict):
    assert parse_verdict(reply) == verdict


@pytest.mark.parametrize(
    ("reply", "inputs"),
    [
        ("f(1)\nf([2], 'x')", ("1", "[2], 'x'")),
        ("- `f(1)`\n2. f(2)\n`f(3)`", ("1", "2", "3")),
        ("f(1)\nf(1)", ("1",)),
        ("g(1)\nf(x)\ng(k=1)\nf(1) != 2", ()),
        ("print(f(1))\nf([\n    2])", ("1",)),
        ("f(x=1, y=2)", ("1, 2",)),
        ("x = f(1)\nassert f(2) == 3", ("2",)),
    ],
)
def test_calls_give_inputs(reply, inputs):
    assert parse_inputs(reply, "function", "f") == inputs


def test_bullets_lose_marks_and_repeats():
    assert parse_bullets("Here:\n- a\n* b\n• c\n1. d\n2) e\n-f\n- a\n") == ("a", "b", "c", "d", "e")


@pytest.mark.parametrize(
    ("reply", "sketch"),
    [("1. sort", "1. sort"), ("Plan:\n1. sort\n", "1. sort"), ("just sort", None), ("", None), ("Plan:", None)],
)
def test_sketch_needs_steps(reply, sketch):
    assert parse_sketch(reply) == sketch


@pytest.mark.parametrize(
    ("reply", "parsed"),
    [
        ("Flaw: ties\nPlan:\n1. sort", ("ties", "1. sort")),
        ("Flaw: ties\nPlan:\nno steps", None),
        ("Plan:\n1. sort", None),
        ("Flaw: ties", None),
        ("Flaw:\nPlan:\n1. sort", None),
    ],
)
def test_criticism_needs_a_flaw_and_a_plan(reply, parsed):
    assert parse_criticism(reply) == parsed


def test_program_is_the_last_block_that_defines_the_function():
    reply = "```python\ndef f(x):\n    return x\n```\nUse it:\n```python\nprint(f(1))\n```\n"
    assert extract_code(reply, "f") == "def f(x):\n    return x"
    assert extract_code(reply, "g") == extract_code(reply) == "def f(x):\n    return x\n\nprint(f(1))"


@pytest.mark.parametrize(
    "reply",
    ["Flaw: wrong\nPlan:\n1. a", "**Flaw:** wrong\n\n**Plan:**\n1. a", "### Flaw: wrong\n### Fixed plan:\n1. a",
     "**Flaw**: wrong\n**Plan**: \n1. a"],
)  # fmt: skip
def test_criticism_is_read_in_any_dress(reply):
    assert parse_criticism(reply) == ("wrong", "1. a")
