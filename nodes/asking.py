"""The one way a box asks the model: whole batches, inside the budget, cancelled or late without an exception."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextvars import copy_context
from dataclasses import dataclass, replace
from zlib import crc32

from langgraph.runtime import Runtime

from inference.base import Completion, Message, Profile, Request, Thinking
from nodes.context import Context
from nodes.forms import FREE, Form
from nodes.lens import program_tokens
from nodes.state import Cost, SolveState

LEAST_TOKENS = 24
"""An answer with less room than this is not asked for."""
PLANNED_THINKING: dict[Profile, float] = {"full": 0.5, "compact": 0.0}
"""Share of the thinking cap of a program that is written from a plan or from notes: part of the thinking is done, and
the small models of the compact profile were trained to write from a plan at once."""
_PROGRESS_EVERY = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What one call of `ask` may spend."""

    tokens: int
    """Generated tokens, thinking included, over all requests."""
    deadline: float
    """`time.monotonic()` value."""


def allowance(state: SolveState, context: Context) -> Allowance:
    """Return what is left of a run's budget."""
    return Allowance(tokens=context.tokens_left(state), deadline=context.deadline(state))


def planning_allowance(state: SolveState, context: Context) -> Allowance:
    """Return what a call before the programs may spend: what they will not need, and an eighth of the rest at least."""
    left = context.tokens_left(state)
    needed = int(context.k * program_tokens(state, context))
    return Allowance(tokens=max(left - needed, left // 8), deadline=context.deadline(state))


def planned_thinking(context: Context) -> int:
    """Return the cap on the thinking of a program that is written from a plan or from notes."""
    return int(context.settings.thinking_tokens * PLANNED_THINKING[context.model.profile])


def seed_for(context: Context, *names: object) -> int:
    """Return a seed that depends on the setting and the names alone, so that policies share equal requests."""
    return crc32("/".join(map(str, (context.settings.seed, *names))).encode()) & 0x7FFFFFFF


def request(
    context: Context,
    messages: tuple[Message, ...],
    *,
    seed: int,
    temperature: float | None = None,
    thinking: Thinking = Thinking(),
    form: Form = FREE,
) -> Request:
    """Return a request with the run's sampling settings, in the form that its reply has."""
    settings = context.settings
    most = settings.answer_tokens
    return Request(
        messages=messages,
        max_tokens=min(most, form.most_tokens or most),
        thinking=thinking if context.model.can_think else Thinking(),
        temperature=settings.temperature if temperature is None else temperature,
        top_p=settings.top_p,
        top_k=settings.top_k,
        min_p=settings.min_p,
        seed=seed,
        opening=form.opening,
        finish=form.finish,
        cut_loops=True,
    )


def ask(
    runtime: Runtime[Context], box: str, requests: Sequence[Request], allowed: Allowance
) -> tuple[tuple[Completion | None, ...], Cost]:
    """Return one completion per request and what they cost; None where the budget or the context has no room.

    Raises:
        ModelError: the model failed.
    """
    context = runtime.context
    began = time.monotonic()
    share = _share(len(requests), allowed.tokens)
    fitted = [
        _fit(context, one, share) if (i + 1) * share <= allowed.tokens else None for i, one in enumerate(requests)
    ]
    batch = [one for one in fitted if one is not None]
    if not batch or context.cancelled() or began >= allowed.deadline:
        return (None,) * len(requests), Cost(box=box)
    done = context.model.complete_many(
        batch,
        deadline=allowed.deadline,
        cancelled=context.cancelled,
        on_progress=_reporter(runtime, box),
    )
    answers = iter(done)
    cost = Cost(
        box=box,
        calls=len(batch),
        tokens=sum(one.tokens for one in done),
        thinking_tokens=sum(one.thinking_tokens for one in done),
        prompt_tokens=sum(one.prompt_tokens for one in done),
        seconds=sum(one.seconds for one in done),
    )
    told = {"box": box, "texts": cost.calls, "tokens": cost.spent, "prompt_tokens": cost.prompt_tokens}
    ended = dict(Counter(one.stop for one in done))
    runtime.stream_writer({"kind": "answered", **told, "seconds": time.monotonic() - began, "ended": ended})
    return tuple(next(answers) if one is not None else None for one in fitted), cost


def _share(requests: int, tokens: int) -> int:
    """Return an equal part of the tokens for each request, at least the least useful one."""
    return max(LEAST_TOKENS, tokens // max(1, requests))


def _fit(context: Context, one: Request, share: int) -> Request | None:
    """Shorten a request to its share and the context; None when nothing useful fits."""
    room = context.model.context_tokens - context.model.count_tokens(one.messages)
    most = min(share, room)
    if most < LEAST_TOKENS:
        return None
    thinking = min(one.thinking.at_most, max(0, most - one.max_tokens), most) or min(one.thinking.at_most, most // 2)
    answer = min(one.max_tokens, most - thinking)
    least = min(one.thinking.at_least, thinking)
    return replace(one, max_tokens=answer, thinking=replace(one.thinking, at_most=thinking, at_least=least))


def _reporter(runtime: Runtime[Context], box: str) -> Callable[[int, int], None]:
    # The model reports from a thread of its own, and LangGraph's writer looks for the run in the context of its caller.
    here = copy_context()

    def report(index: int, tokens: int) -> None:
        if tokens % _PROGRESS_EVERY == 0:
            here.run(runtime.stream_writer, {"kind": "tokens", "box": box, "index": index, "tokens": tokens})

    return report
