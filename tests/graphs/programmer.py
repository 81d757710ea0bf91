"""What a scripted programmer says, by the template that it was asked with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from inference.base import Completion, Request
from inference.scripted import approximate_tokens
from nodes.prompting import PROMPTS

FUNCTION = """Write a function `second(xs: list[int]) -> int` that returns the second largest of the numbers,
where equal numbers count twice. There are at least two and at most 100 numbers.

>>> second([1, 2])
1
>>> second([3, 1, 2])
2
"""
STDIO = """Read n, then n numbers on the next line. Print their sum. 1 <= n <= 100.

Input:
```
2
3 4
```
Output:
```
7
```
"""
TEMPLATES = ("analyse", "code", "criticise", "judge", "observe", "oracle", "rephrase", "repair", "separate", "sketch",
             "synthesise", "tests")  # fmt: skip
_COMPACT = {"Write code.": "code", "Write tests.": "tests", "Make a plan.": "sketch", "Note steps.": "observe",
            "Criticise the plan.": "criticise", "Repair.": "repair", "Combine.": "synthesise", "Rephrase.": "rephrase",
            "Judge.": "judge", "Tell apart.": "separate"}  # fmt: skip
_OPENINGS = {(PROMPTS / "full" / f"{name}.j2").read_text(encoding="utf-8").splitlines()[0]: name for name in TEMPLATES}
assert len(_OPENINGS) == len(TEMPLATES), "a script tells templates apart by their first line"

Say = str | Callable[[Request], str | Completion]


def kind_of(request: Request) -> str:
    """Return the template that a request was rendered from; the compact profile's oracle is its `code`."""
    opening = request.messages[0].content
    return "analyse" if opening.startswith("Analyse: ") else {**_COMPACT, **_OPENINGS}[opening]


def fenced(code: str) -> str:
    return f"Here it is.\n```python\n{code}\n```\n"


GOOD = fenced("def second(xs):\n    return sorted(xs)[-2]")
GOOD_AGAIN = fenced("def second(xs):\n    xs = sorted(xs)\n    return xs[len(xs) - 2]")
DISTINCT = fenced("def second(xs):\n    return sorted(set(xs))[-2]")
WRONG = fenced("def second(xs):\n    return max(xs)")
CRASH = fenced("def second(xs):\n    return xs[99]")
TESTS = "assert second([5, 9]) == 5\nassert second([4, 8, 6]) == 6\nassert second([7, 3, 1, 2]) == 3"
SUM = fenced("input()\nprint(sum(map(int, input().split())))")
SUM_WRONG = fenced("input()\nprint(max(map(int, input().split())))")
SUM_TESTS = "Input:\n```\n1\n5\n```\nOutput:\n```\n5\n```\nInput:\n```\n3\n1 1 1\n```\nOutput:\n```\n3\n```\n"
SMALL_TALK: Mapping[str, Say] = {
    "observe": "- the list has two items at least\n- sorting is fast enough\n- equal numbers stay",
    "sketch": "1. sort the numbers\n2. take the one before the last",
    "criticise": "Flaw: equal numbers\nPlan:\n1. sort without losing equal numbers\n2. take the one before the last",
    "rephrase": "Return the second largest number of a list.",
    "analyse": "Wrong: it takes the largest\nRight: it must take the second largest",
    "separate": "second([2, 2, 1])\nsecond([9, 9])",
    "judge": "Answer: tie",
    "tests": TESTS,
    "code": GOOD,
    "oracle": GOOD_AGAIN,
    "repair": GOOD,
    "synthesise": GOOD,
}


@dataclass
class Talk:
    """Replies by template; a function may look at the request."""

    replies: dict[str, Say] = field(default_factory=dict)

    def __call__(self, request: Request) -> str | Completion:
        said = {**SMALL_TALK, **self.replies}[kind_of(request)]
        return said if isinstance(said, str) else said(request)


def in_turn(*texts: str) -> Callable[[Request], str]:
    """Return a reply that depends on the seed alone, so that concurrent slots stay reproducible."""
    return lambda request: texts[request.seed % len(texts)]


def greedy(talk: Talk) -> Callable[[Request], Completion]:
    """Return a speaker that always spends all that it may, thinking included, as a rambling model does."""

    def speak(request: Request) -> Completion:
        said = talk(request)
        assert isinstance(said, str)
        fits = approximate_tokens(said) <= request.max_tokens
        return Completion(
            text=said if fits else said[: request.max_tokens * 4],
            tokens=request.max_tokens,
            thinking_tokens=request.thinking.at_most,
            stop="end" if fits else "length",
        )

    return speak
