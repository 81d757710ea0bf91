"""Searches that are stored step by step under a name, and go on after a crash: LangGraph's checkpoints in SQLite.

A name maps to a stable UUID, so that no name can be a path, and a server finds the same thread; a UUID, which is how a
server names its threads, maps to itself. Only our own frozen records are revived from the store, never another class.
Where the settings name a database of PostgreSQL, the checkpoints lie there (graphs/postgres.py).
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from graphs.configuration import ThreadError
from graphs.postgres import aopen_database, open_database
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
def open_store(place: Path | str) -> Iterator[BaseCheckpointSaver[str]]:
    """Yield the store in a file, made where there is none, or in the database of an address.

    Args:
        place: see `graphs.configuration.thread_place`.

    Raises:
        ThreadError: the file or the database cannot be opened.
    """
    if isinstance(place, str):
        with open_database(place, _serializer()) as database:
            yield database
        return
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(place, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise ThreadError(f"threads cannot be stored in {place} ({error}): set thread_file to another place") from error
    try:
        yield SqliteSaver(connection, serde=_serializer())
    except sqlite3.DatabaseError as error:
        raise ThreadError(f"{place} is no store of threads ({error}): set thread_file to another place") from error
    finally:
        connection.close()


@asynccontextmanager
async def aopen_store(place: Path | str) -> AsyncIterator[BaseCheckpointSaver[str]]:
    """Yield the same store for an event loop; see `open_store`."""
    if isinstance(place, str):
        async with aopen_database(place, _serializer()) as database:
            yield database
        return
    await asyncio.to_thread(_made, place)
    async with AsyncSqliteSaver.from_conn_string(str(place)) as store:
        store.serde = _serializer()
        yield store


def _made(place: Path) -> None:
    with open_store(place) as store:
        store.get_tuple({"configurable": {"thread_id": ""}})


def _serializer() -> JsonPlusSerializer:
    allowed = [one for one in vars(records).values() if isinstance(one, type) and is_dataclass(one)]
    return JsonPlusSerializer(allowed_msgpack_modules=[*allowed, SlotInput])


def thread_id(name: str) -> str:
    """Return the id of a name, the same on every machine.

    Raises:
        ThreadError: the name is empty, too long, or cannot be shown in one line.
    """
    if not name.strip() or len(name) > MOST_CHARS or not name.isprintable():
        raise ThreadError(f"a thread's name has 1 to {MOST_CHARS} printable characters")
    return name if _is_uuid(name) else str(uuid.uuid5(NAMESPACE, name))


def _is_uuid(name: str) -> bool:
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False


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
    while held and (parent := before_edit(held)):
        held = store.get_tuple(parent)
    paused = standstill(held)
    return _config(name, settings, paused_s=paused), paused


def before_edit(held: CheckpointTuple) -> RunnableConfig | None:
    """Return the checkpoint that a person edited or forked; None for a step that the search made itself."""
    return held.parent_config if held.metadata.get("source") in ("update", "fork") else None


def standstill(held: CheckpointTuple | None) -> float:
    """Return the seconds in which a search stood still that goes on now from one of its own steps."""
    if held is None:
        return 0.0
    return stood_still_s({**held.metadata}) + max(0.0, (datetime.now(UTC) - _time(held)).total_seconds())


def stored_threads(store: BaseCheckpointSaver[str], most: int | None = None) -> list[Thread]:
    """Return the threads, the one that changed last first; one without a name is called by its id.

    Args:
        store: where they are.
        most: no more than these, which began last; None for all.
    """
    began: dict[str, None] = {}
    for held in store.list(None, filter={"source": "input"}):
        if not held.config["configurable"].get("checkpoint_ns") and len(began) != most:
            began.setdefault(held.config["configurable"]["thread_id"])
    found = (stored_thread(store, one) for one in began)
    return sorted((one for one in found if one is not None), key=lambda one: one.changed, reverse=True)


def stored_thread(store: BaseCheckpointSaver[str], id_: str) -> Thread | None:
    """Return the thread with an id, or None when there is none that holds a search."""
    held = store.get_tuple({"configurable": {"thread_id": id_}})
    if held is None or "problem" not in _values(held):
        return None
    values = _values(held)
    metadata: Mapping[str, Any] = {**held.metadata}
    return Thread(
        name=str(metadata.get(_NAME, id_)),
        problem=values.get("problem") or Problem(),
        answer=values.get("answer"),
        tokens=sum(cost.spent for cost in values.get("costs", ())),
        changed=_time(held),
        waits=_waits(held),
        settings=json.loads(metadata.get(_SETTINGS, "{}")),
    )


def _config(name: str, settings: Settings, *, paused_s: float) -> RunnableConfig:
    metadata = {_NAME: name, **notes(settings, paused_s=paused_s)}
    return {"configurable": {"thread_id": thread_id(name)}, "metadata": metadata}


def notes(settings: Settings, held: CheckpointTuple | None = None, *, paused_s: float) -> dict[str, Any]:
    """Return what every further step of a thread stores beside its state.

    Args:
        settings: in force from now on.
        held: a step of the thread, whose name is kept; None for a thread without one.
        paused_s: seconds in which the search stood still so far.
    """
    named = {_NAME: held.metadata[_NAME]} if held and _NAME in held.metadata else {}  # type: ignore[literal-required]
    noted = json.dumps({one: getattr(settings, one) for one in NOTED})
    return {**named, _PAUSED: paused_s, _SETTINGS: noted}


def _waits(held: CheckpointTuple) -> bool:
    return any(channel == INTERRUPT for _, channel, _ in held.pending_writes or ())


def _values(held: CheckpointTuple) -> dict[str, Any]:
    return held.checkpoint["channel_values"]


def _time(held: CheckpointTuple) -> datetime:
    return datetime.fromisoformat(held.checkpoint["ts"])


def stood_still_s(metadata: Mapping[str, Any] | None) -> float:
    """Return how long a search had stood still when a checkpoint with this metadata was written, in seconds."""
    return float((metadata or {}).get(_PAUSED, 0.0))
