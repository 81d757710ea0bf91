"""Failures in words: every kind, in both modes, shortest first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nodes.failures import describe, failures_of
from nodes.state import OUTPUT_KEPT, Outcome, PublicTest, content_id
from tests.nodes.records import problem, ran, world

TRACE = (
    'Traceback (most recent call last):\n  File "main.py", line 1, in f\n    xs[9]\nIndexError: list index out of range'
)


def outcome(status: str, **changes) -> Outcome:
    return Outcome(program_id="p", input_id="i", status=status, **changes)


@pytest.mark.parametrize(
    ("run", "text"),
    [
        (outcome("wrong_answer", output="[2]"), "f([1], 2) returned [2], expected 3"),
        (outcome("wrong_answer", output='"a\\n"'), "f([1], 2) returned 'a\\n', expected 3"),
        (outcome("wrong_answer", output='opaque("A")'), 'f([1], 2) returned opaque("A"), expected 3'),
        (outcome("completed", output="4"), "f([1], 2) returned 4, expected 3"),
        (outcome("runtime_error", error=TRACE), "f([1], 2) raised IndexError: list index out of range"),
        (outcome("runtime_error"), "f([1], 2) raised an error without a message"),
        (outcome("timeout"), "f([1], 2) took too long"),
        (outcome("memory", error="MemoryError"), "f([1], 2) used too much memory"),
        (outcome("output_limit"), "f([1], 2) wrote too much output"),
    ],
)
def test_call_is_told_in_one_line(run, text):
    assert describe(problem(), "[1], 2", "3", run) == text


@pytest.mark.parametrize(
    ("run", "text"),
    [
        (outcome("wrong_answer", output="4\n5\n"), "Input:\n1\n2\nOutput:\n4\n5\nExpected:\n3"),
        (outcome("wrong_answer"), "Input:\n1\n2\nOutput:\n\nExpected:\n3"),
        (outcome("runtime_error", error=TRACE), "Input:\n1\n2\nError: IndexError: list index out of range"),
        (outcome("timeout", output="4"), "Input:\n1\n2\nError: took too long"),
        (outcome("memory"), "Input:\n1\n2\nError: used too much memory"),
        (outcome("output_limit", output="x" * 9), "Input:\n1\n2\nError: wrote too much output"),
    ],
)
def test_program_is_told_with_its_input(run, text):
    assert describe(problem(mode="stdio"), "1\n2\n", "3\n", run) == text


@pytest.mark.parametrize("mode", ["function", "stdio"])
def test_cut_output_is_called_cut(mode):
    """A repair must not mend an output that only looks unfinished."""
    run = outcome("wrong_answer", output="7" * OUTPUT_KEPT)
    assert "7 ... (cut)" in describe(problem(mode=mode), "1", "3", run)


TESTS = (PublicTest(input="10", expected="1"), PublicTest(input="2", expected="1"), PublicTest(input="3", expected="1"))


def test_shortest_failing_example_comes_first():
    state = world({"w": {"10": "9", "2": "8", "3": "1"}}, tests=TESTS)
    assert [f.text for f in failures_of(state, content_id("w"))] == [
        "f(2) returned 8, expected 1",
        "f(10) returned 9, expected 1",
    ]


def test_confirmed_tests_follow_the_examples():
    state = world({"a": {"0": "0", "1": "5"}, "b": {"0": "0", "1": "6"}}, predicted={"1": "5"})
    assert [f.text for f in failures_of(state, content_id("b"))] == ["f(1) returned 6, expected 5"]
    assert failures_of(state, content_id("a")) == []


def test_unconfirmed_tests_are_no_failures():
    state = world({"w": {"0": "9", "1": "6"}}, predicted={"1": "5"})
    assert [f.input_id for f in failures_of(state, content_id("w"))] == [content_id("0")]


def test_program_that_never_ran_has_no_failures():
    assert failures_of(world({"a": {"0": "0"}}), content_id("other")) == []


def test_crash_on_a_confirmed_test_is_a_failure():
    state = world({"a": {"0": "0", "1": "5"}, "b": {"0": "0", "1": None}}, predicted={"1": "5"})
    assert [f.text for f in failures_of(state, content_id("b"))] == ["f(1) raised ValueError: x"]


def test_test_confirmed_by_an_oracle_says_what_it_computed():
    """No text predicted the output: the program that agreed with the oracle tells it."""
    from tests.nodes.test_evidence import ORACLE

    state = world({"a": {"0": "0", "1": "5"}, "b": {"0": "0", "1": "6"}}, oracles=(ORACLE,))
    state = replace(state, outcomes=(*state.outcomes, ran("slow", "0", "0", "0"), ran("slow", "1", "5")))
    assert [f.text for f in failures_of(state, content_id("b"))] == ["f(1) returned 6, expected 5"]
