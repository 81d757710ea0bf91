"""Two builds of ATLAS side by side on a real model: this one and another checkout, in turn within each round.

    python -m benchmark.speed.builds --other CHECKOUT --model MODEL.gguf --problems FOLDER --rounds 3

Workloads: `solve`, the command `atlas solve` on each problem of a folder (wall seconds until the answer and until the
first program that passes its examples, and how many further checks the answer passes); `programs`, plain programs of
many problems in one call of the engine; `prompt`, a long prompt alone; `k`, some texts over one prompt. Both builds run
with this interpreter and its libraries, each with its own checkout on the path. Readings are kept in a file, so that a
run can go on; a ratio is taken inside a round.

With `--patience N` the other build is interrupted after N times what this one took for the same problem, and its time
counts as at least that ("cut"): an old build that needs an hour need not be waited for.

Limits: a reading of the engine ends after `--seconds`, whatever is left to write then; the machine must be idle.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmark.checked_answers import Checks, passed
from sandbox.base import SandboxChoice

HERE = Path(__file__).resolve().parents[2]
WORKER = Path(__file__).with_name("build_worker.py")
WORKLOADS = ("solve", "programs", "prompt", "k")
_PASSES = "passes"
_SENTENCE = "The quick brown fox jumps over the lazy dog while seven wizards box. "


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A checkout of ATLAS."""

    name: str
    folder: Path

    def command(self, *arguments: str) -> list[str]:
        """Return a command line of Python with this checkout, and no other, on the path."""
        return [sys.executable, "-P", *arguments]

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its processes."""
        return {**os.environ, "PYTHONPATH": str(self.folder)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One workload, done once by one build."""

    round: int
    build: str
    workload: str
    seconds: float
    tokens: int = 0
    first_s: float | None = None
    """Seconds until the first program that passes the examples; None where there was none."""
    mib: float = 0.0
    """Most resident memory."""
    checks: int = 0
    """Further checks that the answer passes."""
    of: int = 0
    verified: bool = False
    cut: bool = False
    """Whether it was interrupted, so that `seconds` is less than it would have taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is measured."""

    builds: tuple[Build, ...]
    model: str
    problems: Path | None = None
    prompts: tuple[str, ...] = ()
    seconds: float = 120.0
    sandbox: SandboxChoice = "bubblewrap"
    widths: tuple[int, ...] = (1, 4, 8, 16)
    workloads: tuple[str, ...] = WORKLOADS
    patience: float = 0.0
    """The other build is interrupted after so many times what this one took; 0 waits for it."""
    settings: Mapping[str, Any] = field(default_factory=dict)


def readings(task: Task, turn: int) -> Iterator[Reading]:
    """Yield the readings of one round, the builds in turn at each workload."""
    if "solve" in task.workloads and task.problems is not None:
        checks = json.loads((task.problems / "checks.json").read_text(encoding="utf-8"))
        for path in sorted(task.problems.glob("*.md")):
            longest = None
            for build in task.builds:
                reading = solved(task, build, turn, path, checks.get(path.stem, []), longest)
                longest = task.patience * reading.seconds or None
                yield reading
    for workload, given in _engine_work(task):
        for build in task.builds:
            yield _of_engine(task, build, turn, workload, given)


def _engine_work(task: Task) -> Iterator[tuple[str, dict[str, Any]]]:
    if "programs" in task.workloads and task.prompts:
        work = {"prompts": task.prompts, "k": 8, "tokens": 512, "searches": 8}
        yield f"{len(task.prompts)} problems x 8 programs", work
    if "prompt" in task.workloads:
        yield "prompt of 1024 tokens", {"prompts": [_SENTENCE * 72], "k": 1, "tokens": 1, "searches": 1}
    if "k" in task.workloads:
        for k in task.widths:
            yield f"k = {k}", {"prompts": [_SENTENCE * 27], "k": k, "tokens": 96, "searches": 1}


def solved(task: Task, build: Build, turn: int, path: Path, checks: Checks, longest_s: float | None = None) -> Reading:
    """Run `atlas solve` on a problem and read when its programs passed and what its answer is worth."""
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "answer.py"
        command = build.command("-m", "cli.entry", "solve", str(path), "--model", task.model)
        seen = _watched([*command, "--sandbox", task.sandbox, "--output", str(saved)], build, longest_s)
        code = saved.read_text(encoding="utf-8") if saved.exists() else ""
    return Reading(
        round=turn,
        build=build.name,
        workload=path.stem,
        seconds=seen.seconds,
        first_s=seen.first_s,
        checks=passed(code, path.read_text(encoding="utf-8"), checks, sandbox=task.sandbox),
        of=len(checks),
        verified=seen.verified,
        cut=seen.cut,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A run of `atlas solve`, from outside."""

    seconds: float
    first_s: float | None
    verified: bool
    cut: bool


def _watched(command: Sequence[str], build: Build, longest_s: float | None) -> _Seen:
    """Run `atlas solve`, no longer than so many seconds, and look at its progress."""
    began, first, cut = time.monotonic(), None, threading.Event()
    with subprocess.Popen(
        command,
        env=build.environment,
        cwd=build.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:

        def interrupt() -> None:
            cut.set()
            process.send_signal(signal.SIGINT)

        timer = threading.Timer(longest_s or threading.TIMEOUT_MAX, interrupt)
        timer.daemon = True
        timer.start()
        for line in process.stderr or ():
            if first is None and _passes_all(line):
                first = time.monotonic() - began
        timer.cancel()
    verified = process.returncode == 0 and not cut.is_set()
    return _Seen(seconds=time.monotonic() - began, first_s=first, verified=verified, cut=cut.is_set())


def _passes_all(line: str) -> bool:
    """Say whether a line of progress tells of a program that passes every example: "passes 2 of 2 examples"."""
    words = line.split()
    if _PASSES not in words:
        return False
    count = words[words.index(_PASSES) + 1 :][:3]
    return len(count) == 3 and count[0] == count[2] and count[0] != "0"


def _of_engine(task: Task, build: Build, turn: int, workload: str, given: dict[str, Any]) -> Reading:
    settings = {"model": task.model, "k": 8, "searches": given["searches"], **task.settings}
    asked = {**given, "settings": settings, "seconds": task.seconds}
    done = subprocess.run(
        build.command(str(WORKER)),
        input=json.dumps(asked),
        env=build.environment,
        cwd=build.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{build.name} failed at {workload}: {done.stderr.strip().splitlines()[-1:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    tokens = max(1, int(found["tokens"]))
    return Reading(
        round=turn, build=build.name, workload=workload, seconds=found["seconds"], tokens=tokens, mib=found["mib"]
    )


def table(found: Sequence[Reading], builds: Sequence[Build]) -> str:
    """Return how the first build stands to the second: times of `solve`, and tokens a second of the engine."""
    ours, theirs = builds[0].name, builds[1].name
    lines = [
        f"| workload | rounds | {ours} | {theirs} | ratio, median | range | first pass | checks | verified | MiB |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for workload in dict.fromkeys(one.workload for one in found):
        pairs = list(_pairs(found, workload, ours, theirs))
        if pairs:
            lines.append(_row(workload, pairs))
    return "\n".join(lines) + "\n"


def _pairs(found: Sequence[Reading], workload: str, ours: str, theirs: str) -> Iterator[tuple[Reading, Reading]]:
    by = {(one.round, one.build): one for one in found if one.workload == workload}
    for turn in sorted({one.round for one in found}):
        if (turn, ours) in by and (turn, theirs) in by:
            yield by[turn, ours], by[turn, theirs]


def _row(workload: str, pairs: Sequence[tuple[Reading, Reading]]) -> str:
    is_solve = bool(pairs[0][0].of)
    values = [_speed(one, is_solve) / _speed(other, is_solve) for one, other in pairs]
    shown = [
        " / ".join(f"{'>' * one.cut}{_speed(one, is_solve):.1f}" for one in side) for side in zip(*pairs, strict=True)
    ]
    cells = [workload, str(len(pairs)), *shown, f"{median(values):.2f}", f"{min(values):.2f}-{max(values):.2f}"]
    cells += [_both(pairs, "first_s", ".0f") if is_solve else "", _both(pairs, "checks", "d") if is_solve else ""]
    cells += [_both(pairs, "verified", "d") if is_solve else "", "" if is_solve else _both(pairs, "mib", ".0f")]
    return f"| {' | '.join(cells)} |"


def _speed(one: Reading, is_solve: bool) -> float:
    """Return seconds of a search, or tokens a second of the engine."""
    return one.seconds if is_solve else one.tokens / one.seconds


def _both(pairs: Sequence[tuple[Reading, Reading]], name: str, form: str) -> str:
    def of(side: Iterable[Reading]) -> str:
        return ", ".join("-" if (value := getattr(one, name)) is None else format(value, form) for one in side)

    ours, theirs = zip(*pairs, strict=True)
    return f"{of(ours)} vs {of(theirs)}"


def _kept(path: Path) -> list[Reading]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [Reading(**json.loads(line)) for line in lines]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--other", type=Path, required=True, help="checkout that is compared with")
    parser.add_argument("--model", required=True, help="model file")
    parser.add_argument("--problems", type=Path, help="folder of problems (*.md) with a checks.json")
    parser.add_argument("--prompts", type=Path, help="JSON file with a list of prompts, for `programs`")
    parser.add_argument("--workloads", default=",".join(WORKLOADS), help="some of " + ", ".join(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=120.0, help="longest reading of the engine")
    parser.add_argument("--patience", type=float, default=0.0, help="how many times this build's time the other gets")
    parser.add_argument("--sandbox", default="bubblewrap")
    parser.add_argument("--out", type=Path, default=Path("runs/builds.jsonl"))
    given = parser.parse_args(arguments)
    task = Task(
        builds=(Build(name="this build", folder=HERE), Build(name="other build", folder=given.other.resolve())),
        model=given.model,
        problems=given.problems and given.problems.resolve(),
        prompts=tuple(json.loads(given.prompts.read_text(encoding="utf-8"))) if given.prompts else (),
        seconds=given.seconds,
        sandbox=given.sandbox,
        patience=given.patience,
        workloads=tuple(given.workloads.split(",")),
    )
    kept = _kept(given.out)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    for turn in range(given.rounds):
        for reading in readings(task, len({one.round for one in kept}) + turn if kept else turn):
            with given.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(reading)) + "\n")
            sys.stderr.write(f"{reading}\n")
    sys.stdout.write(table(_kept(given.out), task.builds))


if __name__ == "__main__":
    main()
