"""The hub's exits and the fan-out: pure functions, tested as tables."""

from __future__ import annotations

import time

from langgraph.runtime import Runtime
from langgraph.types import Send

from nodes.budgeted_generation import SlotInput
from nodes.context import Context
from nodes.state import Move, SolveState

BOX_OF_MOVE: dict[Move, str] = {
    "widen": "plan_search",
    "test": "self_test_synthesis",
    "separate": "distinguish",
    "repair": "repair",
    "release": "release",
}


def next_box(state: SolveState) -> str:
    """Return the box of the move that `lens_routing` decided on."""
    return BOX_OF_MOVE[state.move]


def fan_out(state: SolveState, runtime: Runtime[Context]) -> list[Send] | str:
    """One generation branch per queued slot; with no slot left, back to the hub."""
    deadline = time.monotonic() + runtime.context.seconds_left(state)
    seconds = runtime.context.settings.budget_sandbox_seconds - state.sandbox_seconds_spent
    slots = [
        SlotInput(slot=slot, problem=state.problem, deadline=deadline, sandbox_seconds=seconds) for slot in state.queue
    ]
    return [Send("budgeted_generation", slot) for slot in slots] or "lens_routing"
