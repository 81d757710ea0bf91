"""Searches that are stored step by step under a name, and go on after a crash: LangGraph's checkpoints in SQLite.

A name maps to a stable UUID, so that no name can be a path, and a server finds the same thread. Only our own frozen
records are revived from the file, never another class.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

from graphs.configuration import ThreadError
from nodes import state as records
from nodes.budgeted_generation import SlotInput
from nodes.settings import Settings
from nodes.state import Answer, Problem

NAMESPACE = uuid.UUID("5d0f5c5e-4c56-4f0e-9d57-0a1f0f3f7a51")
MOST_CHARS = 200
INTERRUPT = "__interrupt__"
"""LangGraph's name of the question on which a run waits, in its stream and among a checkpoint's writes."""
NOTED = ("policy", "k", "budget_tokens", "budget_seconds", "seed", "approve")
"""Settings that are kept beside every step, for people."""
_NAME, _PAUSED, _SETTINGS = "atlas_name", "atlas_paused_s", "atlas_settings"


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
    waits: bool = False
    """Whether a person has still to release or refuse the answer."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Those of `NOTED` that were in force at the last step."""

    @property
    def id(self) -> str:
        """The stable id of the name."""
        return thread_id(self.name)


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
    allowed.append(SlotInput)
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


def new_config(store: BaseCheckpointSaver[str] | None, name: str, settings: Settings) -> RunnableConfig:
    """Return the configuration of a search that begins on a thread.

    Raises:
        ThreadError: no store is kept, or the thread holds a search that has not ended.
    """
    if store is None:
        raise ThreadError("no store: call keep_in first")
    config = _config(name, settings, paused_s=0.0)
    held = store.get_tuple(config)
    if held is not None and _values(held).get("answer") is None:
        raise ThreadError(f"thread {name} holds a search that has not ended: `atlas resume {name}`, or another name")
    if held is not None and _waits(held):
        raise ThreadError(_ASKS.format(name=name))
    return config


_ASKS = "thread {name} waits for a person to approve its answer: open it on the page of `atlas serve`"


def resumed_config(
    store: BaseCheckpointSaver[str], name: str, settings: Settings, *, decides: bool = False
) -> tuple[RunnableConfig, float]:
    """Return the configuration that goes on with a thread, and the seconds in which it stood still so far.

    Args:
        store: where the thread is.
        name: of the thread.
        settings: in force from now on.
        decides: whether a person's decision is at hand, for which the thread waits.

    Raises:
        ThreadError: there is no such thread, or it waits for a person and there is no decision, or the other way round.
    """
    held = store.get_tuple(_config(name, settings, paused_s=0.0))
    if held is None:
        raise ThreadError(f"there is no thread {name}: `atlas threads` lists those that are stored")
    if _waits(held) != decides:
        raise ThreadError(f"thread {name} waits for no decision" if decides else _ASKS.format(name=name))
    still = (datetime.now(UTC) - _time(held)).total_seconds()
    paused = stood_still_s({**held.metadata}) + max(0.0, still)
    return _config(name, settings, paused_s=paused), paused


def stored_threads(store: BaseCheckpointSaver[str], most: int | None = None) -> list[Thread]:
    """Return the threads that have a name, the one that changed last first.

    Args:
        store: where they are.
        most: no more than these, which began last; None for all.
    """
    began: dict[str, None] = {}
    for held in store.list(None, filter={"source": "input"}):
        if _NAME in held.metadata and len(began) != most:
            began.setdefault(held.config["configurable"]["thread_id"])
    found = (stored_thread(store, one) for one in began)
    return sorted((one for one in found if one is not None), key=lambda one: one.changed, reverse=True)


def stored_thread(store: BaseCheckpointSaver[str], id_: str) -> Thread | None:
    """Return the thread with an id, or None when there is none that has a name."""
    held = store.get_tuple({"configurable": {"thread_id": id_}})
    if held is None or _NAME not in held.metadata:
        return None
    values = _values(held)
    metadata: Mapping[str, Any] = {**held.metadata}
    return Thread(
        name=str(metadata[_NAME]),
        problem=values.get("problem") or Problem(),
        answer=values.get("answer"),
        tokens=sum(cost.spent for cost in values.get("costs", ())),
        changed=_time(held),
        waits=_waits(held),
        settings=json.loads(metadata.get(_SETTINGS, "{}")),
    )


def _config(name: str, settings: Settings, *, paused_s: float) -> RunnableConfig:
    noted = json.dumps({one: getattr(settings, one) for one in NOTED})
    metadata = {_NAME: name, _PAUSED: paused_s, _SETTINGS: noted}
    return {"configurable": {"thread_id": thread_id(name)}, "metadata": metadata}


def _waits(held: CheckpointTuple) -> bool:
    return any(channel == INTERRUPT for _, channel, _ in held.pending_writes or ())


def _values(held: CheckpointTuple) -> dict[str, Any]:
    return held.checkpoint["channel_values"]


def _time(held: CheckpointTuple) -> datetime:
    return datetime.fromisoformat(held.checkpoint["ts"])


def stood_still_s(metadata: Mapping[str, Any] | None) -> float:
    """Return how long a search had stood still when a checkpoint with this metadata was written, in seconds."""
    return float((metadata or {}).get(_PAUSED, 0.0))
