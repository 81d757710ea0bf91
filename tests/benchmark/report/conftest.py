"""One small measurement, made once: four planted tasks under every condition, searched, graded and recorded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmark.conditions import CONDITIONS
from benchmark.report.stored import load_measured
from benchmark.table import measure
from nodes.problem_text import read_problem
from tests.benchmark.planted import a_search, a_task, write_tasks

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"
CHOSEN = ("baseline", "samples", "phase1", "adaptive")


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Return the file of a measurement; the statement of its first task is hostile."""
    folder = tmp_path_factory.mktemp("measured")
    tasks = [a_task(i) for i in range(1, 5)]
    problem = tasks[0].problem
    hostile = read_problem(problem.statement.replace("repeats", f"{HOSTILE} repeats"))
    tasks[0] = replace(tasks[0], problem=hostile)
    assert set(CHOSEN) <= CONDITIONS.keys()
    measure(a_search(folder, CHOSEN), write_tasks(folder / "tasks.jsonl", tasks), 1)
    return folder / "runs.sqlite"


@pytest.fixture(scope="session")
def measured(runs):
    """Return the measurement as a report reads it."""
    return load_measured(str(runs))
