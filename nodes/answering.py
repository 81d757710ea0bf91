"""Choose the answer and say how sure it is, on what evidence, at what cost. Honest when the evidence is thin."""

from __future__ import annotations

from collections.abc import Sequence

from nodes.context import Context
from nodes.lens import cluster_weights, right_so_far
from nodes.reading.telling import SEVERAL
from nodes.state import Answer, Candidate, Evidence, Problem, SolveState, StopReason, Unread
from nodes.voting import UNCHECKED, is_question

RIVAL = 0.5
"""A verified answer has no rival cluster of example-passing programs that weighs this share of its own."""


def choose(state: SolveState, context: Context) -> Candidate | None:
    """Return the candidate that a person gets, or None when there is none at all; of a question most votes decide."""
    candidates = sorted(state.candidates, key=lambda c: c.index)
    if not candidates:
        return None
    by_id = {c.id: c for c in candidates}
    if context.policy.choice == "first" and not is_question(state.problem):
        passing = [e for e in state.evidence if e.passes_examples and e.public_total]
        return by_id[passing[0].candidate_id] if passing else candidates[0]
    ranked = sorted(state.evidence, key=lambda e: rank(e, by_id[e.candidate_id]))
    return by_id[ranked[0].candidate_id] if ranked else candidates[0]


def rank(item: Evidence, candidate: Candidate) -> tuple[float, ...]:
    """Return what programs are ordered by, the least first: anchors, examples, confirmed tests, posterior, arrival."""
    return (item.regressed, -item.public_passed, -item.confirmed_passed, -item.posterior, candidate.index)


def verification(state: SolveState, context: Context) -> tuple[bool, str]:
    """Return whether the chosen program is verified, and the reason in words."""
    chosen = choose(state, context)
    item = next((e for e in state.evidence if chosen and e.candidate_id == chosen.id), None)
    if chosen is None or item is None:
        return False, "no program was written" if chosen is None else "the program was not run on any test"
    verified, reason = _checked(state, context, item)
    if verified and item.posterior < context.settings.lens_threshold:
        return False, f"the Lens abstains: its P(correct), {item.posterior:.2f}, is below lens_threshold"
    return verified, reason


def _checked(state: SolveState, context: Context, item: Evidence) -> tuple[bool, str]:
    """Return whether a program passes all that is known and has no rival, and the reason in words."""
    unchecked = _unchecked(state.problem)
    if unchecked:
        return False, unchecked
    if not item.passes_examples:
        return False, f"it fails {item.public_total - item.public_passed} of {item.public_total} examples"
    if item.confirmed_passed < item.confirmed_total:
        return False, f"it fails {item.confirmed_total - item.confirmed_passed} confirmed self-tests"
    least = context.settings.verified_tests
    if item.confirmed_total < least:
        return False, f"only {item.confirmed_total} of the {least} confirmed self-tests that it takes were found"
    rival = _heaviest_rival(state, item)
    if rival >= RIVAL * item.cluster_weight:
        return False, f"{rival} programs that also pass the examples behave differently from its {item.cluster_weight}"
    return True, f"passes {item.public_total} examples and {item.confirmed_total} confirmed self-tests; no rival"


def _unchecked(problem: Problem) -> str:
    """Return why the examples of a problem can verify no answer; an empty text where they can."""
    if is_question(problem):
        return UNCHECKED
    if problem.unread:
        return _unread_words(problem.unread)
    if problem.several:
        return f"equal outputs prove nothing: {SEVERAL[problem.several]}"
    if problem.also_called:
        return f"the examples also call {', '.join(problem.also_called)}, which nothing checks"
    return "" if problem.tests else "no examples were found in the problem to check against"


def _unread_words(unread: Sequence[Unread]) -> str:
    """Return what keeps an answer from being verified, with the line and how to write it."""
    count = "one example could not be read" if len(unread) == 1 else f"{len(unread)} examples could not be read"
    return f"{count}: {unread[0].words}"


def _heaviest_rival(state: SolveState, item: Evidence) -> int:
    """Return the size of the largest other cluster that passes the examples, whether or not a self-test vetoes it."""
    weights = cluster_weights([e for e in state.evidence if e.passes_examples])
    return max((weight for cluster, weight in weights.items() if cluster != item.cluster), default=0)


def best_answer(state: SolveState, context: Context, stop: StopReason) -> Answer:
    """Return the answer as it stands, whatever made the search stop."""
    chosen = choose(state, context)
    verified, reason = verification(state, context)
    item = next((e for e in state.evidence if chosen and e.candidate_id == chosen.id), None)
    return Answer(
        code=chosen.code if chosen else "",
        verified=verified,
        reason=reason,
        confidence=round(item.posterior, 3) if item else 0.0,
        evidence=_lines(state, chosen, item),
        stop=stop,
        candidate_id=chosen.id if chosen else "",
        cost=state.costs,
        seconds=round(context.seconds_spent(state), 3),
        sandbox=context.sandbox.name,
        model=context.model.name,
        calibrated=context.lens_in_force is not None,
    )


def _lines(state: SolveState, chosen: Candidate | None, item: Evidence | None) -> tuple[str, ...]:
    """Return the evidence in words, one fact per line."""
    if chosen is None:
        return ()
    lines = [f"origin: {chosen.origin}" + (f", a repair of {chosen.parent}" if chosen.parent else "")]
    if item is None:
        return (*lines, "no test was run")
    if is_question(state.problem):
        named = len({c.program_id for c in state.candidates})
        return (*lines, f"votes: {item.cluster_weight} of {len(state.candidates)} samples; {named} options were named")
    programs = len({c.program_id for c in state.candidates})
    clusters = len(cluster_weights(right_so_far(state)))
    lines += [
        f"examples passed: {item.public_passed} of {item.public_total}",
        f"confirmed self-tests passed: {item.confirmed_passed} of {item.confirmed_total}",
        f"self-tests written: {len(state.self_tests)}",
        f"agreement: {item.cluster_weight} of {len(state.candidates)} samples behave alike; "
        f"{clusters} behaviours pass every test; {programs} distinct programs",
    ]
    return (*lines, f"judged pairs: {len(state.comparisons)}") if state.comparisons else tuple(lines)
