"""Where an answer is complete, and when it goes round in circles."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.base import Finish
from inference.finish import FinishLine, LoopWatch
from nodes import forms
from nodes.state import Problem

ADD = Problem(statement="Write `add`.", entry_point="add")
PRINT = Problem(statement="Print.", mode="stdio")
CODE = "```python\ndef add(a, b):\n    return a + b\n```"


def kept(finish: Finish, text: str, *, size: int = 1) -> str | None:
    """Return what is kept of a text that grows by so many characters at a time, or None if it is never complete."""
    line = FinishLine(finish)
    for end in range(size, len(text) + size, size):
        if (cut := line.reached(text[:end])) is not None:
            return text[:cut]
    return None


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{CODE}\nThis works.", CODE),
        (f"Here:\n{CODE}\n", f"Here:\n{CODE}"),
        (f"```python\nadd(1, 2)\n```\nSo:\n{CODE}\nand more", f"```python\nadd(1, 2)\n```\nSo:\n{CODE}"),
        (f"~~~\n{CODE[10:-3]}~~~\nbye", f"~~~\n{CODE[10:-3]}~~~"),
        ("````python\ndef add(a, b):\n```\n````\nbye", "````python\ndef add(a, b):\n```\n````"),
        ("```python\nclass add:\n    pass\n```  \nbye", "```python\nclass add:\n    pass\n```"),
        ("```python\ndef add(a, b):\n    return a + b\n", None),
        ("```python\ndef other(a, b):\n    return a + b\n```\nbye", None),
        ("def add(a, b):\n    return a + b\n", None),
    ],
)  # fmt: skip
def test_program_ends_with_its_fence(text, expected, size):
    finish = forms.program(ADD, "full").finish
    found = kept(finish, text, size=size)
    assert (found.rstrip() if found else found) == expected


def test_program_that_is_asked_for_without_a_name_prints():
    finish = forms.program(PRINT, "full").finish
    assert kept(finish, "```\nplan\n```\n```python\nprint(1)\n```\nbye") == "```\nplan\n```\n```python\nprint(1)\n```"


def test_tests_end_with_their_number_or_their_block():
    form = forms.tests(ADD, "full", 2)
    assert form.opening == "```python\nassert add("
    three = f"{form.opening}1, 2) == 3\nassert add(\n    3, 4\n) == 7\nassert add(5, 6) == 11\n"
    assert kept(form.finish, three) == f"{form.opening}1, 2) == 3\nassert add(\n    3, 4\n) == 7\n"
    assert kept(form.finish, f"{form.opening}1, 2) == 3\n```\nDone.") == f"{form.opening}1, 2) == 3\n```"


def test_tests_of_a_program_end_with_their_number():
    form = forms.tests(PRINT, "full", 2)
    one, two, three = (f"Input:\n```\ninput {n}\n```\nOutput:\n```\n{n}\n```\n\n" for n in range(3))
    assert form.opening == "Input:\n```\n"
    assert kept(form.finish, one + two + three) == one + two
    assert kept(form.finish, f"**{one.replace(':', ':**')}{two}{three}") is not None
    assert kept(form.finish, one + two) is None


def test_list_ends_with_its_number():
    finish = forms.bullets("full", 2).finish
    assert kept(finish, "- one\n  - part of one\n- two\n- three") == "- one\n  - part of one\n- two\n"
    assert kept(finish, "1. one\n2) two\n3. three") == "1. one\n2) two\n"
    assert kept(finish, "- one\n- two\n") is None


def test_small_models_have_no_form():
    assert forms.program(ADD, "compact", begun=True) == forms.tests(ADD, "compact", 5) == forms.FREE


@given(st.text(alphabet="ad`~\n -(python", max_size=200), st.integers(1, 7))
def test_any_text_in_any_pieces_ends_at_the_same_place(text, size):
    """A text that comes in larger pieces may be seen later, never elsewhere."""
    finish = Finish(block="add", item="-", items=2)
    whole, pieces = kept(finish, text, size=max(1, len(text))), kept(finish, text, size=size)
    assert (whole is None) == (pieces is None)
    if whole is not None and pieces is not None:
        assert whole.rstrip() == pieces.rstrip()


def looped(tokens: list[int]) -> int | None:
    """Return after how many tokens a text is seen to loop."""
    watch = LoopWatch()
    return next((count for count, token in enumerate(tokens, 1) if watch.add(token)), None)


@pytest.mark.parametrize("period", [1, 7, 40, 150])
def test_repetition_is_seen_after_some_copies(period):
    tokens = list(range(1000, 1200)) + list(range(period)) * 2000
    seen = looped(tokens[:2200])
    assert seen is not None
    assert 240 <= seen - 200 <= max(300, 4 * period + 20)


def test_table_of_a_program_is_no_loop():
    row = [1, 2] * 9 + [3]
    assert looped([*range(100, 150), *row * 9, *range(150, 300)]) is None


def test_text_that_counts_upwards_is_no_loop():
    assert looped([token for i in range(400) for token in (5, 6, 1000 + i, 7, 8)]) is None
