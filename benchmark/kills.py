"""Is a run that was killed as good as one that was not: `python -m benchmark.kills --model embedded --tasks 100`.

A run in the reproducible mode (one batch width, token budgets only) is killed with SIGKILL at random moments and
started again each time, with several searches at once; another one, a search at a time, is left alone. Their results
must be equal byte for byte, but for what was measured of the machine (times, peak memory) and for what came from the
pool instead of the model.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from benchmark import planted
from benchmark.bench import Bench, Standing, run_bench
from benchmark.conditions import CONDITIONS
from benchmark.database import Database
from benchmark.measurement import verdicts_beside
from benchmark.provenance import code_digest, commit
from benchmark.runner import Search
from benchmark.sampling import Choice
from benchmark.task import TaskSource
from graphs.factory import open_box, open_model
from nodes.settings import Settings

MEASURED = frozenset({"seconds", "wall_s", "cpu_s", "sandbox_seconds", "started", "peak_mb", "spent"})
"""Fields that say how long something took, or what was already there."""
_WITHOUT_END = 1e9
_LOOK_S = 0.01
SEED = 3
"""Of the embedded tasks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is run, in a folder of its own."""

    folder: Path
    model: str
    """`embedded` or `scripted`."""
    tasks: int
    policies: tuple[str, ...]
    k: int
    jobs: int = 1
    """Searches at once."""

    @property
    def runs(self) -> Path:
        """The file of the runs."""
        return self.folder / "runs.sqlite"

    def bench(self) -> Bench:
        """Return the run: one text at a time, and nothing that a clock could end."""
        settings = Settings(
            k=self.k,
            batch_width=1,
            threads=1,
            sandbox_workers=self.jobs,
            sandbox="bubblewrap",
            budget_seconds=_WITHOUT_END,
            budget_sandbox_seconds=_WITHOUT_END,
        )
        is_scripted = self.model == "scripted"
        search = Search(
            runs=str(self.runs),
            conditions=tuple(CONDITIONS[name] for name in self.policies),
            settings=settings,
            code=code_digest(),
            open_model=planted.open_model if is_scripted else open_model,
            open_sandbox=open_box,
        )
        if is_scripted:
            source = planted.write_tasks(self.folder / "tasks.jsonl", [planted.a_task(i) for i in range(self.tasks)])
        else:
            source = TaskSource(data_set="embedded", n=self.tasks, seed=SEED)
        return Bench(name="kills", source=source, choice=Choice(), search=search, jobs=self.jobs)

    def command(self) -> list[str]:
        """Return the command that runs it, in a process to be killed."""
        options = {"folder": self.folder, "model": self.model, "tasks": self.tasks, "k": self.k, "jobs": self.jobs}
        given = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        return [sys.executable, "-m", "benchmark.kills", "--only-run", *given, "--policies", ",".join(self.policies)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One SIGKILL, or one that came too late."""

    done: int
    """Tasks that the run had told as done when it was killed."""
    seconds: float
    """After it was started."""
    missed: bool = False
    """Whether the run had ended by itself, or had no task left to search: no kill then, and none can follow."""


def kill_at_random(trial: Trial, kills: int, seed: int, *, within_s: float = 2.0) -> tuple[Kill, ...]:
    """Start a run as often as it is to be killed, and kill it each time at a random moment; one may miss.

    The moment is up to `within_s` seconds after a task that is drawn as well.
    """
    moments = random.Random(seed)
    thresholds = sorted(moments.randrange(trial.tasks) for _ in range(kills))
    return tuple(_kill(trial, least, moments.uniform(0, within_s)) for least in thresholds)


def left_alone(trial: Trial) -> None:
    """Run to the end, in a process of its own.

    Raises:
        subprocess.CalledProcessError: the run failed.
    """
    trial.folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(trial.command(), check=True, stdout=subprocess.DEVNULL)


def results(runs: Path) -> list[str]:
    """Return every stored run and every verdict of a finished run, without what was measured, one line each."""
    with closing(Database(runs, "")) as book:
        rows = book.rows("SELECT task, condition, settings, model, code, record FROM runs ORDER BY 1, 2")
    searched = [json.dumps([*row, _without_measured(json.loads(text))], sort_keys=True) for *row, text in rows]
    with closing(Database(verdicts_beside(runs), "")) as book:
        verdicts = book.rows("SELECT task, program, record FROM verdicts ORDER BY 1, 2")
    return searched + [json.dumps(row) for row in verdicts]


def _without_measured(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_measured(item) for name, item in value.items() if name not in MEASURED}
    return [_without_measured(item) for item in value] if isinstance(value, list) else value


def _kill(trial: Trial, least: int, delay: float) -> Kill:
    """Start a run and kill it some time after it has told of `least` tasks, at the latest while its last one runs."""
    trial.folder.mkdir(parents=True, exist_ok=True)
    told, began = trial.folder / "told.txt", time.monotonic()
    quiet = subprocess.DEVNULL  # what a killed interpreter leaves to say
    with told.open("wb") as file, subprocess.Popen(trial.command(), stdout=file, stderr=quiet) as process:
        while process.poll() is None and _done(told) < least:
            time.sleep(_LOOK_S)
        end = time.monotonic() + delay
        while process.poll() is None and _done(told) < trial.tasks - 1 and time.monotonic() < end:
            time.sleep(_LOOK_S)
        process.send_signal(signal.SIGKILL)
        seconds = time.monotonic() - began
    done = max(0, _done(told))
    missed = process.returncode != -signal.SIGKILL or done >= trial.tasks
    return Kill(done=done, seconds=seconds, missed=missed)


def _done(told: Path) -> int:
    """Return how many tasks a run has told as done; -1 where it has told nothing yet."""
    whole_lines = told.read_text().rpartition("\n")[0].split()
    return int(whole_lines[-1]) if whole_lines else -1


def _tell(standing: Standing) -> None:
    sys.stdout.write(f"{standing.done}\n")
    sys.stdout.flush()


def report(trial: Trial, kills: Sequence[Kill], killed: Sequence[str], whole: Sequence[str]) -> str:
    """Return what was found, in Markdown."""
    digests = [sha256("\n".join(lines).encode()).hexdigest()[:16] for lines in (killed, whole)]
    different = sum(a != b for a, b in zip(killed, whole, strict=False)) + abs(len(killed) - len(whole))
    real = [kill for kill in kills if not kill.missed]
    at = ", ".join(f"{kill.done} ({kill.seconds:.1f} s)" for kill in real) or "none"
    missed = f"; {len(kills) - len(real)} more came when nothing was left to do" if len(real) < len(kills) else ""
    return "\n".join(
        [
            f"- {trial.tasks} tasks, model {trial.model}, policies {','.join(trial.policies)}, k {trial.k}, one text "
            f"at a time for {trial.jobs} searches at once, commit {commit()}",
            f"- killed {len(real)} times; tasks done and seconds since the start: {at}{missed}",
            f"- results: {len(killed)} runs and verdicts after the kills, {len(whole)} without; SHA-256 {digests[0]} "
            f"and {digests[1]}",
            f"- {'equal byte for byte' if not different else f'{different} lines DIFFER'}",
        ]
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmark.kills", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", choices=["embedded", "scripted"], default="scripted")
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--policies", default="baseline,adaptive", help="separated by commas")
    parser.add_argument("--k", type=int, default=4, help="programs per widening")
    parser.add_argument("--jobs", type=int, default=4, help="searches at once in the run that is killed")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--folder", type=Path, default=Path("runs/kills"), help="must not hold runs yet")
    parser.add_argument("--only-run", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    """Write what was found to standard output; return 1 where the results differ, 2 where the folder is in use."""
    given = _arguments()
    policies = tuple(given.policies.split(","))

    def trial(folder: Path, jobs: int) -> Trial:
        return Trial(folder=folder, model=given.model, tasks=given.tasks, policies=policies, k=given.k, jobs=jobs)

    if given.only_run:
        run_bench(trial(given.folder, given.jobs).bench(), _tell)
        return 0
    killed = trial(given.folder / f"{given.model}-killed", given.jobs)
    whole = trial(given.folder / f"{given.model}-whole", 1)
    if killed.runs.exists() or whole.runs.exists():
        sys.stderr.write(f"{given.folder} holds runs: name another --folder\n")
        return 2
    kills = kill_at_random(killed, given.kills, given.seed)
    left_alone(killed)
    left_alone(whole)
    lines = results(killed.runs), results(whole.runs)
    sys.stdout.write(report(killed, kills, *lines) + "\n")
    return int(lines[0] != lines[1])


if __name__ == "__main__":
    sys.exit(main())
