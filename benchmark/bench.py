"""A benchmark run: choose tasks, search what is missing, grade each task once its search has ended, tabulate.

The search process never loads a hidden test; one grading process reads what it stored and tells it nothing, so that
the count of passed tasks can be shown while others are still being searched.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from benchmark.cluster import Cluster, RayWorkers
from benchmark.database import Database
from benchmark.energy import metered
from benchmark.grader import Grading, TaskGrade, grade_all, grade_task, sheets_of
from benchmark.lens import fitted_on
from benchmark.measurement import Sharing, record
from benchmark.measures import Graded
from benchmark.plan import SCHEMA as PLANS
from benchmark.plan import check_plan, plan_of
from benchmark.processes import interruptible
from benchmark.runner import Search, Searcher, Searchers, Tick
from benchmark.sampling import Choice, choose
from benchmark.search_process import SearchProcess
from benchmark.table import collect
from benchmark.task import Sheet, TaskError, TaskSource
from graphs.factory import open_lens
from nodes.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What is to be measured."""

    name: str
    """Of the run, within its file."""
    source: TaskSource
    choice: Choice
    search: Search
    jobs: int
    """Searches at once on one model, or workers of a cluster, with a model each."""
    cluster: Cluster | None = None
    """Where Ray's workers search; None: in a process of this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a run is."""

    done: int
    """Tasks searched, those of earlier calls included."""
    whole: int
    graded: int
    passed: tuple[tuple[str, int], ...]
    """(condition, tasks whose answer is right) among the graded."""
    tokens: int
    """Generated tokens that the graded tasks are charged for."""
    seconds_left: float | None
    """Estimated from the tasks of this call; None before the first."""
    at_work: int = 0
    """Tasks that are being searched."""
    tokens_per_s: float | None = None
    """That the model has generated in this call so far; None where nobody counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A run, ended."""

    sheets: tuple[Sheet, ...]
    results: dict[str, list[Graded]]
    searcher: Searcher
    searched_s: float
    graded_s: float


OnStanding = Callable[[Standing], None]


def run_bench(bench: Bench, on_standing: OnStanding) -> Measured:
    """Run what is missing and return all results.

    Raises:
        TaskError: the tasks cannot be loaded, none is left, or the Lens has seen their verdicts.
        PlanError: a run of this name was stored with other settings.
        ConditionError: conditions that cannot be run together.
        ModelError: the model failed; everything finished before is stored.
        SandboxUnavailableError: the sandbox failed, likewise.
        ClusterError: the cluster cannot do the work, likewise.
    """
    sheets = choose(sheets_of(bench.source), bench.choice)
    began = time.monotonic()
    with _searchers(bench) as searchers:
        _check(bench, sheets, searchers.searcher)
        _check_lens(bench.search.settings, sheets, searchers.searcher)
        grading = _grading(bench, searchers.searcher)
        with metered() as metering:
            _search_and_grade(searchers, grading, sheets, on_standing)
        searcher = searchers.searcher
    searched = time.monotonic()
    # Once more for all: what timed out beside others runs alone now.
    keys = grade_all(grading, [sheet.name for sheet in sheets], 1, lambda done, whole: None)
    sharing = Sharing(processes=bench.jobs) if bench.cluster else Sharing(searches=bench.jobs)
    record(grading, searcher, sheets, keys, sharing=sharing, power=metering.power)
    return Measured(
        sheets=sheets,
        results=collect(grading, sheets, keys),
        searcher=searcher,
        searched_s=searched - began,
        graded_s=time.monotonic() - searched,
    )


def _check_lens(settings: Settings, sheets: Sequence[Sheet], searcher: Searcher) -> None:
    """Refuse weights that hidden verdicts of the very tasks went into."""
    if not settings.lens_file:
        return
    lens = open_lens(settings.lens_file, searcher.selection.model)
    if not lens.texts:
        raise TaskError(f"{settings.lens_file} does not say what it was fitted on: run `atlas lens fit` again")
    if known := fitted_on(lens, (sheet.key for sheet in sheets)):
        told = f"{settings.lens_file} was fitted on the verdicts of {known} of these {len(sheets)} problems"
        raise TaskError(f"{told}: measure on others, or leave lens_file out")


def _searchers(bench: Bench) -> Searchers:
    if bench.cluster is not None:
        return RayWorkers(bench.search, bench.jobs, bench.cluster)
    return SearchProcess(bench.search, bench.jobs)


def _check(bench: Bench, sheets: Sequence[Sheet], searcher: Searcher) -> None:
    plan = plan_of(bench.source, bench.choice, sheets, bench.search, searcher)
    with closing(Database(bench.search.runs, PLANS)) as database:
        check_plan(database, bench.name, plan, bench.search.runs)


def _grading(bench: Bench, searcher: Searcher) -> Grading:
    runs = Path(bench.search.runs)
    return Grading(
        runs=bench.search.runs,
        verdicts=str(runs.with_name(f"{runs.stem}.verdicts{runs.suffix}")),
        source=bench.source,
        selection=searcher.selection,
        settings=replace(bench.search.settings, sandbox_workers=1),
        open_sandbox=bench.search.open_sandbox,
    )


def _search_and_grade(searchers: Searchers, grading: Grading, sheets: Sequence[Sheet], on_standing: OnStanding) -> None:
    lacking = searchers.lacking(sheets)
    names = {sheet.name for sheet in lacking}
    with interruptible(1) as executor:
        tally = _Tally(executor, grading, len(sheets))
        for sheet in sheets:
            if sheet.name not in names:
                tally.submit(sheet)
        on_standing(tally.standing(0, len(lacking)))
        done = 0
        for tick in searchers.run(lacking):
            if tick.ended is not None:
                done += 1
                tally.submit(tick.ended)
            on_standing(tally.standing(done, len(lacking), tick))
        for _ in tally.wait():
            on_standing(tally.standing(len(lacking), len(lacking)))


class _Tally:
    """Counts what the grading process says."""

    def __init__(self, executor: ProcessPoolExecutor, grading: Grading, whole: int) -> None:
        self._executor = executor
        self._grading = grading
        self._whole = whole
        self._began = time.monotonic()
        self._futures: list[Future[TaskGrade]] = []
        self._waiting: list[Future[TaskGrade]] = []
        self._passed = Counter({name: 0 for name, _ in grading.selection.digests})
        self._tokens = 0

    def submit(self, sheet: Sheet) -> None:
        """Have a task graded whose search has ended."""
        future = self._executor.submit(grade_task, self._grading, sheet.name)
        self._futures.append(future)
        self._waiting.append(future)

    def standing(self, done: int, wanted: int, tick: Tick = Tick()) -> Standing:
        """Return how far the run is, `done` of the `wanted` tasks of this call."""
        ended = [future for future in self._waiting if future.done()]
        self._waiting = [future for future in self._waiting if not future.done()]
        for future in ended:
            graded = future.result()
            self._passed.update(name for name, is_right in graded.right if is_right)
            self._tokens += graded.tokens
        passed_s = time.monotonic() - self._began
        left = passed_s / done * (wanted - done) if done else None
        return Standing(
            done=self._whole - wanted + done,
            whole=self._whole,
            graded=len(self._futures) - len(self._waiting),
            passed=tuple(self._passed.items()),
            tokens=self._tokens,
            seconds_left=left,
            at_work=len(tick.at_work),
            tokens_per_s=tick.tokens / passed_s if tick.tokens else None,
        )

    def wait(self) -> Iterator[None]:
        """Yield after each task that is graded, until all are."""
        for future in self._futures:
            if future in self._waiting:
                future.result()
                yield
