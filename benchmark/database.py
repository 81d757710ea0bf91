"""One SQLite file, written by several processes and threads: WAL, a patient lock, one connection per process.

Limits: a commit survives the death of a process, not a power cut (`synchronous=NORMAL`).
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

_PATIENCE_S = 60.0


class Store(Protocol):
    """Where rows are kept: a file here, or one on the machine that started the run (benchmark/cluster.py)."""

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return every row of a query."""

    def write(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement once per row, all of them in one transaction."""

    def close(self) -> None:
        """Close the connection."""


class Database:
    """A connection that several threads may use; a context manager."""

    def __init__(self, path: Path | str, schema: str) -> None:
        """Open the file, made with its folder when it is not there.

        Args:
            path: the file.
            schema: `CREATE TABLE IF NOT EXISTS ...` statements.

        Raises:
            sqlite3.Error: the file is no database or cannot be written.
        """
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(self.path, timeout=_PATIENCE_S, check_same_thread=False)
        self._write_ahead()
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(schema)

    def _write_ahead(self) -> None:
        """Switch to WAL; SQLite does not wait for the lock that this takes when two processes open a new file."""
        give_up = time.monotonic() + _PATIENCE_S
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError:
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.02)
            else:
                return

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return every row of a query."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def write(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement once per row, all of them in one transaction."""
        with self._lock, self._connection:
            self._connection.executemany(statement, rows)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()
