"""`atlas bench` and `atlas ablate`: run policies on a data set, show how far it is, print the table."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from benchmark.bench import Bench, Measured, run_bench
from benchmark.cluster import Cluster, ClusterError
from benchmark.conditions import CONDITIONS, Condition, ConditionError
from benchmark.crew import searches_at_once
from benchmark.data_sets import in_words
from benchmark.markdown import write_tables
from benchmark.plan import PlanError
from benchmark.processes import leave
from benchmark.provenance import code_digest, commit, cores
from benchmark.readings import readings_table
from benchmark.runner import Search
from benchmark.sampling import Choice, check_dates
from benchmark.table import described, ended_by_the_clock, searches_in_words
from benchmark.task import TaskError, TaskSource
from cli.bench_progress import Bar, BenchProgress, Lines
from cli.exits import EXPECTED, Exit, UsageError, exit_code, one_line, wants_tracebacks
from cli.first_model import with_model
from cli.printable import printable
from graphs.configuration import load_settings
from graphs.factory import EMBEDDED_NAME, open_box, open_model
from graphs.policies import POLICIES
from inference.base import Model
from nodes.settings import Settings
from sandbox.base import Sandbox

REFUSED = (*EXPECTED, TaskError, PlanError, ConditionError, ClusterError, sqlite3.Error, OSError)
"""Failures that end in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchOptions:
    """What the command line asks for, beside the settings."""

    data_set: str
    data: str = ""
    release: str = ""
    policies: tuple[str, ...]
    k: int = 0
    choice: Choice = Choice()
    jobs: int | None = None
    """None: as many searches at once as keep an engine busy, or one worker of a cluster."""
    cluster: Cluster | None = None
    """None: a process of this machine."""
    runs: str = ""
    """File of the runs and the pool."""
    name: str = ""
    config: Path | None = None
    flags: Mapping[str, object]
    """Settings given as flags; None where a flag was not given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Openers:
    """What opens a model and a sandbox in each process; importable functions."""

    model: Callable[[Settings], Model] = open_model
    sandbox: Callable[[Settings], Sandbox] = open_box


def run_bench_command(options: BenchOptions, openers: Openers = Openers()) -> int:
    """Run the command and return its exit code; expected failures end in one line on standard error."""
    try:
        return _run(options, openers)
    except REFUSED as error:
        if wants_tracebacks():
            raise
        return fail(one_line(error), exit_code(error))
    except BrokenProcessPool:
        return fail(
            "a process was ended from outside, perhaps for lack of memory; the same command goes on", Exit.MODEL
        )
    except KeyboardInterrupt:
        code = fail("stopped; the same command goes on from here", Exit.INTERRUPTED)
    return leave(code)


def _run(options: BenchOptions, openers: Openers) -> int:
    bench = _bench(options, openers)
    with _progress(options) as progress:
        measured = run_bench(bench, progress.tell)
    print(report(bench, measured))
    return 0


def report(bench: Bench, measured: Measured) -> str:
    """Return the tables of a run in Markdown, and above them what was measured with what."""
    source, choice = bench.source, bench.choice
    window = f", {choice.since or 'the first'} to {choice.until or 'the last'}" if choice.since or choice.until else ""
    drawn = f", sample {choice.sample} with seed {choice.sample_seed}" if choice.sample else ""
    shard = f", shard {choice.shard}" if choice.shard != "1/1" else ""
    head = [
        f"- tasks: {len(measured.sheets)} of {in_words(source)}" + window + drawn + shard,
        f"- model: {measured.searcher.model} ({measured.searcher.selection.model})",
        f"- code: commit {commit()}, search {measured.searcher.selection.code}",
        f"- settings: {described(bench.search.settings)}",
        f"- sandbox: {measured.searcher.sandbox}; {_machines(bench)}",
        f"- {ended_by_the_clock(measured.results)}",
        f"- minutes of this call: {measured.searched_s / 60:.1f} to search, {measured.graded_s / 60:.1f} to grade",
        f"- runs: {bench.search.runs}, named {bench.name}",
    ]
    tables = [write_tables(measured.results, measured.sheets), readings_table(measured.results)]
    return "\n\n".join(["\n".join(head), *(table for table in tables if table)])


def _machines(bench: Bench) -> str:
    if bench.cluster is not None:
        return f"Ray cluster {bench.cluster.address or 'on this machine'}, {bench.jobs} workers"
    return f"machine: {cores()} cores, {searches_in_words(bench.jobs)}"


def _bench(options: BenchOptions, openers: Openers) -> Bench:
    settings = load_settings(options.config, os.environ, {**options.flags, "k": options.k or None})
    if options.jobs is not None and options.jobs < 1:
        raise UsageError(f"--jobs must be at least 1, not {options.jobs}")
    settings = _with_model(settings, options.data_set)
    if options.cluster is not None:
        settings = replace(settings, threads=settings.threads or options.cluster.worker_cpus, sandbox_workers=1)
    is_family = options.data_set == "embedded"
    choice, conditions = options.choice, _conditions(options.policies)
    check_dates(choice)
    _check_k(options.k, conditions)
    if is_family:
        # The family is drawn, not read: a sample of n tasks is the n tasks of that seed.
        choice = replace(choice, sample=0)
    source = TaskSource(
        data_set=options.data_set,
        data=options.data,
        release=options.release,
        n=options.choice.sample or options.choice.limit if is_family else 0,
        seed=options.choice.sample_seed if is_family else 0,
    )
    stem = Path(options.data_set).name.replace("+", "-plus")
    shard = "" if choice.shard == "1/1" else f"-shard-{choice.shard.replace('/', '-of-')}"
    search = Search(
        runs=options.runs or f"runs/{stem}{shard}.sqlite",
        conditions=conditions,
        settings=replace(settings, approve=False),
        code=code_digest(),
        open_model=openers.model,
        open_sandbox=openers.sandbox,
    )
    name = options.name or "+".join(options.policies)
    jobs = options.jobs or (1 if options.cluster is not None else searches_at_once(search))
    if options.cluster is None:
        search = replace(search, settings=replace(search.settings, searches=jobs))
    return Bench(name=name, source=source, choice=choice, search=search, jobs=jobs, cluster=options.cluster)


def _with_model(settings: Settings, data_set: str) -> Settings:
    """Return settings that name a model: the embedded one for its own problems, else the best that is here.

    Raises:
        ModelNotPulledError: none is named, none is here, and nobody agreed to fetch one.
    """
    if settings.model:
        return settings
    if data_set == EMBEDDED_NAME:
        return replace(settings, model=EMBEDDED_NAME)
    return with_model(settings, yes=False)


def _conditions(policies: Sequence[str]) -> tuple[Condition, ...]:
    """Return the conditions in the order in which they must run: a control after what it is compared with."""
    unknown = [name for name in policies if name not in CONDITIONS]
    if unknown:
        raise UsageError(f"there is no policy {', '.join(unknown)}; known are {', '.join(CONDITIONS)}")
    if len(set(policies)) < len(policies):
        raise UsageError("a policy is named twice")
    return tuple(condition for name, condition in CONDITIONS.items() if name in policies)


def _check_k(k: int, conditions: Sequence[Condition]) -> None:
    """Refuse a number of programs that no condition would take."""
    fixed = [c.name for c in conditions if not c.spends_like and (c.k or POLICIES[c.policy].k)]
    if k and len(fixed) == len(conditions):
        raise UsageError(f"--k changes nothing in {', '.join(fixed)}, of a fixed number of programs: leave it out")


def _progress(options: BenchOptions) -> BenchProgress:
    console = Console(stderr=True, highlight=False)
    return Bar(console, options.data_set) if console.is_terminal else Lines(console)


def fail(message: str, code: Exit) -> int:
    """Say in one line what is wrong; return the exit code."""
    print(f"atlas: {printable(message)}", file=sys.stderr)
    return int(code)
