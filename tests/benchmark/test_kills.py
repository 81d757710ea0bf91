"""A run that is killed at random moments ends with the results of one that was not."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from benchmark.kills import Trial, kill_at_random, left_alone, report, results


def a_trial(folder, model, tasks):
    return Trial(folder=folder, model=model, tasks=tasks, policies=("baseline", "phase1"), k=2)


@pytest.mark.timeout(900)  # a dozen interpreters start; a busy machine takes its time
@pytest.mark.bubblewrap
@pytest.mark.parametrize(
    ("model", "tasks", "kills"),
    [
        pytest.param("scripted", 12, 3),
        pytest.param("embedded", 4, 2, marks=pytest.mark.gguf),
    ],
)
def test_killed_at_random_moments_the_results_are_equal_byte_for_byte(tmp_path, model, tasks, kills):
    killed, whole = a_trial(tmp_path / "killed", model, tasks), a_trial(tmp_path / "whole", model, tasks)
    moments = kill_at_random(killed, kills, seed=1)
    assert len(moments) == kills
    left_alone(killed)
    left_alone(whole)
    lines = results(whole.runs)
    assert results(killed.runs) == lines
    assert len(lines) >= 2 * tasks
    assert "equal byte for byte" in report(killed, moments, lines, lines)
    with closing(sqlite3.connect(whole.runs)) as file, file:
        file.execute("UPDATE runs SET record = replace(record, 'return', 'RETURN') WHERE condition = 'phase1'")
    assert "lines DIFFER" in report(killed, moments, lines, results(whole.runs))
