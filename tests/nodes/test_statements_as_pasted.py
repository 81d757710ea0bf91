"""Statements as people paste them: sites' pages, an editor's text, examples in passing. Read, or said to be unread."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from nodes.problem_text import read_problem
from nodes.reading.several import tolerance_of

LINES = Path(__file__).with_name("statements.jsonl").read_text(encoding="utf-8").splitlines()
CASES = {case["name"]: case for case in map(json.loads, LINES)}


@pytest.mark.parametrize("name", CASES)
def test_an_example_is_read_or_said_to_be_unread(name):
    case = CASES[name]
    problem = read_problem(case["text"])
    assert problem.entry_point == case["entry_point"]
    assert [[test.input, test.expected] for test in problem.tests] == case["tests"]
    assert len(problem.unread) == case["unread"]
    assert problem.tests or problem.unread


def test_types_of_a_docstring_build_lists():
    (test,) = read_problem(CASES["types-in-the-docstring"]["text"]).tests
    assert "linked(args[0])" in test.script


@pytest.mark.parametrize(
    ("name", "how"), [("loop-in-a-doctest", "shown"), ("function-that-prints", "shown"), ("stated-tolerance", "close")]
)
def test_how_an_example_is_compared_follows_the_words(name, how):
    assert [test.how for test in read_problem(CASES[name]["text"]).tests] == [how]


def test_prompts_without_values_take_linear_time():
    began = time.process_time()
    read_problem("Write a function `f(x)`.\n\n" + ">>> f(x)\n" * 20_000)
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "words",
    [
        "considered correct if its absolute or relative error does not exceed 10^-6.",
        "Print the number within a tolerance of 1e-6.",
        "Print the answer with an absolute error of at most 0.000001.",
    ],
)
def test_a_stated_error_is_a_tolerance(words):
    assert tolerance_of(f"Read n. The answer is {words}") == 1e-6
    problem = read_problem(f"Read n, print its half. Your answer is {words}\n\nInput:\n3\nOutput:\n1.5\n")
    assert problem.several == "any_answer"
