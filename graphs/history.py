"""What a stored search did, step by step, read back from its checkpoints: nothing else has to be kept for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from langgraph.types import StateSnapshot

from graphs.solver import Solver
from graphs.threads import stood_still_s
from nodes.state import SolveState


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One super-step of the graph."""

    boxes: tuple[str, ...]
    """Names, each once; a fanned-out box is one."""
    seconds: float
    """Wall time, without the time in which the search stood still."""
    tokens: int
    """Generated, thinking included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A stored search as far as it came."""

    state: SolveState
    steps: tuple[Step, ...]
    ahead: tuple[str, ...]
    """Boxes that come next; none once the search has ended."""


def read_history(solver: Solver, thread: str) -> History | None:
    """Return what is stored of the last search on a thread.

    Args:
        solver: a graph with the checkpointer that holds the thread.
        thread: its id.

    Returns:
        None when there is nothing.
    """
    snapshots: list[StateSnapshot] = []
    for snapshot in solver.get_state_history({"configurable": {"thread_id": thread}}):
        snapshots.append(snapshot)
        if (snapshot.metadata or {}).get("source") == "input":
            break
    if not snapshots:
        return None
    steps = [_step(older, newer) for older, newer in pairwise(reversed(snapshots))]
    return History(
        state=_state(snapshots[0]),
        steps=tuple(step for step in steps if step.boxes),
        ahead=_boxes(snapshots[0]),
    )


def _step(older: StateSnapshot, newer: StateSnapshot) -> Step:
    stood = stood_still_s(newer.metadata) - stood_still_s(older.metadata)
    return Step(
        boxes=_boxes(older),
        seconds=round(max(0.0, _time(newer) - _time(older) - stood), 4),
        tokens=_state(newer).tokens_spent - _state(older).tokens_spent,
    )


def _boxes(snapshot: StateSnapshot) -> tuple[str, ...]:
    return tuple(dict.fromkeys(box for box in snapshot.next if not box.startswith("__")))


def _state(snapshot: StateSnapshot) -> SolveState:
    values = snapshot.values
    return values if isinstance(values, SolveState) else SolveState(**values)


def _time(snapshot: StateSnapshot) -> float:
    return datetime.fromisoformat(snapshot.created_at).timestamp() if snapshot.created_at else 0.0
