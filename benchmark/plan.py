"""What a stored run was started with. Going on with anything else is refused, and the difference named."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from benchmark.conditions import shaping
from benchmark.data_sets import release_of
from benchmark.database import Database, Store
from benchmark.pool import name_of
from benchmark.runner import Search, Searcher
from benchmark.sampling import Choice
from benchmark.task import Sheet, TaskSource

SCHEMA = "CREATE TABLE IF NOT EXISTS plans (name TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;"

Plan = Mapping[str, str]
"""By the words that a refusal uses."""


class PlanError(ValueError):
    """A run was stored under other settings; the message names them and says what to do."""


def plan_of(source: TaskSource, choice: Choice, sheets: Sequence[Sheet], search: Search, searcher: Searcher) -> Plan:
    """Return what makes a run what it is: tasks, conditions, settings, model, code, sandbox."""
    parts = {
        "data set": source.data_set or source.file or source.part,
        "release": release_of(source),
        "tasks": str(len(sheets)),
        "data": name_of([sheet.key for sheet in sheets])[:12],
        "model": searcher.selection.model,
        "sandbox": searcher.sandbox,
        "code": searcher.selection.code,
        "policies": ",".join(condition.name for condition in search.conditions),
    }
    chosen = {f"choice of tasks, {name}": str(value) for name, value in asdict(choice).items()}
    settings = {name: str(value) for name, value in shaping(search.settings).items()}
    return parts | chosen | settings


def check_plan(database: Database, name: str, plan: Plan, file: str) -> None:
    """Store a new run's plan, or make sure that a stored run's is the same.

    Args:
        database: the file of the runs.
        name: of the run.
        plan: what it is started with now.
        file: the file's name, for the message.

    Raises:
        PlanError: they differ.
    """
    stored = load_plan(database, name)
    if stored is None:
        database.write("INSERT INTO plans VALUES (?, ?)", [(name, json.dumps(dict(plan), sort_keys=True))])
        return
    differences = [
        f"{key} is {plan.get(key, 'unknown')!s}, not {stored.get(key, 'unknown')!s}"
        for key in sorted({*stored, *plan})
        if plan.get(key) != stored.get(key)
    ]
    if differences:
        raise PlanError(
            f"{file} holds the run {name} with other settings ({'; '.join(differences)}): "
            "go on with the stored ones, or give --name NAME for another run over the same pool"
        )


def load_plan(database: Database, name: str) -> Plan | None:
    """Return a run's plan, or None where there is no such run."""
    rows = database.rows("SELECT record FROM plans WHERE name = ?", (name,))
    return {str(key): str(value) for key, value in json.loads(rows[0][0]).items()} if rows else None


def plans_of(database: Store) -> list[Plan]:
    """Return every stored plan of a file of runs; none where the file holds no plans."""
    if not database.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'plans'"):
        return []
    rows = database.rows("SELECT record FROM plans ORDER BY name")
    return [{str(key): str(value) for key, value in json.loads(record).items()} for (record,) in rows]
