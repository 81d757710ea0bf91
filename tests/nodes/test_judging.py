"""The host's half of a test."""

from __future__ import annotations

import pytest

from nodes.judging import input_key, key_for, outcome_of, shown
from nodes.problem_text import read_problem
from nodes.state import OUTPUT_KEPT
from sandbox.base import Execution


@pytest.mark.parametrize(
    ("mode", "status", "output", "expected", "judged"),
    [
        ("function", "completed", "[1, 2]", "(1, 2)", "passed"),
        ("function", "completed", "1.0", "1", "passed"),
        ("function", "completed", "2", "1", "wrong_answer"),
        ("function", "completed", "nan", "nan", "wrong_answer"),
        ("function", "completed", "1", None, "completed"),
        ("function", "timeout", "1", "1", "timeout"),
        ("stdio", "completed", "1 \n", "1\n", "passed"),
        ("stdio", "completed", "1\n2", "1 2", "wrong_answer"),
        ("stdio", "runtime_error", "1\n", "1\n", "runtime_error"),
    ],
)
def test_run_is_judged_by_the_example_alone(mode, status, output, expected, judged):
    assert outcome_of("p", mode, "x", Execution(status=status, output=output), expected).status == judged


def test_only_a_completed_run_has_a_key():
    assert outcome_of("p", "stdio", "x", Execution(status="timeout", output="1"), None).output_key == ""
    assert outcome_of("p", "stdio", "x", Execution(status="completed", output=""), None).output_key


def test_key_is_made_from_the_whole_output():
    long = "1\n" * OUTPUT_KEPT
    runs = [outcome_of("p", "stdio", "x", Execution(status="completed", output=long + end), None) for end in ("1", "2")]
    assert runs[0].output == runs[1].output
    assert runs[0].output_key != runs[1].output_key


@pytest.mark.parametrize(
    ("mode", "one", "other", "same"),
    [
        ("function", "[1,2]", "[1, 2]", True),
        ("function", "'a'", '"a"', True),
        ("function", "[1], 2", "[1, 2]", False),
        ("function", "1", "1, 2", False),
        ("stdio", "3 4", "3 4\n", True),
        ("stdio", "3 4 \n\n", "3 4\n", True),
        ("stdio", "3\n4", "3 4", False),
    ],
)
def test_spelling_of_an_input_does_not_count(mode, one, other, same):
    assert (input_key(mode, one) == input_key(mode, other)) is same


@pytest.mark.parametrize(
    ("mode", "output", "text"),
    [
        ("function", '"a\'b"', '"a\'b"'),
        ("function", '"ab"', "'ab'"),
        ("function", 'opaque("A")', 'opaque("A")'),
        ("stdio", "x\n", "x\n"),
    ],
)
def test_output_is_shown_as_a_person_would_write_it(mode, output, text):
    assert shown(mode, output) == text


def test_where_any_order_is_right_a_self_test_counts_so_too():
    statement = (
        "Write a function `pairs(n)` that returns the divisors of n, in any order.\n\n>>> pairs(6)\n[1, 2, 3, 6]\n"
    )
    problem = read_problem(statement)
    assert problem.in_any_order
    run = Execution(status="completed", output="[7, 1]")
    outcome = outcome_of("p", "function", "7", run, None, unordered=problem.in_any_order)
    assert outcome.output_key == key_for(problem, "[1, 7]")
    assert outcome.output_key != key_for(read_problem(statement.replace(", in any order", "")), "[1, 7]")
