"""Statements as people paste them: sites' pages, an editor's text, examples in passing. Read, or said to be unread."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nodes.problem_text import read_problem

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
