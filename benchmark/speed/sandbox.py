"""How fast is the sandbox? Ratios to a bare subprocess of the same program, interleaved in one run.

    python -m benchmark.speed.sandbox                  all back ends that answer, a few minutes
    python -m benchmark.speed.sandbox --candidates 1000 --programs 100

Wall times of a busy machine are noise, so every figure is a median of pairs measured one after the other, with its
quartiles, and the load average stands above the table.

Limits: one trivial Python program; what a program itself costs is the same everywhere.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import docker

from benchmark.speed.containers import containers_of_this_process, core_seconds_per_container, docker_run, exec_run
from sandbox.base import Program, SandboxUnavailableError
from sandbox.boxed import BoxedSandbox
from sandbox.choice import open_sandbox
from sandbox.python import system_python

SOURCE = "print(sum(map(int, input().split())))"
INPUT = "1 2 3"
WORKERS = 2
TESTS = 10
_SETTLE_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A measured ratio or time."""

    name: str
    unit: str
    values: tuple[float, ...]
    aim: str = ""

    def line(self) -> str:
        """Return a row of the table."""
        low, middle, high = quartiles(self.values)
        spread = f"{low:.3g} – {high:.3g}"
        return f"| {self.name} | {middle:.3g} {self.unit} | {spread} | {len(self.values)} | {self.aim} |"


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the first quartile, the median and the third."""
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def seconds(action: Callable[[], object]) -> float:
    """Return the wall seconds that an action takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


class Bare:
    """The floor: a subprocess with the same interpreter and flags, without any isolation."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "main.py"
        self._file.write_text(SOURCE, encoding="utf-8")
        self._command = [system_python(), "-s", "-P", "-B", str(self._file)]

    def test(self) -> None:
        """Run the program once."""
        done = subprocess.run(self._command, input=INPUT, capture_output=True, text=True, check=True, cwd="/")
        if done.stdout != "6\n":
            raise RuntimeError(f"the program printed {done.stdout!r}")


def warm_ratios(bare: Bare, sandbox: BoxedSandbox, pairs: int) -> list[float]:
    """Return how much longer a test in a warm box takes than a bare one, pair by pair."""
    tests = sandbox.stream(Program(source=SOURCE, mode="stdio"), [INPUT] * (pairs + 3))
    for _ in range(3):
        next(tests)
    return [(inside / outside) for outside, inside in pairs_of(bare.test, lambda: next(tests), pairs)]


def pairs_of(one: Callable[[], object], other: Callable[[], object], pairs: int) -> Iterator[tuple[float, float]]:
    """Yield the seconds of both actions, each first every second time."""
    for number in range(pairs):
        if number % 2:
            first = seconds(one)
            yield first, seconds(other)
        else:
            second = seconds(other)
            yield seconds(one), second


def rate(work: Callable[[int], object], programs: int) -> float:
    """Return the tests per second of so many programs by two workers."""
    with ThreadPoolExecutor(WORKERS) as threads:
        took = seconds(lambda: list(threads.map(work, range(programs))))
    return programs * TESTS / took


def throughput_ratios(bare: Bare, sandbox: BoxedSandbox, programs: int, rounds: int) -> list[float]:
    """Return the sandbox's rate as a share of the bare one, round by round; a fresh box per program."""

    def inside(number: int) -> None:
        program = Program(source=f"{SOURCE}  # {number}", mode="stdio")
        runs = sandbox.run(program, [INPUT] * TESTS)
        if any(run.output != "6\n" for run in runs):
            raise RuntimeError(f"a program did not end well: {runs}")

    def outside(_: int) -> None:
        for _ in range(TESTS):
            bare.test()

    each = programs // rounds
    return [rate(inside, each) / rate(outside, each) for _ in range(rounds)]


HELD = ("memory, MB", "descriptors", "threads", "processes", "containers")


def growth(sandbox: BoxedSandbox, candidates: int, pause_s: float) -> tuple[list[float], list[float]]:
    """Run candidates with a pause between them, as a model generates.

    Returns:
        The milliseconds waited for each box, and the growth of each of `HELD` over the second half.
    """
    waits = []
    before = [0.0]
    for number in range(candidates):
        if number == candidates // 2:
            before = held()
        time.sleep(pause_s)
        began = time.perf_counter()
        box = sandbox.borrow()
        waits.append(1000 * (time.perf_counter() - began))
        box.close()
    return waits, [after - first for first, after in zip(before, held(), strict=True)]


def held() -> list[float]:
    """Return what this process holds of each of `HELD`, once the pool has filled up and the engine has cleared up."""
    time.sleep(_SETTLE_S)
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    children = [path.read_text(encoding="ascii").split() for path in Path("/proc/self/task").glob("*/children")]
    counts = (len(list(Path("/proc/self/fd").iterdir())), threading.active_count(), sum(map(len, children)))
    return [pages * os.sysconf("SC_PAGE_SIZE") / 1e6, *map(float, counts), float(containers_of_this_process())]


def figures_of(bare: Bare, sandbox: BoxedSandbox, given: argparse.Namespace) -> Iterator[Figure]:
    """Yield what is measured of one back end."""
    name = sandbox.name
    aims = {"docker": "≥ 0.38", "bubblewrap": "≥ 0.58"}
    yield Figure(name=f"{name}: a warm test", unit="x bare", values=tuple(warm_ratios(bare, sandbox, given.pairs)),
                 aim="≤ 1.15")  # fmt: skip
    shares = throughput_ratios(bare, sandbox, given.programs, given.rounds)
    yield Figure(name=f"{name}: {given.programs} programs x {TESTS} tests, a fresh box each", unit="of bare rate",
                 values=tuple(shares), aim=aims.get(name, ""))  # fmt: skip
    waits, grown = growth(sandbox, given.candidates, given.pause)
    yield Figure(name=f"{name}: wait for a warm box, {given.pause:g} s of generation", unit="ms",
                 values=tuple(waits), aim="0")  # fmt: skip
    for what, value in zip(HELD, grown, strict=True):
        label = f"{name}: growth over the last {given.candidates // 2} candidates, {what}"
        yield Figure(name=label, unit="", values=(value,), aim="0")


def figures_of_docker(bare: Bare, given: argparse.Namespace) -> Iterator[Figure]:
    """Yield what other ways through Docker cost, and what one container costs."""
    client = docker.from_env()
    try:
        costs = zip(*core_seconds_per_container(client, given.rounds), strict=True)
        for whose, values in zip(("of engine and shim, at least", "of the whole machine"), costs, strict=True):
            yield Figure(name=f"docker: core-seconds of one container, {whose}", unit="s", values=values)
        ways = {"`docker run` per test": docker_run(client, SOURCE, INPUT)}
        with exec_run(client, SOURCE, INPUT) as execute:
            ways["SDK `exec_run` per test"] = execute
            for name, way in ways.items():
                ratios = [inside / outside for outside, inside in pairs_of(bare.test, way, max(3, given.pairs // 10))]
                yield Figure(name=f"docker: {name}", unit="x bare", values=tuple(ratios))
    finally:
        client.close()


def main() -> int:
    """Measure and print the table; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmark.speed.sandbox", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--back-ends", default="bubblewrap,docker", help="separated by commas")
    parser.add_argument("--pairs", type=int, default=60, help="tests in a warm box, each beside a bare one")
    parser.add_argument("--programs", type=int, default=60, help="programs of the throughput figure")
    parser.add_argument("--rounds", type=int, default=5, help="alternations of bare and boxed throughput")
    parser.add_argument("--candidates", type=int, default=60, help="candidates of the growth figure")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds that a candidate is generated")
    given = parser.parse_args()
    sys.stdout.write(
        f"load average {os.getloadavg()[0]:.1f}, {len(os.sched_getaffinity(0))} cores, {WORKERS} workers\n"
    )
    sys.stdout.write("| what | median | quartiles | n | aim |\n|---|---|---|---|---|\n")
    with ExitStack() as stack:
        bare = Bare(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        for name in given.back_ends.split(","):
            try:
                sandbox = stack.enter_context(open_sandbox(name, workers=WORKERS))
            except SandboxUnavailableError as error:
                sys.stdout.write(f"| {name} | not measured: {error} | | | |\n")
                continue
            _print(figures_of(bare, sandbox, given))
            sandbox.close()
            if name == "docker":
                _print(figures_of_docker(bare, given))
    return 0


def _print(figures: Iterator[Figure]) -> None:
    for figure in figures:
        sys.stdout.write(figure.line() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
