"""Tests and inputs in replies: statements of every form, what lines say, labelled data."""

from __future__ import annotations

import pytest

from nodes.parsing import parse_asserts, parse_inputs, parse_tests
from sandbox.compare import same_output


def read(reply):
    return parse_tests(reply, "function", "f")


@pytest.mark.parametrize(
    ("reply", "pair"),
    [
        ("assert f(\n    'a',  # first\n    [1,\n     2],\n) == {\n    'a': [1, 2],\n}",
         ("'a', [1, 2]", "{'a': [1, 2]}")),
        ("assert (\n    f(1)\n    == 2\n)", ("1", "2")),
        ("assert f(1) == \\\n    2", ("1", "2")),
        ("assert f(1) is False", ("1", "False")),
        ("assert not f([])", ("[]", "False")),
        ("assert bool(f(3))", ("3", "True")),
        ("assert 2 == f(1)", ("1", "2")),
        ("assert [2] == list(f(1))", ("1", "[2]")),
        ("assert f(1) == 3 - 1", ("1", "2")),
        ("assert f(2 ** 10, -1) == [0] * 3", ("1024, -1", "[0, 0, 0]")),
        ("assert f(list(range(3))) == set()", ("[0, 1, 2]", "set()")),
        ("assert f(range(2)) == 1", ("range(0, 2)", "1")),
        ("assert f('x' * 3 + 'y') == ('x',)", ("'xxxy'", "('x',)")),
        ("assert f(1) == float('inf')", ("1", "float('inf')")),
        ("assert f(1, by=2) == 3", ("1, 2", "3")),
        ("assert math.isclose(f(2), 1.5, rel_tol=1e-6)", ("2", "1.5")),
        ("assert abs(1.5 - f(2)) <= 0.01", ("2", "1.5")),
        ("assert f(2) == pytest.approx(1.5, abs=0.1)", ("2", "1.5")),
        ("assert round(f(2), 2) == 1.5", ("2", "1.5")),
        ("assert sorted(f('ba')) == ['a', 'b']", ("'ba'", "['a', 'b']")),
        ("        self.assertEqual(f(1), 2, 'says why')", ("1", "2")),
        ("self.assertEqual(2, f(1))", ("1", "2")),
        ("self.assertAlmostEqual(f(1), 2.5, places=3)", ("1", "2.5")),
        ("self.assertFalse(f(1))", ("1", "False")),
        ("self.assertIsNone(f(1))", ("1", "None")),
        ("self.assertCountEqual(f(1), [2, 1])", ("1", "[2, 1]")),
        ("self.assertTrue(f(1) == 2)", ("1", "2")),
        ("np.testing.assert_allclose(f(1), [2.0])", ("1", "[2.0]")),
        ("assert Solution().f([1]) == 2", ("[1]", "2")),
        ("def check(candidate):\n    assert candidate(1) == 2", ("1", "2")),
        ("result = f([1, 2])\nassert result == 3", ("[1, 2]", "3")),
        ("xs, want = [1], 2\nassert f(xs, 'a') == want", ("[1], 'a'", "2")),
        ("nums: list[int] = [1]\nassert f(nums) == 1", ("[1]", "1")),
        ("1) assert f(1) == 2 (the smallest input)", ("1", "2")),
        ("- **Ties**: `assert f(1) == 2` because both are equal", ("1", "2")),
        ("Test case 3 - assert f(1) == 2", ("1", "2")),
        ("# Smallest: assert f(1) == 2", ("1", "2")),
        ("    assert f('->') == 2 -> smallest", ("'->'", "2")),
    ],
)  # fmt: skip
def test_statement_gives_a_pair(reply, pair):
    assert read(reply) == (pair,)


@pytest.mark.parametrize(
    "reply",
    [
        "import pytest\n\n@pytest.mark.parametrize('x,y', [\n    (1, 2),\n    (3, 4),\n])\n"
        "def test_f(x, y):\n    assert f(x) == y",
        "@pytest.mark.parametrize(('x', 'y'), [(1, 2), pytest.param(3, 4, id='b')])\n"
        "def test(x, y):\n    got = f(x)\n    assert got == y",
        "tests = [((1,), 2), ((3,), 4)]\nfor args, want in tests:\n    assert f(*args) == want",
        "cases = [{'x': 1, 'y': 2}, {'x': 3, 'y': 4}]\nfor case in cases:\n    assert f(case['x']) == case['y']",
        "for x, y in [(1, 2), (3, 4)]:\n    assert f(x) == y, f'{x}'",
        "cases = {1: 2, 3: 4}\nfor x, y in cases.items():\n"
        "    with self.subTest(x=x):\n        self.assertEqual(f(x), y)",
        "inputs = [1, 3]\nwants = [2, 4]\nfor i, (x, y) in enumerate(zip(inputs, wants)): assert f(x) == y",
        "assert f(1) == 2 and f(3) == 4",
        "assert f(1) == 2; assert f(3) == 4",
        "class T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(f(1), 2)\n\n"
        "    def test_b(self):\n        self.assertEqual(f(3), 4)",
        "```python\nassert f(1) == 2\n```\nand\n```python\nassert f(3) == 4\n```",
        "```python\ndef f(x):\n    return x + 1\n\nassert f(1) == 2\nassert f(3) == 4\nassert f(",
    ],
)
def test_several_tests_are_read(reply):
    assert read(reply) == (("1", "2"), ("3", "4"))


@pytest.mark.parametrize(
    "reply",
    ["f(1) => 2", "f(1) → 2", "`f(1)` returns `2`", "- f(1) should return 2.", "1. `f(1)` → 2 (the smallest)",
     "print(f(1))  # 2", "f(1)  # Expected: 2", ">>> f(1)\n2", ">>> print(f(1))\n2\n>>> g(2)", "f(1) == 2",
     "**f(1)** = 2", "Input: 1\nOutput: 2", "1. **Input:** `1`\n   **Expected Output:** `2`",
     '[{"input": [1], "expected": 2}]', '```json\n[{"args": {"x": 1}, "output": 2}]\n```'],
)  # fmt: skip
def test_what_is_merely_said_counts_where_nothing_is_asserted(reply):
    assert read(reply) == (("1", "2"),)
    assert read(f"{reply}\nassert f(5) == 6") == (("5", "6"),)


@pytest.mark.parametrize("line", ["def f(1): 2", "my_f(1) -> 2", "f(1) and then 2", "f(x) -> 2", "f(1) -> something"])
def test_what_names_no_value_is_no_test(line):
    assert read(line) == ()


def test_a_loop_ends_where_its_lines_do():
    assert read("for x in [1, 2]:\n    assert f(x) == x\nassert f(3) == x") == (("1", "1"), ("2", "2"))


def test_a_variable_has_its_newest_value():
    assert read("x = 1\nassert f(x) == 2\nx = 3\nassert f(x) == 4") == (("1", "2"), ("3", "4"))


@pytest.mark.parametrize(
    "bomb",
    ["assert f(9 ** 9 ** 9) == 1", "assert f('a' * 10 ** 10) == 1", "assert f([[0] * 2000] * 2000) == 1",
     "assert f(list(range(10 ** 9))) == 1", "assert f(bytes(10 ** 10)) == 1", "assert f('%999999999d' % 1) == 1",
     "x = [0]\n" + "x = x + x\n" * 60 + "assert f(x) == 1", "assert f(sum(range(10 ** 10))) == 1"],
)  # fmt: skip
def test_constants_stay_small(bomb):
    assert all(len(given) <= 4000 for given, _ in read(bomb))


def test_examples_of_a_statement_are_taken_without_tolerance():
    text = "assert f(1) == 2\nassert abs(f(2) - 1) < 0.1\nassert sorted(f(3)) == [1]\nf(4) -> 5"
    assert parse_asserts(text, "f") == (("1", "2"),)


def test_expected_values_are_values_of_the_sandbox():
    for expected in ("2", "(1,)", "{1, 2}", "set()", "frozenset({1})", "None", "-1.5", "b'x'", "'a\\nb'", "{1: 'x'}"):
        ((_, wanted),) = read(f"assert f(1) == {expected}")
        assert same_output("function", expected, wanted)


@pytest.mark.parametrize(
    ("reply", "inputs"),
    [
        ("```python\nf([1], 2)\nf([], 0)\n```", ("[1], 2", "[], 0")),
        ("- `f(1)`: both differ here", ()),
        ("assert f(1) == 2\nassert f(2) == 3", ("1", "2")),
        ("f(1)  # the first is empty", ("1",)),
        ("print(f('a' * 2))", ("'aa'",)),
    ],
)
def test_inputs_are_calls_or_what_tests_hand_in(reply, inputs):
    assert parse_inputs(reply, "function", "f") == inputs


@pytest.mark.parametrize(
    "reply",
    [
        "Input:\n```\n3 4\n```\nOutput:\n```\n7\n```",
        "**Input:**\n```\n3 4\n```\n**Expected Output:**\n```\n7\n```",
        "* Input: 3 4\n* Output: 7",
        "1. Input: `3 4`\n   Expected output: `7`",
        "### Test Case 1\n**Input**\n```\n3 4\n```\n**Output**\n```\n7\n```",
        "Test 2 Input:\n3 4\n\nTest 2 Output:\n7\n",
        "Input 1: 3 4\nOutput 1: 7",
        "stdin:\n```\n3 4\n```\nstdout:\n```\n7\n```",
        "<test>\n<input>\n3 4\n</input>\n<expected_output>\n7\n</expected_output>\n</test>",
        "**Input**\n```\n3 4\n```\n**Expected**\n```\n7\n```",
        "<test_input>3 4</test_input>\n<test_output>7</test_output>",
        "Given input:\n3 4\n\nExpected output:\n7",
        "Sample input:\n3 4\n\nExpected (stdout):\n7\n",
        "_Input_:\n3 4\n\n_Output_:\n7\n",
        "> Input: 3 4\n> Output: 7",
    ],
)
def test_labels_of_data_are_read_in_any_dress(reply):
    assert parse_tests(reply, "stdio", "") == (("3 4\n", "7\n"),)
    assert parse_inputs(reply, "stdio", "") == ("3 4\n",)


def test_data_in_a_fence_is_no_label():
    reply = "Input:\n```\n- output: 3\n<input>\n```\nOutput:\n```\nresult: 4\n```"
    assert parse_tests(reply, "stdio", "") == (("- output: 3\n<input>\n", "result: 4\n"),)


def test_a_description_of_an_input_is_no_input():
    assert parse_tests("Input:\n- `n = 4`\n- `a = [1, 2]`\n\nOutput:\n16\n", "stdio", "") == ()


@pytest.mark.parametrize(
    "reply",
    [
        "rows = [{'input': [1, 2], 'expected': 3}]\nfor row in rows:\n    assert f(*row['input']) == row['expected']",
        "print(f(1, 2) == 3)",
        "f(1, 2) = 3, f(2, 2) = 4",
        "f(1, 2) equals 3",
        "**assert f(1, 2) == 3**",
        "assert_eq(f(1, 2), 3)",
    ],
)
def test_forms_that_small_models_write(reply):
    assert read(reply)[0] == ("1, 2", "3")


def test_keywords_find_their_parameters():
    assert parse_tests("assert f(b=2, a=1) == 3", "function", "f", ("a", "b")) == (("1, 2", "3"),)
    assert parse_tests("assert f([1], reverse=True) == [1]", "function", "f", ("xs", "key", "reverse")) == ()


def test_words_of_the_prompt_are_no_data():
    pairs = (("4", "the whole standard output"), ("5", "10"))
    reply = "\n".join(f"Input:\n```\n{given}\n```\nOutput:\n```\n{wanted}\n```" for given, wanted in pairs)
    assert parse_tests(reply, "stdio", "") == (("5\n", "10\n"),)
