"""Run every condition on every task, in processes that know problems only; resumable, and cheap through the pool.

One process per job, each with its own model (one thread) and sandbox. A task's conditions run one after another in one
process, so that what they share is generated once. A run is stored as soon as it ends: killed at any moment, the same
command goes on where it stopped.

Limits: the processes share the machine, so seconds are those of a busy one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from types import TracebackType
from typing import Protocol, Self

from benchmark.conditions import Condition, ConditionError
from benchmark.database import Store
from benchmark.pool import Meter, RecordedModel, RecordedSandbox
from benchmark.processes import OnProgress, at_exit, give_up, spawned
from benchmark.runs import Run, RunBook, Selection
from benchmark.task import Sheet, is_private
from graphs.running import OpenSolver
from inference.base import ContextOverflowError, Model
from nodes.settings import Settings
from nodes.state import SolveState
from sandbox.base import Sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Everything that a search process is told; it travels between processes, so functions must be importable."""

    runs: str
    """File of the runs and the pool."""
    conditions: tuple[Condition, ...]
    """In the order in which they run."""
    settings: Settings
    code: str
    """Digest of the code that searches."""
    open_model: Callable[[Settings], Model]
    open_sandbox: Callable[[Settings], Sandbox]


@dataclass(frozen=True, slots=True, kw_only=True)
class Searcher:
    """Who searched, for the head of a table."""

    selection: Selection
    model: str
    """The model's name."""
    sandbox: str
    """Back end."""


class Workbench:
    """One search process: its model, its sandbox, the runs file."""

    def __init__(self, search: Search, store: Store | None = None) -> None:
        """Open everything.

        Args:
            search: what to do.
            store: where runs and pool are kept; the search's file when not given.

        Raises:
            ModelError: one line says what is wrong with the model.
            SandboxUnavailableError: no back end holds.
        """
        self._search = search
        self._book = RunBook(store or search.runs)
        self._meter = Meter()
        sandbox = search.open_sandbox(search.settings)
        self._sandbox = RecordedSandbox(sandbox, self._book.database, self._meter)
        self._model = RecordedModel(search.open_model(search.settings), self._book.database, self._meter)
        digests = tuple((c.name, c.digest(search.settings)) for c in search.conditions)
        self.selection = Selection(model=self._model.fingerprint, code=search.code, digests=digests)

    @property
    def searcher(self) -> Searcher:
        """Who searches here."""
        return Searcher(selection=self.selection, model=self._model.name, sandbox=self._sandbox.name)

    def run_missing(self, sheet: Sheet) -> None:
        """Run the conditions of a task that are not stored yet, and store each."""
        done = self.stored(sheet)
        self._model.keeps_texts = not is_private(sheet.name, sheet.tags)
        for condition in self._search.conditions:
            if condition.name not in done:
                tokens = done[condition.spends_like].tokens if condition.spends_like else 0
                run = self._run(sheet, condition.settings(self._search.settings, tokens))
                self._book.save(self.selection, sheet.key, condition.name, run)
                done[condition.name] = run

    def stored(self, sheet: Sheet) -> dict[str, Run]:
        """Return the runs of a task by condition."""
        return self._book.load(self.selection, sheet.key)

    def close(self) -> None:
        """Free the model, remove every box, close the file."""
        self._model.close()
        self._sandbox.close()
        self._book.close()

    def _run(self, sheet: Sheet, settings: Settings) -> Run:
        self._meter.read()
        solver, error = OpenSolver(settings, self._model, self._sandbox), ""
        began = time.monotonic()
        try:
            state = solver.run(sheet.problem)
        except ContextOverflowError as overflow:
            state, error = SolveState(problem=sheet.problem), str(overflow)
        wall = time.monotonic() - began
        if is_private(sheet.name, sheet.tags):
            state = replace(state, problem=replace(state.problem, statement=""))
        spent = self._meter.read()
        return Run(state=state, seconds=wall + spent.saved_s, wall_s=wall, spent=spent, error=error)


class Searchers(Protocol):
    """Who searches many tasks at once; a context manager."""

    @property
    def searcher(self) -> Searcher:
        """Who searches here."""

    def lacking(self, sheets: Sequence[Sheet]) -> list[Sheet]:
        """Return the tasks that lack a run."""

    def run(self, sheets: Sequence[Sheet]) -> Iterator[Sheet]:
        """Run what tasks lack and yield each that is done and stored, as they end."""

    def __enter__(self) -> Self:
        """Start."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; left by an exception, do not wait for work in flight."""


class SearchProcesses:
    """The processes of a search; a context manager. Left by an exception, it does not wait for work in flight."""

    def __init__(self, search: Search, jobs: int) -> None:
        """Check the conditions; entering starts the processes.

        Raises:
            ConditionError: a control comes without what it is compared with.
        """
        check_order(search.conditions)
        self._search = search
        self._executor = spawned(jobs)
        self._searcher: Searcher | None = None

    @property
    def searcher(self) -> Searcher:
        """Who searches here.

        Raises:
            ModelError: the model cannot be opened.
            SandboxUnavailableError: no back end holds.
        """
        if self._searcher is None:
            self._searcher = self._executor.submit(_describe, self._search).result()
        return self._searcher

    def lacking(self, sheets: Sequence[Sheet]) -> list[Sheet]:
        """Return the tasks that lack a run."""
        return tasks_lacking(self._search, self.searcher.selection, sheets)

    def run(self, sheets: Sequence[Sheet]) -> Iterator[Sheet]:
        """Run what tasks lack and yield each that is done and stored, as they end.

        Raises:
            ModelError: the model failed; everything finished before is stored.
            SandboxUnavailableError: the sandbox failed.
        """
        futures = {self._executor.submit(_run_missing, self._search, sheet): sheet for sheet in sheets}
        for future in as_completed(futures):
            future.result()
            yield futures[future]

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the processes."""
        if kind is None:
            self._executor.shutdown()
        else:
            give_up(self._executor)


def tasks_lacking(search: Search, selection: Selection, sheets: Sequence[Sheet]) -> list[Sheet]:
    """Return the tasks that lack a run of the selection in the search's file."""
    with closing(RunBook(search.runs)) as book:
        lacking = book.missing(selection, [sheet.key for sheet in sheets])
    return [sheet for sheet in sheets if lacking[sheet.key]]


def run_all(search: Search, sheets: Sequence[Sheet], jobs: int, on_progress: OnProgress) -> Searcher:
    """Run what is missing, in `jobs` processes, and return who searched.

    Raises:
        ModelError: the model failed; everything finished before is stored.
        SandboxUnavailableError: the sandbox failed.
        ConditionError: a control comes without what it is compared with.
    """
    with SearchProcesses(search, jobs) as processes:
        lacking = processes.lacking(sheets)
        on_progress(0, len(lacking))
        for done, _ in enumerate(processes.run(lacking), start=1):
            on_progress(done, len(lacking))
        return processes.searcher


def check_order(conditions: Sequence[Condition]) -> None:
    """Make sure that a control comes after what it is compared with.

    Raises:
        ConditionError: it does not.
    """
    for place, condition in enumerate(conditions):
        if condition.spends_like and condition.spends_like not in {c.name for c in conditions[:place]}:
            raise ConditionError(f"{condition.name} spends like {condition.spends_like}: name that one before it")


@cache
def _workbench(search: Search) -> Workbench:
    """Open this process's workbench once."""
    bench = Workbench(search)
    at_exit(bench.close)
    return bench


def _describe(search: Search) -> Searcher:
    return _workbench(search).searcher


def _run_missing(search: Search, sheet: Sheet) -> None:
    _workbench(search).run_missing(sheet)
