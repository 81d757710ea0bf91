"""Two runs on the tasks that they share."""

from __future__ import annotations

import pytest

from benchmark.report.comparison import compare
from benchmark.report.stored import ReportError
from benchmark.report.writing import as_markdown

pytestmark = pytest.mark.bubblewrap


def test_a_run_does_not_differ_from_itself(runs):
    text = as_markdown(compare(str(runs), str(runs)))
    assert "| adaptive | +0.00 [+0.00, +0.00] | 0 | 0 | 1 |" in text
    assert "model, code and settings: the same" in text
    assert "tasks in both: 4" in text


def test_two_conditions_of_one_file_are_compared_task_by_task(runs, measured):
    text = as_markdown(compare(f"{runs}:adaptive", f"{runs}:baseline"))
    won = [
        a.sheet.name
        for a, b in zip(measured.results["adaptive"], measured.results["baseline"], strict=True)
        if a.right and not b.right
    ]
    assert won
    assert f"| adaptive − baseline | {', '.join(won)} | none |" in text


def test_a_condition_that_was_not_run_is_named_with_those_that_were(runs):
    with pytest.raises(ReportError, match="has no condition full; it has baseline, samples"):
        compare(f"{runs}:full", str(runs))
