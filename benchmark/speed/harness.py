"""What ATLAS itself costs: `python -m benchmark.speed.harness --tasks 1000`.

Tasks run one after another in one process, as in a benchmark: a scripted model, which takes no time of its own, and a
real sandbox. Everything that is in neither is the harness: the graph, prompts, evidence, routing, the pool, the stored
runs. Wall milliseconds grow with whatever else the machine does; CPU milliseconds of this process hardly do.

Limits: a real model's tokenizer and batching are in the model's account, not here.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from benchmark import planted
from benchmark.conditions import CONDITIONS
from benchmark.markdown import grid
from benchmark.provenance import code_digest, commit, cores
from benchmark.runner import Search, Workbench
from benchmark.runs import Run
from graphs.factory import open_box
from nodes.settings import Settings

EVERY = 100
"""Tasks between two readings of memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overhead:
    """What was measured."""

    harness_ms: tuple[float, ...]
    """Wall time of each task in neither model nor sandbox."""
    sandbox_ms: tuple[float, ...]
    programs: float
    """Mean candidates per task."""
    rounds: float
    cpu_ms: tuple[float, ...]
    """CPU time of this process for each task."""
    memory_mb: tuple[float, ...]
    """Resident memory at the start and after every `EVERY` tasks."""
    peak_mb: float


def measure(folder: Path, policy: str, tasks: int, k: int) -> Overhead:
    """Run tasks under a policy and return what they cost beside model and sandbox.

    Args:
        folder: where the pool and the runs go.
        policy: name of the condition.
        tasks: how many.
        k: programs per widening.

    Raises:
        SandboxUnavailableError: no back end holds.
    """
    settings = Settings(k=k, sandbox="bubblewrap", sandbox_workers=1)
    model = planted.open_model(settings)
    search = Search(
        runs=str(folder / "runs.sqlite"),
        conditions=(CONDITIONS[policy],),
        settings=settings,
        code=code_digest(),
        open_model=lambda settings: model,
        open_sandbox=open_box,
    )
    with closing(Workbench(search)) as bench:
        runs, cpu, memory = [], [], [resident_mb()]
        for i in range(1, tasks + 1):
            sheet, began = planted.a_task(i).sheet, time.process_time()
            bench.run_missing(sheet)
            cpu.append(1000 * (time.process_time() - began))
            runs.append(_figures(bench.stored(sheet)[policy]))
            model.forget()
            if i % EVERY == 0:
                memory.append(resident_mb())
    harness, sandbox, programs, rounds = zip(*runs, strict=True)
    return Overhead(
        harness_ms=harness,
        sandbox_ms=sandbox,
        programs=fmean(programs),
        rounds=fmean(rounds),
        cpu_ms=tuple(cpu),
        memory_mb=tuple(memory),
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def resident_mb() -> float:
    """Return the resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / (1 << 20)


def described(policy: str, found: Overhead) -> list[str]:
    """Return a line of the table."""
    return [
        policy,
        str(len(found.harness_ms)),
        f"{found.programs:.1f}",
        f"{found.rounds:.1f}",
        _spread(found.harness_ms),
        _spread(found.cpu_ms),
        _spread(found.sandbox_ms),
        " → ".join(f"{mb:.0f}" for mb in (found.memory_mb[0], *found.memory_mb[1:2], found.memory_mb[-1])),
        f"{found.peak_mb:.0f}",
    ]


def _figures(run: Run) -> tuple[float, float, int, int]:
    return 1000 * run.harness_s, 1000 * run.spent.sandbox_s, len(run.state.candidates), len(run.state.history)


def _spread(values: Sequence[float]) -> str:
    low, median, high = np.percentile(values, [10, 50, 90])
    return f"{median:.1f} [{low:.1f}, {high:.1f}]"


def main() -> int:
    """Write the table to standard output."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.speed.harness", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--policies", default="adaptive", help="separated by commas")
    parser.add_argument("--k", type=int, default=4, help="programs per widening")
    given = parser.parse_args()
    lines = []
    for policy in given.policies.split(","):
        with tempfile.TemporaryDirectory() as folder:
            lines.append(described(policy, measure(Path(folder), policy, given.tasks, given.k)))
    head = ["policy", "tasks", "programs", "rounds", "harness, wall ms", "harness, CPU ms", "sandbox, wall ms",
            f"memory at the start, after {EVERY}, at the end, MB", "peak, MB"]  # fmt: skip
    sys.stdout.write(
        f"- scripted model, bubblewrap, one process, {cores()} cores, commit {commit()}; per task: median "
        f"[10th, 90th percentile]\n\n{grid(head, lines)}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
