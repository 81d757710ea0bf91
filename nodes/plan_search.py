"""PlanSearch (arXiv 2409.03733): search over observations in natural language before any code.

A tree of observations: first-order ones from the statement, then new ones from each chosen subset (second layer).
Leaves are the distinct sets of observations; each gives a sketch, and criticism turns it into a fixed sibling. Both
are kept, side by side, so a leaf is worth two programs. Leaves are expanded in a fixed order, sets with second-layer
observations first, until the program budget is filled. Differences from the paper: sampling settings are the run's
own, observing is one call without thinking where the paper has four turns, criticism and fix are one call, pseudocode
is part of the sketch, and no leaf beyond the budget is expanded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from langgraph.runtime import Runtime

from inference.base import Completion, Request
from nodes.asking import ask, planning_allowance, request, seed_for
from nodes.context import Context
from nodes.forms import bullets, steps
from nodes.parsing import parse_bullets, parse_criticism, parse_sketch
from nodes.prompting import render
from nodes.state import Cost, Plan, SolveState, Update, add_costs, content_id
from nodes.voting import is_question

BOX = "plan_search"
CHILDREN = 2
"""Subsets that are expanded into a second layer; the paper expands all, which k <= 16 cannot use."""

Leaf = tuple[str, ...]


def plan_search(state: SolveState, runtime: Runtime[Context]) -> Update:
    """Sketch enough plans for the next widening; a policy of plain slots needs none, and no question does."""
    context = runtime.context
    wanted = plans_wanted(state, context)
    if not wanted or is_question(state.problem):
        return {}
    observations, first = _observe(state, runtime, ())
    leaves, second = _second_layer(_after(state, first), runtime, observations)
    known = {tuple(plan.observations) for plan in state.plans}
    chosen = [leaf for leaf in leaves if leaf not in known][: -(-wanted // 2)] or [()]
    layers = {leaf: 0 if not leaf else 1 if set(leaf) <= set(observations) else 2 for leaf in chosen}
    plans, cost = _sketch(_after(state, first + second), runtime, layers)
    return {"plans": plans, "costs": add_costs((), (*first, *second, *cost))}


def _after(state: SolveState, costs: tuple[Cost, ...]) -> SolveState:
    """Return the state with costs of this box counted, so that the next call in it gets what is left."""
    return replace(state, costs=add_costs(state.costs, costs))


def plans_wanted(state: SolveState, context: Context) -> int:
    """Return the program budget of planning: half of a mixed widening."""
    return context.widening(state) // 2 if context.mixes(state) else 0


def subsets(observations: Sequence[str], largest: int) -> list[Leaf]:
    """Return all sets of at most `largest` observations, larger ones first; the empty set is the last."""
    return [c for size in range(min(largest, len(observations)), -1, -1) for c in combinations(observations, size)]


def interleave(deep: Sequence[Leaf], shallow: Sequence[Leaf]) -> list[Leaf]:
    """Return the leaves in the order of expansion: one of the second layer, one of the first, without repeats."""
    longest = max(len(deep), len(shallow))
    order = [leaf for i in range(longest) for leaf in (*deep[i : i + 1], *shallow[i : i + 1])]
    return list(dict.fromkeys(order))


def _observe(state: SolveState, runtime: Runtime[Context], known: Leaf) -> tuple[tuple[str, ...], tuple[Cost, ...]]:
    """Ask once for observations that are not known yet."""
    texts, cost = ask(
        runtime, BOX, [observation_request(state, runtime.context, known)], planning_allowance(state, runtime.context)
    )
    return _observations(texts[0], known, runtime.context.settings.observations), (cost,)


def observation_request(state: SolveState, context: Context, known: Leaf) -> Request:
    """Return the request of observations beside those that are known."""
    count = context.settings.observations
    messages = render(
        context.model.profile, "observe", statement=state.problem.statement, known=list(known), count=count
    )
    seed = seed_for(context, "observe", len(state.history), *known)
    return request(context, messages, seed=seed, form=bullets(context.model.profile, count))


def _observations(reply: Completion | None, known: Leaf, most: int) -> tuple[str, ...]:
    found = parse_bullets(reply.text) if reply else ()
    return tuple(o for o in found if o not in known)[:most]


def _second_layer(
    state: SolveState, runtime: Runtime[Context], observations: tuple[str, ...]
) -> tuple[list[Leaf], tuple[Cost, ...]]:
    """Return every leaf of the tree; chosen subsets of the first layer get observations of their own."""
    context = runtime.context
    settings = context.settings
    first = subsets(observations, settings.observation_subset)
    parents = [leaf for leaf in first if leaf][:CHILDREN] if settings.observation_layers > 1 else []
    if not parents:
        return first, ()
    asked = [observation_request(state, context, leaf) for leaf in parents]
    replies, cost = ask(runtime, BOX, asked, planning_allowance(state, context))
    deep = [
        (*parent, *derived)
        for parent, reply in zip(parents, replies, strict=True)
        for derived in subsets(_observations(reply, parent, settings.observations), settings.observation_subset)
        if derived
    ]
    return interleave(deep, first), (cost,)


def _sketch(
    state: SolveState, runtime: Runtime[Context], layers: Mapping[Leaf, int]
) -> tuple[tuple[Plan, ...], tuple[Cost, ...]]:
    """Return a sketch per leaf, each followed by the sibling that criticism makes of it."""
    context = runtime.context
    asked = [
        request(
            context,
            render(context.model.profile, "sketch", statement=state.problem.statement, observations=list(leaf)),
            seed=seed_for(context, "sketch", len(state.history), *leaf),
            form=steps(context.model.profile),
        )
        for leaf in layers
    ]
    replies, cost = ask(runtime, BOX, asked, planning_allowance(state, context))
    originals = [_plan(reply, *pair) for reply, pair in zip(replies, layers.items(), strict=True)]
    plans = [plan for plan in originals if plan is not None]
    fixed, fixing = criticise(_after(state, (cost,)), runtime, plans)
    pairs = tuple(p for plan, sibling in zip(plans, fixed, strict=True) for p in (plan, sibling) if p is not None)
    return pairs, (cost, *fixing)


def _plan(reply: Completion | None, leaf: Leaf, layer: int) -> Plan | None:
    text = parse_sketch(reply.text) if reply else None
    return Plan(id=content_id(text, *leaf), text=text, observations=leaf, layer=layer) if text else None


def criticise(
    state: SolveState, runtime: Runtime[Context], plans: Sequence[Plan]
) -> tuple[list[Plan | None], tuple[Cost, ...]]:
    """Return the fixed sibling of each plan: suppose it is wrong, find the flaw, plan again."""
    context = runtime.context
    asked = [criticism_request(state, context, plan) for plan in plans]
    replies, cost = ask(runtime, BOX, asked, planning_allowance(state, context)) if asked else ((), Cost(box=BOX))
    return [fixed_plan(reply, plan) for reply, plan in zip(replies, plans, strict=True)], (cost,)


def criticism_request(state: SolveState, context: Context, plan: Plan) -> Request:
    """Return the request that turns a plan into its fixed sibling."""
    messages = render(context.model.profile, "criticise", statement=state.problem.statement, plan=plan.text)
    seed = seed_for(context, "criticise", len(state.history), plan.id)
    return request(context, messages, seed=seed, form=steps(context.model.profile))


def fixed_plan(reply: Completion | None, plan: Plan) -> Plan | None:
    """Return the plan that a criticism proposes, or None when it does not parse or changes nothing."""
    parsed = parse_criticism(reply.text) if reply else None
    if parsed is None or parsed[1] == plan.text:
        return None
    text = parsed[1]
    return Plan(
        id=content_id(text, plan.id), text=text, observations=plan.observations, layer=plan.layer, fixed_from=plan.id
    )
