"""The Ray engine: two nodes, one lost in the middle; what differs or is missing ends in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from benchmark.bench import run_bench
from benchmark.cluster import Cluster, ClusterError, RayWorkers, connect
from benchmark.cluster_worker import Description
from benchmark.provenance import code_digest
from benchmark.runner import Searcher
from benchmark.runs import RunBook, Selection
from tests.benchmark import planted_cluster
from tests.benchmark.planted import a_bench, a_search, a_task, write_tasks
from tests.benchmark.test_bench import outcome

TASKS = 6


@pytest.mark.bubblewrap
@pytest.mark.ray
@pytest.mark.timeout(600)  # two Ray nodes start, and one must be missed
def test_a_node_killed_in_the_middle_costs_nothing_and_counts_nothing_twice(tmp_path):
    spread, here = tmp_path / "spread", tmp_path / "here"
    spread.mkdir()
    here.mkdir()
    told = told_by(spread)
    assert 2 <= told["killed"][0] < TASKS
    assert told["told"] == sorted(told["told"])
    assert set(range(TASKS + 1)) == set(told["told"])
    source = write_tasks(here / "tasks.jsonl", [a_task(i) for i in range(TASKS)])
    bench = a_bench(here, source, planted_cluster.CONDITIONS)
    whole = run_bench(bench, lambda standing: None)
    names = [f"twice-{i}" for i in range(TASKS)]
    assert told["names"] == {condition: names for condition in whole.results}
    # The same command on this machine finds everything stored, and the results are those of a run without a cluster.
    again = a_bench(
        spread, write_tasks(spread / "tasks.jsonl", [a_task(i) for i in range(TASKS)]), planted_cluster.CONDITIONS
    )
    stored = rows_of(again)
    assert outcome(again, run_bench(again, lambda standing: None)) == outcome(bench, whole)
    assert rows_of(again) == stored
    assert len(stored) == TASKS * len(whole.results)


def told_by(folder):
    """Run the script and return what it printed last."""
    command = [sys.executable, str(Path(planted_cluster.__file__)), str(folder), str(TASKS)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def rows_of(bench):
    with closing(RunBook(bench.search.runs)) as book:
        return book.database.rows("SELECT task, condition, record FROM runs ORDER BY 1, 2")


def test_without_ray_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ClusterError, match=r"needs the extra `ray`: .*pip install .* requirements-ray\.lock"):
        connect(Cluster(), 1)


def described(node, model="a model", code=""):
    searcher = Searcher(selection=Selection(model=model, code="v1", digests=()), model=model, sandbox="bubblewrap")
    return Description(searcher=searcher, code=code or code_digest(), node=node)


@pytest.mark.parametrize(
    ("other", "complaint"),
    [
        ({"code": "older"}, "node b has ATLAS at another version .older, not"),
        ({"model": "another"}, "nodes a and b differ in model or sandbox .*put the same model file"),
    ],
)
def test_a_worker_that_would_measure_something_else_is_refused(tmp_path, other, complaint):
    workers = RayWorkers(a_search(tmp_path), 2, Cluster())
    workers.check_alike(described("a"))
    workers.check_alike(described("c"))
    with pytest.raises(ClusterError, match=complaint):
        workers.check_alike(described("b", **other))


@pytest.mark.ray
@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere"])
def test_an_address_without_a_cluster_is_named(address):
    with pytest.raises(ClusterError, match=f"no Ray cluster answers at {address}: "):
        connect(Cluster(address=address), 1)
