"""Searches that are stored step by step under a name, and go on after a crash: LangGraph's checkpoints in SQLite.

A name maps to a stable UUID, so that no name can be a path, and a server finds the same thread. Only our own frozen
records are revived from the file, never another class.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

from graphs.configuration import ThreadError
from nodes import state as records
from nodes.state import Answer, Problem

NAMESPACE = uuid.UUID("5d0f5c5e-4c56-4f0e-9d57-0a1f0f3f7a51")
MOST_CHARS = 200
_NAME, _PAUSED = "atlas_name", "atlas_paused_s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A stored search, in brief."""

    name: str
    problem: Problem
    answer: Answer | None
    """None while the search has not ended."""
    tokens: int
    changed: datetime
    """Time of the last step, UTC."""


@contextmanager
def open_store(path: Path) -> Iterator[SqliteSaver]:
    """Yield the store in a file, made where there is none.

    Raises:
        ThreadError: the file cannot be opened.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise ThreadError(f"threads cannot be stored in {path} ({error}): set thread_file to another place") from error
    allowed = [one for one in vars(records).values() if isinstance(one, type) and is_dataclass(one)]
    try:
        yield SqliteSaver(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=allowed))
    except sqlite3.DatabaseError as error:
        raise ThreadError(f"{path} is no store of threads ({error}): set thread_file to another place") from error
    finally:
        connection.close()


def thread_id(name: str) -> str:
    """Return the id of a name, the same on every machine.

    Raises:
        ThreadError: the name is empty, too long, or cannot be shown in one line.
    """
    if not name.strip() or len(name) > MOST_CHARS or not name.isprintable():
        raise ThreadError(f"a thread's name has 1 to {MOST_CHARS} printable characters")
    return str(uuid.uuid5(NAMESPACE, name))


def new_config(store: BaseCheckpointSaver[str] | None, name: str) -> RunnableConfig:
    """Return the configuration of a search that begins on a thread.

    Raises:
        ThreadError: no store is kept, or the thread holds a search that has not ended.
    """
    if store is None:
        raise ThreadError("no store: call keep_in first")
    config = _config(name, paused_s=0.0)
    held = store.get_tuple(config)
    if held is not None and _values(held).get("answer") is None:
        raise ThreadError(f"thread {name} holds a search that has not ended: `atlas resume {name}`, or another name")
    return config


def resumed_config(store: BaseCheckpointSaver[str], name: str) -> tuple[RunnableConfig, float]:
    """Return the configuration that goes on with a thread, and the seconds in which it stood still so far.

    Raises:
        ThreadError: there is no such thread.
    """
    held = store.get_tuple(_config(name, paused_s=0.0))
    if held is None:
        raise ThreadError(f"there is no thread {name}: `atlas threads` lists those that are stored")
    still = (datetime.now(UTC) - _time(held)).total_seconds()
    paused_s = _paused(held) + max(0.0, still)
    return _config(name, paused_s=paused_s), paused_s


def stored_threads(store: BaseCheckpointSaver[str]) -> list[Thread]:
    """Return every thread that has a name, the one that changed last first."""
    latest: dict[str, CheckpointTuple] = {}
    for held in store.list(None):
        latest.setdefault(held.config["configurable"]["thread_id"], held)
    named = [(str(held.metadata[_NAME]), held) for held in latest.values() if _NAME in held.metadata]  # type: ignore[literal-required]
    return sorted((_thread(name, held) for name, held in named), key=lambda one: one.changed, reverse=True)


def _thread(name: str, held: CheckpointTuple) -> Thread:
    values = _values(held)
    tokens = sum(cost.spent for cost in values.get("costs", ()))
    problem = values.get("problem") or Problem()
    return Thread(name=name, problem=problem, answer=values.get("answer"), tokens=tokens, changed=_time(held))


def _config(name: str, *, paused_s: float) -> RunnableConfig:
    return {"configurable": {"thread_id": thread_id(name)}, "metadata": {_NAME: name, _PAUSED: paused_s}}


def _values(held: CheckpointTuple) -> dict[str, Any]:
    return held.checkpoint["channel_values"]


def _time(held: CheckpointTuple) -> datetime:
    return datetime.fromisoformat(held.checkpoint["ts"])


def _paused(held: CheckpointTuple) -> float:
    return float(held.metadata.get(_PAUSED, 0.0))  # type: ignore[arg-type]
