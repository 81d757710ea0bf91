"""Run every condition on every task, in a process that knows problems only; resumable, and cheap through the pool.

Many tasks are searched at once over one model and one sandbox (benchmark/crew.py), so that texts of different problems
fill one batch. A task's conditions run one after another, so that what they share is generated once. A run is stored as
soon as it ends: killed at any moment, the same command goes on where it stopped.

Seconds: a run counts its own part of what model and sandbox did, and what it did besides; time in which they worked for
others is in its wall time alone. `budget_seconds` is a budget of wall time, so of N searches at once each gets N times
as much: together they may use the machine as long as they could one after another. Where it ends a search all the same
the result depends on the machine, and the table says how often that was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Protocol, Self

from benchmark.conditions import Condition, ConditionError
from benchmark.database import Store
from benchmark.pool import Shared
from benchmark.recorded_model import RecordedModel
from benchmark.recorded_sandbox import RecordedSandbox
from benchmark.runs import Run, RunBook, Selection
from benchmark.spent import Meter, Spent
from benchmark.task import Sheet, is_private
from graphs.running import OpenSolver
from inference.base import ContextOverflowError, Model
from nodes.settings import Settings
from nodes.state import SolveState
from sandbox.base import Sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Everything that who searches is told; it travels between processes, so functions must be importable."""

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
    """A model, a sandbox and the runs file, for searches in one or several threads."""

    def __init__(self, search: Search, store: Store | None = None, *, at_once: int = 1) -> None:
        """Open everything.

        Args:
            search: what to do.
            store: where runs and pool are kept; the search's file when not given.
            at_once: how many searches share the model.

        Raises:
            ModelError: one line says what is wrong with the model.
            SandboxUnavailableError: no back end holds.
        """
        self._search = search
        self._at_once = at_once
        self._book = RunBook(store or search.runs)
        self.shared = Shared()
        self._sandbox = search.open_sandbox(search.settings)
        self.model = search.open_model(search.settings)
        digests = tuple((c.name, c.digest(search.settings)) for c in search.conditions)
        self.selection = Selection(model=self.model.fingerprint, code=search.code, digests=digests)

    @property
    def searcher(self) -> Searcher:
        """Who searches here."""
        return Searcher(selection=self.selection, model=self.model.name, sandbox=self._sandbox.name)

    def run_missing(self, sheet: Sheet) -> None:
        """Run the conditions of a task that are not stored yet, and store each."""
        done = self.stored(sheet)
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
        self.model.close()
        self._sandbox.close()
        self._book.close()

    def _run(self, sheet: Sheet, settings: Settings) -> Run:
        meter, pool = Meter(), self._book.database
        private = is_private(sheet.name, sheet.tags)
        model = RecordedModel(self.model, pool, meter, self.shared, keeps_texts=not private)
        sandbox = RecordedSandbox(self._sandbox, pool, meter, self.shared)
        settings = replace(settings, budget_seconds=settings.budget_seconds * self._at_once)
        solver, error = OpenSolver(settings, model, sandbox), ""
        began = time.monotonic()
        try:
            state = solver.run(sheet.problem)
        except ContextOverflowError as overflow:
            state, error = SolveState(problem=sheet.problem), str(overflow)
        wall = time.monotonic() - began
        spent = _at_most_the_rest(meter.read(), wall)
        if private:
            state = replace(state, problem=replace(state.problem, statement=""))
        return Run(
            state=state,
            seconds=wall - spent.waited_s + spent.saved_s,
            wall_s=wall,
            spent=spent,
            error=error,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """What a search tells now and then."""

    ended: Sheet | None = None
    """A task that is done and stored."""
    at_work: tuple[str, ...] = ()
    """Names of the tasks that are being searched."""
    tokens: int = 0
    """Generated since the search process was opened; 0 where nobody counts."""


def _at_most_the_rest(spent: Spent, wall_s: float) -> Spent:
    """Return what was spent, waiting cut to the time that model and sandbox leave.

    How long a run waited is told by how many of the texts in the model were its own, whether or not they had a turn.
    """
    rest = max(0.0, wall_s - spent.model_s - spent.sandbox_s)
    return replace(spent, waited_s=min(spent.waited_s, rest))


class Searchers(Protocol):
    """Who searches many tasks at once; a context manager."""

    @property
    def searcher(self) -> Searcher:
        """Who searches here."""

    def lacking(self, sheets: Sequence[Sheet]) -> list[Sheet]:
        """Return the tasks that lack a run."""

    def run(self, sheets: Sequence[Sheet]) -> Iterator[Tick]:
        """Run what tasks lack, and tell of each that is done and stored as they end, and now and then between."""

    def __enter__(self) -> Self:
        """Start."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; left by an exception, do not wait for work in flight."""


def tasks_lacking(search: Search, selection: Selection, sheets: Sequence[Sheet]) -> list[Sheet]:
    """Return the tasks that lack a run of the selection in the search's file."""
    with closing(RunBook(search.runs)) as book:
        lacking = book.missing(selection, [sheet.key for sheet in sheets])
    return [sheet for sheet in sheets if lacking[sheet.key]]


def check_order(conditions: Sequence[Condition]) -> None:
    """Make sure that a control comes after what it is compared with.

    Raises:
        ConditionError: it does not.
    """
    for place, condition in enumerate(conditions):
        if condition.spends_like and condition.spends_like not in {c.name for c in conditions[:place]}:
            raise ConditionError(f"{condition.name} spends like {condition.spends_like}: name that one before it")
