"""Repair a failing or doubtful program in three ways, each drawn from the same failure.

Self-debug as in S* (arXiv 2502.14382): explain the failure, write the whole program anew, all earlier attempts in
view. Poly-reflective repair after PR-CoT (arXiv 2601.07780): four analyses from four angles, then the synthesis that
integrates them. Rewrite: criticise the plan and write from the fixed one. Failures come from public tests and
confirmed self-tests alone. Repairs are anchored: one that loses a test which its parent passed is neither built
on nor chosen while another program is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from langgraph.runtime import Runtime

from inference.base import Completion, Request, Thinking
from nodes.asking import allowance, ask, planned_thinking, request, seed_for
from nodes.context import Context
from nodes.failures import Failure, failures_of
from nodes.forms import NOTE, Form, program
from nodes.plan_search import criticism_request, fixed_plan
from nodes.programs import program_of
from nodes.prompting import render
from nodes.state import Candidate, Cost, Origin, Plan, SolveState, Update, add_costs, content_id

BOX = "repair"
ANGLES = ("logic", "completeness", "assumptions", "alternatives")
ORDER: tuple[Origin, ...] = ("self_debug", "self_debug", "poly_reflective", "rewrite")
"""What one repair adds; where fewer programs may be written, the first of these."""
SELF_DEBUGS = ORDER.count("self_debug")
_HISTORY = 3
"""Earlier attempts that are shown; more would fill the context."""
_DRAFTED = 16
"""Tokens that the engine may draft from the prompt: a repaired program mostly copies the one before."""


def repair(state: SolveState, runtime: Runtime[Context]) -> Update:
    """Ask for analyses and direct repairs in one batch, for the programs that build on them in a second."""
    context = runtime.context
    target = worst_first(state)
    if target is None:
        return {}
    parent, failure = target
    room = context.programs_left(state)
    debugs, angles = min(SELF_DEBUGS, room), ANGLES if room > SELF_DEBUGS else ()
    plan = _plan_of(state, parent) if room > SELF_DEBUGS + 1 else None
    asked = [_repair_request(state, context, parent, failure, i) for i in range(debugs)]
    asked += [_angle_request(state, context, parent, failure, angle) for angle in angles]
    asked += [criticism_request(state, context, plan)] if plan else []
    replies, cost = ask(runtime, BOX, asked, allowance(state, context))
    fixed = fixed_plan(replies[-1], plan) if plan else None
    notes = replies[debugs : debugs + len(angles)]
    later = [_synthesis_request(state, context, parent, failure, notes)] if angles else []
    later += [_rewrite_request(state, context, fixed)] if fixed else []
    now = replace(state, costs=add_costs(state.costs, (cost,)))
    seconds, more = ask(runtime, BOX, later, allowance(now, context)) if later else ((), Cost(box=BOX))
    origins = ORDER[: debugs + len(later)]
    made = _candidates(state, parent, origins, (*replies[:debugs], *seconds), fixed)
    for one in made:
        runtime.stream_writer({"kind": "candidate", "id": one.id, "origin": one.origin, "tokens": one.tokens})
    return {
        "candidates": made,
        "plans": (fixed,) if fixed else (),
        "slots_made": state.slots_made + len(origins),
        "costs": add_costs((cost,), (more,)),
    }


def worst_first(state: SolveState) -> tuple[Candidate, Failure] | None:
    """Return the program most worth repairing: nearest to passing, repaired least, with a failure to show."""
    by_id = {c.id: c for c in state.candidates}
    tries: dict[str, int] = {}
    for candidate in state.candidates:
        if candidate.parent in by_id:
            program = by_id[candidate.parent].program_id
            tries[program] = tries.get(program, 0) + 1
    ranked = sorted(
        (e for e in state.evidence if not e.regressed),
        key=lambda e: (tries.get(e.program_id, 0), -e.public_passed, -e.confirmed_passed, -e.posterior),
    )
    for item in ranked:
        failures = failures_of(state, item.program_id)
        if failures:
            return by_id[item.candidate_id], failures[0]
    return None


def _plan_of(state: SolveState, candidate: Candidate) -> Plan | None:
    """Return the plan that a program was written from, or any plan when it had none."""
    own = next((plan for plan in state.plans if plan.id == candidate.plan_id), None)
    return own or next(iter(state.plans), None)


def _repair_request(state: SolveState, context: Context, parent: Candidate, failure: Failure, i: int) -> Request:
    messages = render(
        context.model.profile,
        "repair",
        statement=state.problem.statement,
        mode=state.problem.mode,
        science=context.science(state.problem),
        starter_code=state.problem.starter_code,
        code=parent.code,
        failure=failure.text,
        history=earlier_attempts(state, parent),
    )
    seed = seed_for(context, "repair", parent.id, failure.input_id, len(state.history), i)
    thinking = Thinking(at_most=context.settings.thinking_tokens)
    asked = request(context, messages, seed=seed, thinking=thinking, form=_form(state, context))
    return replace(asked, lookup=_DRAFTED, confidence=True)


def _form(state: SolveState, context: Context) -> Form:
    """Return the form of a correction: words on the cause, then the program."""
    return program(state.problem, context.model.profile)


def earlier_attempts(state: SolveState, candidate: Candidate) -> list[dict[str, str]]:
    """Return the ancestors of a repaired program with their failures, oldest first."""
    by_id = {c.id: c for c in state.candidates}
    chain: list[dict[str, str]] = []
    parent = by_id.get(candidate.parent)
    while parent is not None and len(chain) < _HISTORY:
        failures = failures_of(state, parent.program_id)
        chain.append({"code": parent.code, "failure": failures[0].text if failures else ""})
        parent = by_id.get(parent.parent)
    return chain[::-1]


def _angle_request(state: SolveState, context: Context, parent: Candidate, failure: Failure, angle: str) -> Request:
    messages = render(
        context.model.profile,
        "analyse",
        statement=state.problem.statement,
        code=parent.code,
        failure=failure.text,
        angle=angle,
    )
    seed = seed_for(context, "analyse", parent.id, failure.input_id, len(state.history), angle)
    return request(context, messages, seed=seed, form=NOTE)


def _synthesis_request(
    state: SolveState,
    context: Context,
    parent: Candidate,
    failure: Failure,
    angles: Sequence[Completion | None],
) -> Request:
    notes = [f"{angle}: {' '.join(reply.text.split())}" for angle, reply in zip(ANGLES, angles, strict=True) if reply]
    messages = render(
        context.model.profile,
        "synthesise",
        statement=state.problem.statement,
        mode=state.problem.mode,
        science=context.science(state.problem),
        starter_code=state.problem.starter_code,
        code=parent.code,
        failure=failure.text,
        notes=notes,
    )
    seed = seed_for(context, "synthesise", parent.id, failure.input_id, len(state.history))
    thinking = Thinking(at_most=planned_thinking(context))
    asked = request(context, messages, seed=seed, thinking=thinking, form=_form(state, context))
    return replace(asked, lookup=_DRAFTED, confidence=True)


def _rewrite_request(state: SolveState, context: Context, plan: Plan) -> Request:
    messages = render(
        context.model.profile,
        "code",
        statement=state.problem.statement,
        starter_code=state.problem.starter_code,
        mode=state.problem.mode,
        science=context.science(state.problem),
        perturbation="",
        plan=plan.text,
    )
    seed = seed_for(context, "rewrite", plan.id)
    form = program(state.problem, context.model.profile, begun=True)
    asked = request(context, messages, seed=seed, thinking=Thinking(at_most=planned_thinking(context)), form=form)
    return replace(asked, confidence=True)


def _candidates(
    state: SolveState,
    parent: Candidate,
    origins: Sequence[Origin],
    replies: Sequence[Completion | None],
    plan: Plan | None,
) -> tuple[Candidate, ...]:
    """Return the programs among the replies, numbered after all slots so far."""
    made = []
    for i, (origin, reply) in enumerate(zip(origins, replies, strict=True)):
        code = program_of(reply, state.problem)
        if reply is None or code is None:
            continue
        index = state.slots_made + i
        made.append(
            Candidate(
                id=content_id(code, str(index)),
                index=index,
                code=code,
                origin=origin,
                plan_id=plan.id if plan and origin == "rewrite" else parent.plan_id,
                parent=parent.id,
                tokens=reply.tokens,
                thinking_tokens=reply.thinking_tokens,
                confidence=reply.confidence,
            )
        )
    return tuple(made)
