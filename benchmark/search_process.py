"""The one process that searches on this machine, apart from grading: many searches at once on one model.

More processes with a model each pay only where there are more processors for them, which is what Ray's workers are for
(benchmark/cluster.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from types import TracebackType
from typing import Self

from benchmark.crew import Crew
from benchmark.processes import OnProgress, at_exit, give_up, spawned
from benchmark.runner import Search, Searcher, Tick, Workbench, check_order, tasks_lacking
from benchmark.task import Sheet


class SearchProcess:
    """The process of a search; a context manager. Left by an exception, it does not wait for work in flight."""

    def __init__(self, search: Search, jobs: int) -> None:
        """Check the conditions; the first question starts the process.

        Args:
            search: what to do.
            jobs: tasks that are searched at once.

        Raises:
            ConditionError: a control comes without what it is compared with.
        """
        check_order(search.conditions)
        self._search = search
        self._jobs = jobs
        self._executor = spawned(1)
        self._searcher: Searcher | None = None

    @property
    def searcher(self) -> Searcher:
        """Who searches here.

        Raises:
            ModelError: the model cannot be opened.
            SandboxUnavailableError: no back end holds.
        """
        if self._searcher is None:
            self._searcher = self._executor.submit(_describe, self._search, self._jobs).result()
        return self._searcher

    def lacking(self, sheets: Sequence[Sheet]) -> list[Sheet]:
        """Return the tasks that lack a run."""
        return tasks_lacking(self._search, self.searcher.selection, sheets)

    def run(self, sheets: Sequence[Sheet]) -> Iterator[Tick]:
        """Run what tasks lack, and tell of each that is done and stored as they end, and now and then between.

        Raises:
            ModelError: the model failed; everything finished before is stored.
            SandboxUnavailableError: the sandbox failed.
        """
        left = len(sheets)
        self._executor.submit(_begin, self._search, self._jobs, tuple(sheets)).result()
        while left:
            tick = self._executor.submit(_next, self._search, self._jobs).result()
            left -= tick.ended is not None
            yield tick

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        if kind is None:
            self._executor.shutdown()
        else:
            give_up(self._executor)


def run_all(search: Search, sheets: Sequence[Sheet], jobs: int, on_progress: OnProgress) -> Searcher:
    """Run what is missing, `jobs` tasks at once, and return who searched.

    Raises:
        ModelError: the model failed; everything finished before is stored.
        SandboxUnavailableError: the sandbox failed.
        ConditionError: a control comes without what it is compared with.
    """
    with SearchProcess(search, jobs) as process:
        lacking = process.lacking(sheets)
        done = 0
        on_progress(0, len(lacking))
        for tick in process.run(lacking):
            if tick.ended is not None:
                done += 1
                on_progress(done, len(lacking))
        return process.searcher


@cache
def _workbench(search: Search, at_once: int) -> Workbench:
    """Open this process's workbench once."""
    bench = Workbench(search, at_once=at_once)
    at_exit(bench.close)
    return bench


@cache
def _crew(search: Search, at_once: int) -> Crew:
    return Crew(_workbench(search, at_once), at_once)


def _describe(search: Search, at_once: int) -> Searcher:
    return _workbench(search, at_once).searcher


def _begin(search: Search, at_once: int, sheets: tuple[Sheet, ...]) -> None:
    _crew(search, at_once).begin(sheets)


def _next(search: Search, at_once: int) -> Tick:
    return _crew(search, at_once).next()
