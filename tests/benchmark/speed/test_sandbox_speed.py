"""The speed figures: pairs that alternate, quartiles, and one small real run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.speed.sandbox import Figure, pairs_of, quartiles
from tests.sandbox.conftest import open_any

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


def small_run(name: str) -> list[str]:
    sizes = ["--pairs", "4", "--programs", "4", "--rounds", "1", "--candidates", "4", "--pause", "0.01"]
    command = [sys.executable, "-m", "benchmark.speed.sandbox", "--back-ends", name, *sizes]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "not measured" not in done.stdout
    return [line for line in done.stdout.splitlines() if line.startswith(f"| {name}")]


@pytest.mark.bubblewrap
def test_a_small_run_prints_every_figure():
    assert len(small_run("bubblewrap")) == 8


@pytest.mark.docker
def test_other_ways_through_docker_stand_in_the_same_table():
    open_any("docker").close()
    rows = small_run("docker")
    assert len(rows) == 12
    others = {row.split(" | ")[0]: float(row.split(" | ")[1].split()[0]) for row in rows[8:]}
    assert list(others) == [
        "| docker: core-seconds of one container, of engine and shim, at least",
        "| docker: core-seconds of one container, of the whole machine",
        "| docker: `docker run` per test",
        "| docker: SDK `exec_run` per test",
    ]
    # So much that no load hides it: a container for each test costs a multiple of a process.
    assert others["| docker: `docker run` per test"] > 2
