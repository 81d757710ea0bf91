"""The hub: read the evidence, decide the next move, or stop and say why.

Fixed policies walk their schedule; `adaptive` takes the move with the highest expected gain per token
(`nodes/lens.py`). Every stop has a named reason, and stopping always leaves the best answer so far.
"""

from __future__ import annotations

import time
from typing import Any, cast

from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from nodes.answering import best_answer, verification
from nodes.asking import LEAST_TOKENS
from nodes.context import Condition, Context
from nodes.lens import cluster_weights, is_unsettled, move_values, program_tokens, right_so_far
from nodes.problem_text import read_problem
from nodes.state import Move, SolveState, StopReason, Update
from nodes.voting import CLOSED, is_question

BOX = "lens_routing"
_ACCUMULATED = ("history", "plans", "candidates", "oracles", "self_tests", "outcomes", "comparisons", "costs")
WRITERS: tuple[Move, ...] = ("widen", "repair")
"""Moves that add programs; with the pool full, the programs that are there are still tested and compared."""


def lens_routing(state: SolveState, runtime: Runtime[Context]) -> Update:
    """Choose the next move, or write the answer and the reason to stop.

    Raises:
        ProblemError: the run was started with an empty statement.
    """
    context = runtime.context
    if not state.started:
        return _first_visit(state, context)
    if state.answer is not None:
        return _forget(_first_visit(state, context))
    stop = stop_reason(state, context)
    move = None if stop else next_move(state, context)
    if move is None:
        return _finish(state, context, stop or _nothing_left(state, context))
    runtime.stream_writer({"kind": "move", "move": move, "round": len(state.history) + 1})
    return {"move": move, "history": (move,)}


def _first_visit(state: SolveState, context: Context) -> Update:
    """Read the problem, start the clock, and make the first move, which is always to widen."""
    is_read = state.problem.statement and not state.statement
    problem = state.problem if is_read else read_problem(state.statement)
    fresh = SolveState(problem=problem, started=time.time())
    now: Update = {"statement": "", "problem": problem, "started": fresh.started}
    if context.tokens_left(fresh) < LEAST_TOKENS:
        return {**now, **_finish(fresh, context, "tokens")}
    return {**now, "move": "widen", "history": ("widen",)}


def _forget(first: Update) -> Update:
    """Return the first move of another problem on a thread that has answered one: nothing is left of the old one."""
    empty: dict[str, Any] = {name: Overwrite(()) for name in _ACCUMULATED}
    empty |= {"queue": (), "slots_made": 0, "evidence": (), "stop": "", "answer": None}
    return cast(Update, {**empty, **first, "history": Overwrite(first.get("history", ()))})


def _finish(state: SolveState, context: Context, stop: StopReason) -> Update:
    return {"move": "release", "stop": stop, "answer": best_answer(state, context, stop)}


def _nothing_left(state: SolveState, context: Context) -> StopReason:
    if not context.programs_left(state):
        return "programs"
    return "policy_done" if context.policy.schedule else "no_gain"


def stop_reason(state: SolveState, context: Context) -> StopReason:
    """Return why the search must end now, or an empty text."""
    settings = context.settings
    if context.cancelled():
        return "cancelled"
    if context.policy.stop_when_verified and verification(state, context)[0]:
        return "verified"
    if context.tokens_left(state) < LEAST_TOKENS:
        return "tokens"
    if context.seconds_left(state) <= 0:
        return "seconds"
    if state.sandbox_seconds_spent >= settings.budget_sandbox_seconds:
        return "sandbox_seconds"
    return "rounds" if not context.policy.schedule and len(state.history) >= settings.max_rounds else ""


def next_move(state: SolveState, context: Context) -> Move | None:
    """Return the next move of the policy, or None when it has none left."""
    return _scheduled(state, context) if context.policy.schedule else _worthiest(state, context)


def _scheduled(state: SolveState, context: Context) -> Move | None:
    """Return the first open step of the schedule whose condition holds; the history tells which steps are past."""
    done = 0
    closed = _closed(state, context)
    for step in context.policy.schedule:
        used = 0
        while used < step.times and tuple(state.history[done : done + 1]) == (step.move,):
            done, used = done + 1, used + 1
        is_open = done == len(state.history) and used < step.times
        if is_open and step.move not in closed and holds(step.when, state):
            return step.move
    return None


def _closed(state: SolveState, context: Context) -> tuple[Move, ...]:
    full = () if context.programs_left(state) else WRITERS
    return (*full, *(CLOSED if is_question(state.problem) else ()))


def holds(condition: Condition, state: SolveState) -> bool:
    """Whether the condition of a scheduled step holds now."""
    if condition == "unsettled":
        return is_unsettled(state)
    if condition == "several_clusters":
        return len(cluster_weights(right_so_far(state))) > 1
    return not right_so_far(state) if condition == "none_right" else True


def _worthiest(state: SolveState, context: Context) -> Move | None:
    # In programs' worth of tokens, so that one threshold serves models that think little and models that think much.
    program = program_tokens(state, context)
    closed = _closed(state, context)
    possible = [v for v in move_values(state, context) if v.move not in closed]
    values = [v for v in possible if v.per_token * program > context.settings.min_gain]
    return max(values, key=lambda v: v.per_token).move if values else None
