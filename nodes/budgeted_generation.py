"""Turn one slot into at most one program, with a forced budget of thinking (s1, arXiv 2501.19393).

The model's engine acts on tokens: a true cap with a hand-over sentence, a true minimum with "Wait". This box only
says how much. All slots of a widening run as branches of one super-step; a reply without code still costs its tokens.
A program meets the public tests at once, while the others are still being written: a person sees the first that passes
half a minute sooner than if the step had to end first.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from langchain_core.runnables import RunnableLambda
from langgraph.runtime import get_runtime
from langgraph.types import StreamWriter

from inference.base import Completion, ContextOverflowError, Message, Request, Thinking
from nodes.asking import LEAST_TOKENS, Allowance, ask, request, seed_for
from nodes.context import Context
from nodes.forms import program
from nodes.programs import program_of
from nodes.prompting import render
from nodes.running import Job, Place, run_on_tests
from nodes.state import Candidate, Cost, Origin, Outcome, Problem, PublicTest, Slot, Update, content_id
from nodes.voting import is_question, question, vote_of
from sandbox.base import SandboxUnavailableError

BOX = "budgeted_generation"
RUNNING = "sandbox_execution"
"""Where what a program's run costs is booked."""
_WAITERS = ThreadPoolExecutor(64, thread_name_prefix="atlas-slot")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotInput:
    """What one branch of the fan-out gets: its slot, and nothing that it does not need."""

    slot: Slot
    problem: Problem = field(default_factory=lambda: Problem(statement=""))
    deadline: float = 0.0
    """`time.monotonic()` value at which the run's wall time ends."""
    sandbox_seconds: float = 0.0
    """CPU seconds that the programs of this widening may use."""


def budgeted_generation(state: SlotInput) -> Update:
    """Draw one program; always pay for the tokens.

    Raises:
        ContextOverflowError: the unperturbed prompt does not fit the model's context.
        ModelError: the model failed.
    """
    runtime = get_runtime(Context)
    slot = state.slot
    wanted = slot_request(state, runtime.context)
    allowed = Allowance(tokens=slot.thinking_tokens + slot.max_tokens, deadline=state.deadline)
    replies, cost = ask(runtime, BOX, [wanted], allowed)
    if replies[0] is None and slot.kind == "plain":
        _refuse_overflow(wanted, runtime.context)
    candidate = _candidate(slot, state.problem, replies[0])
    if candidate is None:
        return {"costs": (cost,)}
    written = {"id": candidate.id, "program_id": candidate.program_id, "origin": candidate.origin}
    runtime.stream_writer({"kind": "candidate", "tokens": cost.spent, **written})
    outcomes, run = _run_at_once(candidate, state, runtime.context, runtime.stream_writer)
    update: Update = {"candidates": (candidate,), "costs": (cost, *run)}
    if outcomes:
        update["outcomes"] = outcomes
    return update


def _run_at_once(
    candidate: Candidate, state: SlotInput, context: Context, writer: StreamWriter
) -> tuple[tuple[Outcome, ...], tuple[Cost, ...]]:
    """Run a program on the public tests, or wait for its equal that does; what fails here is run again later.

    Returns the outcomes and what they cost; nothing where the equal program has paid.
    """
    wave, early, problem = state.deadline, context.early, state.problem
    if not problem.tests or is_question(problem) or early.spent(wave) >= state.sandbox_seconds:
        return (), ()
    place = Place(
        sandbox=context.sandbox,
        limits=context.limits(problem),
        science=context.settings.science,
        cancelled=lambda: context.cancelled() or time.monotonic() >= wave,
        writer=writer,
    )
    job = Job(candidate=candidate, tests=_distinct(problem))
    try:
        outcomes, seconds = early.once(wave, candidate.program_id, lambda: run_on_tests(job, problem, place))
    except SandboxUnavailableError:
        # The box that is there for running says so, after a second try.
        return (), ()
    if seconds is None or not outcomes:
        return outcomes, ()
    cpu = sum(outcome.cpu_s for outcome in outcomes)
    early.spend(wave, cpu)
    return outcomes, (Cost(box=RUNNING, seconds=seconds, sandbox_seconds=cpu, programs_run=1),)


def _distinct(problem: Problem) -> tuple[PublicTest, ...]:
    return tuple({test.id: test for test in reversed(problem.tests)}.values())[::-1]


async def _in_a_thread_of_its_own(state: SlotInput) -> Update:
    """Wait beside the event loop; the default pool is too small for a whole batch of waiting branches."""
    run = contextvars.copy_context().run
    return await asyncio.get_running_loop().run_in_executor(_WAITERS, run, budgeted_generation, state)


budgeted_generation_node = RunnableLambda(budgeted_generation, afunc=_in_a_thread_of_its_own, name=BOX)


def slot_request(state: SlotInput, context: Context) -> Request:
    """Return the request of a slot. Equal slots of two policies give equal requests."""
    slot, problem = state.slot, state.problem
    messages = question(problem) if is_question(problem) else _code_prompt(slot, problem, context)
    thinking = Thinking(at_most=slot.thinking_tokens, at_least=slot.thinking_min_tokens)
    seed = seed_for(context, "code", slot.index)
    form = program(problem, context.model.profile, begun=True)
    asked = request(context, messages, seed=seed, thinking=thinking, form=form)
    return replace(asked, max_tokens=slot.max_tokens, confidence=True)


def _code_prompt(slot: Slot, problem: Problem, context: Context) -> tuple[Message, ...]:
    return render(
        context.model.profile,
        "code",
        statement=problem.ordered(slot.statement or problem.statement),
        starter_code=problem.starter_code,
        mode=problem.mode,
        science=context.science(problem),
        perturbation=slot.perturbation,
        plan=slot.plan.text if slot.plan else "",
    )


def _candidate(slot: Slot, problem: Problem, reply: Completion | None) -> Candidate | None:
    code = vote_of(reply, problem) if is_question(problem) else program_of(reply, problem)
    if reply is None or code is None:
        return None
    origins: dict[str, Origin] = {"plain": "plain", "plan": "plan", "perturbed": "perturbed"}
    return Candidate(
        id=content_id(code, str(slot.index)),
        index=slot.index,
        code=code,
        origin=origins[slot.kind],
        plan_id=slot.plan.id if slot.plan else "",
        perturbation=slot.perturbation,
        tokens=reply.tokens,
        thinking_tokens=reply.thinking_tokens,
        confidence=reply.confidence,
    )


def _refuse_overflow(wanted: Request, context: Context) -> None:
    """Raise when the statement alone does not fit; a spent budget is no error."""
    length = context.model.count_tokens(wanted.messages)
    if length + LEAST_TOKENS > context.model.context_tokens:
        raise ContextOverflowError(
            f"the problem takes {length} tokens and the model's context holds {context.model.context_tokens}: "
            "shorten it, or raise context_tokens with a model that allows it"
        )
