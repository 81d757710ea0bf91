"""An example that fails, or that nobody could read, never ends in `verified`: whole searches, a scripted model."""

from __future__ import annotations

import pytest

from graphs import OpenSolver
from graphs.factory import open_box
from inference.scripted import ScriptedModel
from nodes.settings import Settings

pytestmark = pytest.mark.bubblewrap

INC = "Write a function `inc(x)` that adds one.\n\n"
ADDS = "def inc(x): return x + 1"
TESTS = "assert inc(10) == 11\nassert inc(20) == 21\nassert inc(30) == 31"
VOWELS = (
    "Print a word without its vowels.\n\nSample Input 1\n\naba\n\nSample Output 1\n\nb\n\n"
    "Sample Input 2\n\naa\n\nSample Output 2\n\n"
)
NONE = 's = "".join(c for c in input() if c not in "aeiou")\nprint(s or "NONE")'
WORDS = "".join(f"Input:\n```\n{word}\n```\nOutput:\n```\n{word}\n```\n" for word in ("b", "cc", "ddd"))
STACK = (
    "```python\nclass Stack:\n    def __init__(self): ...\n    def push(self, x): ...\n    def pop(self): ...\n```\n"
    ">>> s = Stack()\n>>> s.push(1)\n>>> s.push(2)\n>>> s.pop()\n2\n>>> s.pop()\n1\n"
)
HEAD = "```python\nclass Solution:\n    def {}(self, head: Optional[{}]) -> {}:\n        pass\n```\n"


@pytest.fixture(scope="module")
def answer():
    settings = Settings(sandbox="bubblewrap")
    with open_box(settings) as box:

        def solve(statement: str, program: str, tests: str = TESTS):
            reply = f"- one\n- two\n\n```python\n{program}\n```\n{tests}\nAnswer: tie"
            return OpenSolver(settings, ScriptedModel(lambda _: reply), box).solve(statement)

        yield solve


@pytest.mark.parametrize(
    ("statement", "program"),
    [
        (f"{INC}>>> inc(1)\n2\n\ninc(5) => 50\n", ADDS),
        (f"{INC}assert inc(1) == 2\nassert inc(\n    5\n) == 50\n", ADDS),
        (f"{INC}>>> inc(1)\n2\nassert math.isclose(inc(5), 6.5)\n", ADDS),
        (f"{INC}>>> inc(1)\n2\nassert inc(3) > 4\n", ADDS),
        (f"{INC}>>> inc(1)\n2\n>>> inc('a')\nTraceback (most recent call last):\nValueError: a\n", ADDS),
        (f"{INC}>>> inc(1)\n2\n>>> inc(inc(1))\n4\n", ADDS),
        ("Write a function `inc(x, by=1)`.\n>>> inc(1)\n2\n>>> inc(1, by=5)\n6\n", "def inc(x, by=1): return x + 1"),
    ],
)
def test_a_failed_example_is_a_failed_example(answer, statement, program):
    given = answer(statement, program)
    assert (given.verified, "fails 1 of 2 examples" in given.reason) == (False, True), given.reason


def test_an_empty_sample_output_is_checked(answer):
    assert "fails 1 of 2" in answer(VOWELS, NONE, WORDS).reason


def test_an_unread_example_is_quoted_with_how_to_write_it(answer):
    given = answer(f"{INC}>>> inc(1)\n2\ninc(5) gives six\n", ADDS)
    assert not given.verified
    assert given.reason.startswith("one example could not be read: line 5: inc(5) gives six")
    assert "write `>>>" in given.reason


def test_checks_that_hold_verify(answer):
    checks = (
        ">>> inc(1)\n2\nassert math.isclose(inc(5), 6.0)\nassert int(inc(2.5)) == 3\nassert inc(3)\n"
        ">>> inc('a')\nTraceback (most recent call last):\nTypeError: ...\n>>> inc(inc(1))\n3\n"
    )
    given = answer(INC + checks, ADDS)
    assert given.verified, given.reason
    assert "examples passed: 6 of 6" in given.evidence


def test_several_right_answers_are_never_verified_by_one(answer):
    given = answer(f"{INC}If there are several answers, return any of them.\n>>> inc(1)\n2\n", ADDS)
    assert (given.verified, "any of several" in given.reason) == (False, True)


@pytest.mark.parametrize(
    ("statement", "program", "passed"),
    [
        (STACK, "class Stack:\n    def __init__(self): self.items = []\n    def push(self, x): self.items.append(x)\n"
                "    def pop(self): return self.items.pop()", "2 of 2"),
        (HEAD.format("flip", "ListNode", "Optional[ListNode]") + "Input: head = [1,2,3]\nOutput: [3,2,1]\n",
         "class Solution:\n    def flip(self, head: Optional[ListNode]):\n        last = None\n        while head:\n"
         "            head.next, last, head = last, head, head.next\n        return last", "1 of 1"),
        (HEAD.format("depth", "TreeNode", "int") + "Input: head = [3,9,20,null,null,15,7]\nOutput: 3\n",
         "class Solution:\n    def depth(self, head):\n        return 1 + max(self.depth(head.left), "
         "self.depth(head.right)) if head else 0", "1 of 1"),
        ("```python\nclass Solution:\n    def turn(self, nums: List[int]) -> None:\n        pass\n```\n"
         "Input: nums = [1,2]\nOutput: [2,1]\n", "class Solution:\n    def turn(self, nums):\n        nums.reverse()",
         "1 of 1"),
        ('Design `Bag`.\n```python\nclass Bag:\n    def __init__(self, n: int):\n    def size(self) -> int:\n```\n'
         'Example\nInput\n["Bag", "size"]\n[[4], []]\nOutput\n[null, 4]\n',
         "class Bag:\n    def __init__(self, n): self.n = n\n    def size(self): return self.n", "1 of 1"),
    ],
)  # fmt: skip
def test_classes_lists_and_trees_are_run_in_the_box(answer, statement, program, passed):
    assert f"examples passed: {passed}" in answer(statement, program, "no tests").evidence
