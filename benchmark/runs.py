"""Finished searches in SQLite: one row per task and condition, under settings, model and code version.

A row holds the final blackboard, so that every figure of a table can be traced to plans, candidates and tests. No
verdict is here: the search's file never holds what the grader knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark import pool
from benchmark.database import Database, Store
from benchmark.records import from_json, to_json
from benchmark.spent import Spent
from nodes.state import SolveState

SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    task TEXT NOT NULL, condition TEXT NOT NULL, settings TEXT NOT NULL, model TEXT NOT NULL, code TEXT NOT NULL,
    record TEXT NOT NULL, PRIMARY KEY (task, condition, settings, model, code)) WITHOUT ROWID;
"""
FILE_SCHEMA = pool.SCHEMA + SCHEMA


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One search, ended."""

    state: SolveState
    seconds: float
    """Wall seconds as if nothing had come from the pool, without those that went to searches beside this one."""
    wall_s: float
    """Wall seconds that it really took, beside all others."""
    spent: Spent
    error: str = ""
    """Why there is no answer, when the problem did not fit the model."""

    @property
    def tokens(self) -> int:
        """Generated tokens, thinking included, also those of completions that came from the pool."""
        return self.state.tokens_spent

    @property
    def code(self) -> str:
        """The chosen program, or an empty text."""
        return self.state.answer.code if self.state.answer else ""

    @property
    def verified(self) -> bool:
        """Whether the search called its answer verified."""
        return self.state.answer is not None and self.state.answer.verified

    @property
    def harness_s(self) -> float:
        """Wall seconds that went into neither the model nor the sandbox, nor into waiting for those."""
        return self.own_wall_s - self.spent.model_s - self.spent.sandbox_s

    @property
    def own_wall_s(self) -> float:
        """Wall seconds without those in which model and sandbox worked for others."""
        return self.wall_s - self.spent.waited_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which stored runs belong together."""

    model: str
    """Fingerprint."""
    code: str
    """Digest of the code that searched."""
    digests: tuple[tuple[str, str], ...]
    """(condition, digest of its settings), in the order of the table."""


class RunBook:
    """The runs of one file."""

    def __init__(self, place: Path | str | Store) -> None:
        """Open or make the file; the pool's tables are in it too."""
        self.database = Database(place, FILE_SCHEMA) if isinstance(place, Path | str) else place

    def save(self, selection: Selection, task: str, condition: str, run: Run) -> None:
        """Keep a run; where there is one under the same key, that one stays: a result is never counted twice."""
        key = (task, condition, dict(selection.digests)[condition], selection.model, selection.code)
        self.database.write("INSERT OR IGNORE INTO runs VALUES (?, ?, ?, ?, ?, ?)", [(*key, to_json(run))])

    def load(self, selection: Selection, task: str) -> dict[str, Run]:
        """Return the stored runs of a task by condition, in the selection's order."""
        query = "SELECT condition, settings, record FROM runs WHERE task = ? AND model = ? AND code = ?"
        rows = self.database.rows(query, (task, selection.model, selection.code))
        found = {(condition, digest): text for condition, digest, text in rows}
        return {key[0]: from_json(Run, found[key]) for key in selection.digests if key in found}

    def missing(self, selection: Selection, tasks: Sequence[str]) -> dict[str, int]:
        """Return how many runs each task lacks."""
        query = "SELECT task, condition, settings FROM runs WHERE model = ? AND code = ?"
        have = {task: len(selection.digests) for task in tasks}
        wanted = set(selection.digests)
        for task, condition, digest in self.database.rows(query, (selection.model, selection.code)):
            if task in have and (condition, digest) in wanted:
                have[task] -= 1
        return have

    def close(self) -> None:
        """Close the file."""
        self.database.close()
