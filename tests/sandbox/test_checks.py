"""What makes an output right, and sessions beside a program in its box."""

from __future__ import annotations

import pytest

from sandbox.base import Execution, Program
from sandbox.checks import Check, judge
from sandbox.literals import parse
from sandbox.sessions import session_of, written


def verdict(output: str, expected: str, how: str, **tolerance: float) -> str:
    return judge(
        "function", Execution(status="completed", output=output), Check(expected=expected, how=how, **tolerance)
    )


@pytest.mark.parametrize(
    ("output", "expected", "how", "tolerance"),
    [
        ("[1, 2]", "(1, 2)", "equal", {}),
        ("4.0000001", "4", "close", {"abs_tol": 1e-3}),
        ("[1.0, [2.001]]", "(1, [2])", "close", {"rel_tol": 0.01}),
        ("[2, 1, 1]", "[1, 2, 1]", "unordered", {}),
        ("[[2, 1], [3]]", "[[3], [1, 2]]", "unordered", {}),
        ("7", "True", "truth", {}),
        ("[]", "False", "truth", {}),
        ('"[0, 1,\\n 2]"', "[0, ..., 2]", "shown", {}),
    ],
)
def test_what_holds(output, expected, how, tolerance):
    assert verdict(output, expected, how, **tolerance) == "passed"


@pytest.mark.parametrize(
    ("output", "expected", "how", "tolerance"),
    [
        ("4.1", "4", "close", {"abs_tol": 1e-3}),
        ("nan", "nan", "close", {"abs_tol": 1}),
        ("[1]", "[1, 2]", "close", {"abs_tol": 9}),
        ("[2, 1]", "[1, 2, 1]", "unordered", {}),
        ("0.0", "True", "truth", {}),
        ('"[0, 1]"', "[0, ..., 2]", "shown", {}),
        ("1", "ValueError", "raises", {}),
    ],
)
def test_what_does_not_hold(output, expected, how, tolerance):
    assert verdict(output, expected, how, **tolerance) == "wrong_answer"


@pytest.mark.parametrize(
    ("error", "expected", "status"),
    [
        ("Traceback (most recent call last):\n  File\nValueError: below zero", "ValueError", "passed"),
        ("Traceback (most recent call last):\n  File\nValueError: below zero", "ValueError: below zero", "passed"),
        ("Traceback (most recent call last):\n  File\nmine.OddError", "OddError", "passed"),
        ("Traceback (most recent call last):\n  File\nValueError: below zero", "ValueError: above", "runtime_error"),
        ("Traceback (most recent call last):\n  File\nTypeError: x", "ValueError", "runtime_error"),
    ],
)
def test_an_exception_may_be_what_is_wanted(error, expected, status):
    run = Execution(status="runtime_error", error=error)
    assert judge("function", run, Check(expected=expected, how="raises")) == status


def test_a_session_is_written_and_read():
    text = "\n".join([written("if 1:\n    x = 2"), written("f(x)")])
    assert session_of(text) == {"session": ["if 1:\n    x = 2", "f(x)"], "shown": False}


@pytest.mark.parametrize(
    ("session", "output"),
    [
        (">>> xs = [2, 1]\n>>> f(xs)\n>>> xs", "[1, 2]"),
        (">>> def twice(x):\n...     return f(f(x))\n>>> twice([3, 1])", "None"),
        (">>> # shown\n>>> print(3) or [1]", '"3\\n[1]"'),
        (">>> import math\n>>> math.floor(2.5)", "2"),
    ],
)
def test_a_session_runs_beside_the_program(sandbox, session, output):
    program = Program(source="def f(xs):\n    if xs: xs.sort()", mode="function", entry_point="f")
    (run,) = sandbox.run(program, [session])
    assert (run.status, run.output) == ("completed", output), run.error


def test_infinities_and_complex_numbers_are_literals():
    assert [parse("float('-inf')"), parse("[1, 2j]")] == [{"float": "-inf"}, [1, {"complex": [0.0, 2.0]}]]
