"""The reader over whole data sets: every example that it makes is passed by the program that is known to be right."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmark import reading_audit
from benchmark.reading_audit import Reading, audit
from nodes.problem_text import read_problem
from sandbox.choice import open_sandbox

DATA = os.environ.get("ATLAS_DATA", "")
MISTAKES = {"HumanEval/47", "HumanEval/116"}
"""Data sets' own: a median of 8 that is called 15, and an order that the text itself contradicts."""


@pytest.fixture(scope="module")
def sandbox():
    with open_sandbox("bubblewrap", workers=2) as opened:
        yield opened


@pytest.mark.bubblewrap
def test_what_a_right_program_fails_is_counted(sandbox):
    problem = read_problem("Write a function `f(x)`.\n>>> f(1)\n2\n>>> f(2)\n5\nf(3) gives four\n")
    count = audit([Reading(name="t", problem=problem, entry_point="f", reference="def f(x): return x + 1")], sandbox)
    assert (count.examples, count.passed, len(count.failed), len(count.unread)) == (2, 1, 1, 1)


if DATA:
    ROOT = Path(DATA)

    @pytest.mark.bubblewrap
    @pytest.mark.parametrize("form", ["benchmark", "bare"])
    def test_humaneval(sandbox, form):
        path = reading_audit.find(ROOT, reading_audit.FILES["humaneval"])
        count = audit(reading_audit.humaneval(path, form=form), sandbox)
        assert (count.examples >= 420, count.with_examples >= 146, count.wrong_function) == (True, True, [])
        assert {line.split()[0] for line in count.failed} <= MISTAKES

    @pytest.mark.bubblewrap
    def test_sanitized_mbpp(sandbox):
        path = reading_audit.find(ROOT, reading_audit.FILES["sanitized"])
        count = audit(reading_audit.mbpp(path), sandbox)
        assert (count.examples >= 1315, count.without, count.failed, count.wrong_function) == (True, [], [], [])

    def test_livecodebench():
        path = reading_audit.find(ROOT, reading_audit.FILES["lcb"])
        assert sum(bool(words) for _, words in reading_audit.lcb_differences(path)) <= 1
