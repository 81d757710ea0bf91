"""Search on a Ray cluster (the extra `ray`): one model per worker, one file on the machine that started the run.

A worker is an actor with a model and a sandbox of its own. Runs and pool go through a store beside the driver, which
alone opens the file: every completion is kept as soon as it is made, so a task that is redone generates nothing twice.
When a worker is lost, with its node or alone, its task goes to another and a new worker is asked for; a run is stored
under its key once, so whatever a lost worker still writes is not counted again.

Limits: the driver must run on a node of the cluster, and each node needs ATLAS at this version and the model file
under the same path; a worker that differs is refused. Grading stays on the driver's machine.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmark.cluster_worker import Actor, Description, StoreKeeper, Worker
from benchmark.provenance import code_digest
from benchmark.runner import Search, Searcher, Tick, check_order, tasks_lacking
from benchmark.task import Sheet
from graphs.extras import install

Pending = Any
"""What a call on an actor will return."""

OBJECT_STORE_BYTES = 80 << 20
"""Little travels: problems one way, rows the other."""
MOST_LOSSES = 3
"""Workers that a task may lose before it is taken to be the cause."""
_PATIENCE_S = 20.0
_GOODBYE_S = 10.0


class ClusterError(RuntimeError):
    """The cluster cannot do the work; the message is one line that says what to do. What is stored stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Where workers run, and what each of them takes."""

    address: str = ""
    """Of the head, `10.0.0.1:6379`, or `auto`; empty: a cluster on this machine, loopback only, that ends with the
    run."""
    worker_cpus: int = 1
    worker_gpus: float = 0.0


@dataclass(frozen=True, slots=True)
class _Work:
    worker: Actor
    sheet: Sheet | None = None
    """None while it opens its model."""


class RayWorkers:
    """The workers of a search; a context manager."""

    def __init__(self, search: Search, jobs: int, cluster: Cluster) -> None:
        """Check the conditions; entering connects.

        Raises:
            ConditionError: a control comes without what it is compared with.
        """
        check_order(search.conditions)
        self._search = search
        self._jobs = jobs
        self._cluster = cluster
        self._work: dict[Pending, _Work] = {}
        self._idle: list[Actor] = []
        self._losses: Counter[str] = Counter()
        self._description: Description | None = None
        self._stdout = ExitStack()

    @property
    def searcher(self) -> Searcher:
        """Who searches here, by the first worker that has opened its model.

        Raises:
            ModelError: the model cannot be opened there.
            SandboxUnavailableError: no back end holds there.
            ClusterError: no node can hold a worker, or workers are lost before they begin.
        """
        while self._description is None:
            self._step(deque())
        return self._description.searcher

    def lacking(self, sheets: Sequence[Sheet]) -> list[Sheet]:
        """Return the tasks that lack a run."""
        return tasks_lacking(self._search, self.searcher.selection, sheets)

    def run(self, sheets: Sequence[Sheet]) -> Iterator[Tick]:
        """Run what tasks lack and tell of each that is done and stored, as they end; those of lost workers are redone.

        Raises:
            ModelError: the model failed; everything finished before is stored.
            SandboxUnavailableError: the sandbox failed.
            ClusterError: no node can hold a worker, a task costs one after the other, or workers differ.
        """
        waiting = deque(sheets)
        while waiting or any(work.sheet for work in self._work.values()):
            while waiting and self._idle:
                self._hand_out(self._idle.pop(), waiting.popleft())
            ended = self._step(waiting)
            yield Tick(ended=ended, at_work=tuple(work.sheet.name for work in self._work.values() if work.sheet))

    def __enter__(self) -> Self:
        """Connect, or start a cluster here, and ask for the workers.

        Raises:
            ClusterError: Ray is not installed, or there is no cluster at the address.
        """
        ray = connect(self._cluster, self._jobs)
        # Ray tells of lost nodes on standard output, which is for results.
        self._stdout.enter_context(redirect_stdout(sys.stderr))
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        keeper = ray.remote(StoreKeeper).options(num_cpus=0, scheduling_strategy=here)
        self._keeper = keeper.remote(str(Path(self._search.runs).absolute()))
        for _ in range(self._jobs):
            self._engage()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let workers remove their boxes where the run ended well, and disconnect."""
        import ray

        self._stdout.close()
        if kind is None:
            ray.wait([w.close.remote() for w in self._idle], num_returns=len(self._idle) or 1, timeout=_GOODBYE_S)
        ray.shutdown()

    def _engage(self) -> None:
        import ray

        asked = ray.remote(Worker).options(num_cpus=self._cluster.worker_cpus, num_gpus=self._cluster.worker_gpus)
        worker: Actor = asked.remote(self._search, self._keeper)
        self._work[worker.describe.remote()] = _Work(worker)

    def _hand_out(self, worker: Actor, sheet: Sheet) -> None:
        self._work[worker.run_missing.remote(sheet)] = _Work(worker, sheet)

    def _step(self, waiting: deque[Sheet]) -> Sheet | None:
        """Wait for one worker; return the task that it ended, if it did."""
        import ray

        ended, _ = ray.wait(list(self._work), num_returns=1, timeout=_PATIENCE_S)
        if not ended:
            self._check_room()
            return None
        work = self._work.pop(ended[0])
        try:
            said = self._outcome(ended[0])
        except (ray.exceptions.RayActorError, ray.exceptions.OutOfMemoryError) as lost:
            ray.kill(work.worker)
            self._redo(work, waiting, str(lost))
            return None
        if work.sheet is None:
            self.check_alike(said)
        self._idle.append(work.worker)
        return work.sheet

    def _outcome(self, ref: Pending) -> Any:
        """Return what a call returned; what it raised is raised here in its own words."""
        import ray

        try:
            return ray.get(ref)
        except ray.exceptions.RayTaskError as failed:
            if isinstance(failed.cause, ray.exceptions.RayActorError):
                raise ClusterError(
                    "the process that holds the file of the runs was lost; the same command goes on"
                ) from failed
            raise failed.cause from None

    def _redo(self, work: _Work, waiting: deque[Sheet], why: str) -> None:
        """Give a lost worker's task to another, and ask for a worker in its place."""
        name = work.sheet.name if work.sheet else ""
        self._losses[name] += 1
        if self._losses[name] >= (MOST_LOSSES if name else MOST_LOSSES * self._jobs):
            what = f"the task {name} ended {MOST_LOSSES} workers" if name else "workers end before they begin"
            raise ClusterError(f"{what}, perhaps for lack of memory ({why.splitlines()[0]}); the same command goes on")
        if work.sheet:
            waiting.appendleft(work.sheet)
        self._engage()

    def check_alike(self, description: Description) -> None:
        """Refuse a worker that would measure something else than the first.

        Raises:
            ClusterError: its code, its model or its sandbox differs; the line says on which node.
        """
        if description.code != code_digest():
            raise ClusterError(
                f"node {description.node} has ATLAS at another version ({description.code}, not {code_digest()}): "
                "install this one there"
            )
        first = self._description or description
        if description.searcher != first.searcher:
            raise ClusterError(
                f"nodes {first.node} and {description.node} differ in model or sandbox ({first.searcher.model} in "
                f"{first.searcher.sandbox}, {description.searcher.model} in {description.searcher.sandbox}): "
                "put the same model file under the same path on every node"
            )
        self._description = first

    def _check_room(self) -> None:
        """Make sure that somebody works, or some node could hold a worker."""
        import ray

        nodes: Callable[[], list[dict[str, Any]]] = ray.nodes
        wanted = {"CPU": float(self._cluster.worker_cpus), "GPU": self._cluster.worker_gpus}
        rooms = [node["Resources"] for node in nodes() if node["Alive"]]
        if not any(all(room.get(kind, 0.0) >= amount for kind, amount in wanted.items()) for room in rooms):
            raise ClusterError(
                f"no node of the cluster has {wanted['CPU']:g} CPUs and {wanted['GPU']:g} GPUs for a worker: start one "
                "with ray start --address, or ask for less with --worker-cpus and --worker-gpus"
            )


def connect(cluster: Cluster, jobs: int) -> Any:
    """Connect this process to a cluster and return the module `ray`; telemetry and dashboard stay off.

    Raises:
        ClusterError: Ray is not installed, or there is no cluster at the address.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray
    except ImportError as error:
        raise ClusterError(f"--engine ray needs the extra `ray`: {install('ray')}") from error
    if cluster.address:
        try:
            _knock(cluster.address)
            ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, RuntimeError, ValueError) as error:
            raise ClusterError(f"no Ray cluster answers at {cluster.address}: {error}") from error
        return ray
    ray.init(
        address="local",
        num_cpus=jobs * cluster.worker_cpus,
        include_dashboard=False,
        object_store_memory=OBJECT_STORE_BYTES,
        log_to_driver=False,
        logging_level=logging.ERROR,
        _node_ip_address="127.0.0.1",
    )
    return ray


def _knock(address: str) -> None:
    """Make sure that something listens; Ray itself tries for minutes before it says so.

    Raises:
        OSError: nothing does.
        ValueError: this is no address.
    """
    if address != "auto":
        host, _, port = address.rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), timeout=_GOODBYE_S).close()
