"""DivSampling (arXiv 2502.11027): a fresh perturbation for every sample instead of trust in temperature.

Slots are plans, perturbed prompts and plain prompts; the first slot of every widening is unperturbed. Perturbations:
an idea from another call (Random Idea Injection), the statement in other words (Random Query Rephraser), a role or
an instruction from a pool. Later widenings also force a minimum of thinking, so that the easy answer is not drawn
again. The paper measures oracle gains; whether they reach the chosen answer is measured, not assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from langgraph.runtime import Runtime

from inference.base import Request
from nodes.asking import LEAST_TOKENS, ask, planned_thinking, planning_allowance, request, seed_for
from nodes.context import Context
from nodes.forms import WORKING
from nodes.lens import program_tokens
from nodes.parsing import parse_sketch
from nodes.prompting import perturbations, render
from nodes.reading.writing import example_text
from nodes.state import Cost, Plan, Slot, SolveState, Update, content_id
from nodes.voting import is_question

BOX = "diversity_sampling"
KINDS = ("idea", "sentence", "rephrase")


@dataclass(frozen=True, slots=True, kw_only=True)
class Twist:
    """What makes a perturbed slot different: an idea, other words, or a sentence."""

    plan: Plan | None = None
    statement: str = ""
    sentence: str = ""


def diversity_sampling(state: SolveState, runtime: Runtime[Context]) -> Update:
    """Queue the slots of one widening, never more than the budget of tokens and programs allows."""
    context = runtime.context
    k = min(context.widening(state), context.programs_left(state))
    mixed = context.mixes(state) and not is_question(state.problem)
    plans = fresh_plans(state)[: k // 2] if mixed else []
    twisted = (k - len(plans)) // 2 if mixed else 0
    twists, cost = _twists(state, runtime, twisted)
    kinds = arrange(k, plans, twists)
    slots = _with_budgets(state, context, kinds, spent=cost.spent)
    return {"queue": slots, "slots_made": state.slots_made + len(slots), "costs": (cost,)}


def fresh_plans(state: SolveState) -> list[Plan]:
    """Return the plans that no program has been drawn from yet; one that was sketched twice comes once."""
    used = {candidate.plan_id for candidate in state.candidates}
    return list({plan.id: plan for plan in state.plans if plan.id not in used}.values())


def arrange(k: int, plans: Sequence[Plan], twists: Sequence[Twist]) -> list[Plan | Twist | None]:
    """Return what each of k slots is made of: None (plain) first, then plans and twists, the rest plain."""
    mixed: list[Plan | Twist] = []
    for i in range(max(len(plans), len(twists))):
        mixed += [*plans[i : i + 1], *twists[i : i + 1]]
    return [None, *mixed, *[None] * k][:k]


def _twists(state: SolveState, runtime: Runtime[Context], wanted: int) -> tuple[list[Twist], Cost]:
    """Draw perturbations; an idea and a rephrasing each cost a short call, all of them in one batch."""
    context = runtime.context
    kinds = [KINDS[(state.slots_made + i) % len(KINDS)] for i in range(wanted)]
    asked = [_twist_request(state, context, kind, i) for i, kind in enumerate(kinds) if kind != "sentence"]
    replies, cost = ask(runtime, BOX, asked, planning_allowance(state, context)) if asked else ((), Cost(box=BOX))
    texts = iter([reply.text.strip() if reply else "" for reply in replies])
    pool = list(perturbations(context.model.profile))
    Random(seed_for(context, "pool", state.slots_made)).shuffle(pool)
    words = [pool[i % len(pool)] if kind == "sentence" else next(texts) for i, kind in enumerate(kinds)]
    made = (_twist(kind, text, state) for kind, text in zip(kinds, words, strict=True))
    return [twist for twist in made if twist is not None], cost


def _twist_request(state: SolveState, context: Context, kind: str, i: int) -> Request:
    """Return the call of a thinker (`idea`: a sketch without code) or of a rephraser."""
    template = "sketch" if kind == "idea" else "rephrase"
    messages = render(context.model.profile, template, statement=state.problem.statement, observations=[])
    return request(context, messages, seed=seed_for(context, kind, state.slots_made + i), form=WORKING)


def _twist(kind: str, text: str, state: SolveState) -> Twist | None:
    if kind == "sentence":
        return Twist(sentence=text)
    if kind == "rephrase":
        said = f"{text}\n{examples_text(state)}".strip()
        # A rephrasing that lost the function's name asks for a program that nothing can call.
        return Twist(statement=said) if text and state.problem.entry_point in said else None
    idea = parse_sketch(text)
    return Twist(plan=Plan(id=content_id("idea", idea), text=idea)) if idea else None


def examples_text(state: SolveState) -> str:
    """Return the public tests as a person would write them below a statement."""
    problem = state.problem
    if problem.mode == "function":
        return "\n".join(example_text(problem, t) for t in problem.tests)
    return "\n".join(f"Input:\n{t.input.rstrip()}\nOutput:\n{t.expected.rstrip()}" for t in problem.tests)


def _with_budgets(
    state: SolveState, context: Context, kinds: Sequence[Plan | Twist | None], *, spent: int
) -> tuple[Slot, ...]:
    """Share the tokens that are left among the slots; slots that would get less than a program takes are dropped."""
    settings = context.settings
    left = max(0, context.tokens_left(state) - spent)
    if left < LEAST_TOKENS or not kinds:
        return ()
    count = min(len(kinds), max(1, int(left // program_tokens(state, context))))
    share = left // count
    cap = min(settings.thinking_tokens, share // 2) if context.model.can_think else 0
    least = _least_thinking(state, context)
    slots = []
    for i, kind in enumerate(kinds[:count]):
        slot = _slot(state.slots_made + i, kind)
        thinking = min(cap, planned_thinking(context)) if slot.plan else cap
        answer = min(settings.answer_tokens, share - thinking)
        slots.append(slot.with_budget(thinking=thinking, least=min(least, thinking), answer=answer))
    return tuple(slots)


def _least_thinking(state: SolveState, context: Context) -> int:
    """Return the forced minimum: the setting at first and for plain samples, then twice the thinking's mean so far."""
    thought = [c.thinking_tokens for c in state.candidates if c.thinking_tokens]
    if not thought or context.policy.slots == "plain":
        return context.settings.thinking_min_tokens
    return max(context.settings.thinking_min_tokens, 2 * sum(thought) // len(thought))


def _slot(index: int, kind: Plan | Twist | None) -> Slot:
    if kind is None:
        return Slot(index=index)
    if isinstance(kind, Plan):
        return Slot(index=index, kind="plan", plan=kind)
    return Slot(index=index, kind="perturbed", plan=kind.plan, statement=kind.statement, perturbation=kind.sentence)
