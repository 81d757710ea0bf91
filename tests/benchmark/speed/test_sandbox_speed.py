"""The speed figures: pairs that alternate, quartiles, and one small real run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.speed.sandbox import Figure, pairs_of, quartiles

ROOT = Path(__file__).parents[3]


def test_quartiles_are_those_of_the_values():
    assert quartiles([5.0, 1.0, 3.0, 2.0, 4.0]) == (2.0, 3.0, 4.0)
    assert quartiles([7.0]) == (7.0, 7.0, 7.0)


def test_a_figure_is_a_row_with_its_spread_and_count():
    figure = Figure(name="a test", unit="x bare", values=(1.0, 1.1, 1.2), aim="≤ 1.15")
    assert figure.line() == "| a test | 1.1 x bare | 1.05 – 1.15 | 3 | ≤ 1.15 |"


def test_each_of_a_pair_goes_first_in_turn():
    order = []
    pairs = list(pairs_of(lambda: order.append("one"), lambda: order.append("other"), 3))
    assert order == ["other", "one", "one", "other", "other", "one"]
    assert all(one >= 0 and other >= 0 for one, other in pairs)


@pytest.mark.bubblewrap
def test_a_small_run_prints_every_figure():
    sizes = ["--pairs", "4", "--programs", "4", "--rounds", "1", "--candidates", "4", "--pause", "0.01"]
    command = [sys.executable, "-m", "benchmark.speed.sandbox", "--back-ends", "bubblewrap", *sizes]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| bubblewrap")]
    assert len(rows) == 8
    assert "not measured" not in done.stdout
