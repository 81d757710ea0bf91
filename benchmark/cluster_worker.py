"""What runs inside a Ray cluster: the keeper of the file, and the workers that search and write through it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmark.database import Database
from benchmark.provenance import code_digest
from benchmark.runner import Search, Searcher, Workbench
from benchmark.runs import FILE_SCHEMA
from benchmark.task import Sheet

Actor = Any
"""A handle of an actor: what it can do is known when it runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a worker is; all of a run must be alike."""

    searcher: Searcher
    code: str
    """Digest of the code on its node."""
    node: str


class StoreKeeper:
    """The actor that holds the file."""

    def __init__(self, path: str) -> None:
        """Open or make the file."""
        self._database = Database(path, FILE_SCHEMA)

    def rows(self, query: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """See `Store.rows`."""
        return self._database.rows(query, values)

    def write(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """See `Store.write`."""
        self._database.write(statement, rows)


class RemoteStore:
    """A `Store` that asks the actor which holds the file."""

    def __init__(self, keeper: Actor) -> None:
        """Keep the actor."""
        self._keeper = keeper

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return every row of a query."""
        import ray

        found: list[tuple[Any, ...]] = ray.get(self._keeper.rows.remote(query, list(values)))
        return found

    def write(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement once per row, and return once it is committed."""
        import ray

        if made := list(rows):
            ray.get(self._keeper.write.remote(statement, made))

    def close(self) -> None:
        """Leave the file open: other workers use it."""


class Worker:
    """The actor that searches; it opens its model when it is first asked, so that a failure has words."""

    def __init__(self, search: Search, keeper: Actor) -> None:
        """Keep what to do and where results go."""
        self._search = search
        self._store = RemoteStore(keeper)
        self._bench: Workbench | None = None

    def describe(self) -> Description:
        """Open the model and the sandbox, and say what they are.

        Raises:
            ModelError: the model cannot be opened on this node.
            SandboxUnavailableError: no back end holds there.
        """
        import ray

        node = ray.get_runtime_context().get_node_id()
        return Description(searcher=self._open().searcher, code=code_digest(), node=node[:8])

    def run_missing(self, sheet: Sheet) -> None:
        """Run what a task lacks and store it."""
        self._open().run_missing(sheet)

    def close(self) -> None:
        """Free the model and remove every box."""
        if self._bench is not None:
            self._bench.close()

    def _open(self) -> Workbench:
        if self._bench is None:
            self._bench = Workbench(self._search, self._store)
        return self._bench
