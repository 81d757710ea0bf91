"""Two Ray nodes on this machine, one killed in the middle of a run: `planted_cluster.py FOLDER TASKS`.

A process of its own, so that Ray's daemons and warnings stay out of the tests' process. Prints, as JSON, when the node
was killed and what was told, one line per task.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}

import tests.conftest  # noqa: F401 - its hook keeps this process on loopback
from benchmark.bench import run_bench
from benchmark.cluster import OBJECT_STORE_BYTES, Cluster
from inference.scripted import ScriptedModel
from tests.benchmark import planted

CONDITIONS = ("baseline", "phase1")


class SlowModel(ScriptedModel):
    """Takes its time, so that a kill falls into the middle of a task."""

    def complete_many(self, requests, **given):
        time.sleep(0.2)
        return super().complete_many(requests, **given)


def open_slow_model(settings):
    """Return the scripted programmer, slowed down."""
    return SlowModel(planted.reply, name="planted")


def main(folder, count):
    """Run the benchmark and kill the second node once two tasks are done."""
    from ray.cluster_utils import Cluster as Nodes

    # Ray takes 127.0.0.1 in an address for this machine's outer one; any other loopback address it leaves alone.
    node = {"num_cpus": 1, "object_store_memory": OBJECT_STORE_BYTES, "node_ip_address": "127.0.0.2"}
    nodes = Nodes(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    second = nodes.add_node(**node)
    source = planted.write_tasks(folder / "tasks.jsonl", [planted.a_task(i) for i in range(count)])
    bench = planted.a_bench(folder, source, CONDITIONS, jobs=2, cluster=Cluster(address=nodes.address))
    bench = replace(bench, search=replace(bench.search, open_model=open_slow_model))
    killed = []

    def on_standing(standing):
        if standing.done >= 2 and not killed:
            nodes.remove_node(second, allow_graceful=False)
            killed.append(standing.done)

    told = []
    measured = run_bench(bench, lambda standing: told.append(standing.done) or on_standing(standing))
    nodes.shutdown()
    names = {condition: [g.sheet.name for g in graded] for condition, graded in measured.results.items()}
    sys.stdout.write(json.dumps({"killed": killed, "told": told, "names": names}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
