"""The Lens: how likely each program is right, and what each move is worth per token.

A transparent estimate from execution evidence and token confidence. Its constants are set by hand, so the number is
called uncalibrated; a learned form has to beat it on problems it was not fitted on. Adaptive sampling stops by the
posterior of Adaptive-Consistency (arXiv 2305.11860, as used in Blend-ASC, arXiv 2511.12309), with behaviour clusters
as the votes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, exp, log, log1p

from nodes.context import Context
from nodes.state import Cost, Evidence, Move, SolveState

PRIOR_ODDS = 1 / 3
"""Odds that a sample of an unknown model is right before anything ran."""
EXAMPLE_ODDS, MOST_EXAMPLES = 4.0, 3
"""Each passed public test multiplies the odds, up to a number of tests."""
CONFIRMED_ODDS, MOST_CONFIRMED = 1.6, 4
"""Each passed confirmed self-test multiplies the odds; it agrees with a candidate by construction: a weaker sign."""
LEAST_KNOWLEDGE, MOST_KNOWLEDGE = 1 / 8, 2.0
"""Bounds of the factor by which the pass rate of fresh samples moves the odds."""
FAILING = 0.02
"""P(correct) is multiplied by this when a public test or a confirmed self-test fails."""
CONFIDENCE_WEIGHT = 0.25
"""Odds are multiplied by exp(weight * z) for a token confidence z standard deviations above its siblings."""
VERIFIED_WORTH = 0.2
"""What it is worth to a person that a right answer is verified too, in P(correct)."""
SETTLED = 0.95
"""Posterior of a leading cluster at which more samples are not worth it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What a move is expected to bring and to cost."""

    move: Move
    gain: float
    """Expected rise of P(the answer is correct). Of `test` it is the variance of that guess, which a decisive check
    would remove, and what `verified` is worth to a person: tests may well not change the answer."""
    tokens: float

    @property
    def per_token(self) -> float:
        """Gain per generated token."""
        return self.gain / max(1.0, self.tokens)


def odds_of_passing(public_total: int, confirmed: int, *, knows: float = 1.0, z: float = 0.0) -> float:
    """Return the odds of a program that passes this many public tests and confirmed self-tests.

    Args:
        public_total: public tests, all passed.
        confirmed: confirmed self-tests, all passed.
        knows: odds factor of `knowledge`.
        z: token confidence in standard deviations above its siblings.
    """
    odds = PRIOR_ODDS * EXAMPLE_ODDS ** min(public_total, MOST_EXAMPLES) * knows
    return odds * CONFIRMED_ODDS ** min(confirmed, MOST_CONFIRMED) * exp(CONFIDENCE_WEIGHT * z)


def knowledge(state: SolveState, evidence: Sequence[Evidence]) -> float:
    """Return how the share of fresh samples that pass every example moves the odds of those that do.

    One that passes among many that fail may have passed by luck: few examples are easily met by a wrong program.
    """
    fresh = {c.id for c in state.candidates if not c.parent}
    passing = sum(e.candidate_id in fresh and e.passes_examples and e.public_total > 0 for e in evidence)
    if not state.problem.tests:
        return 1.0
    return max(LEAST_KNOWLEDGE, min(MOST_KNOWLEDGE, (passing + 1) / (max(0, len(fresh) - passing) + 1)))


def posterior(item: Evidence, *, share: float, knows: float, z: float) -> float:
    """Return P(correct) of a candidate whose cluster holds `share` of the weight; the rest as in `odds_of_passing`."""
    odds = odds_of_passing(item.public_total, item.confirmed_passed, knows=knows, z=z)
    return min(1.0, share) * odds / (1 + odds) * (1.0 if passes_everything(item) else FAILING)


def features_of(item: Evidence, *, share: float, knows: float, z: float) -> tuple[float, ...]:
    """Return what a learned Lens reads (nodes/learned_lens.py); the arguments are those of `posterior`."""
    passes = item.passes_examples and item.public_total > 0
    return (
        item.public_passed / item.public_total if item.public_total else 0.0,
        float(passes),
        float(min(item.public_total, MOST_EXAMPLES)) if passes else 0.0,
        float(min(item.confirmed_passed, MOST_CONFIRMED)),
        float(not passes_everything(item)),
        min(1.0, share),
        log1p(item.cluster_weight),
        log(knows),
        z,
    )


def passes_everything(item: Evidence) -> bool:
    """Whether a candidate passes every public test and every confirmed self-test, and lost none of its parent's."""
    return item.passes_examples and item.confirmed_passed == item.confirmed_total and not item.regressed


def settled(leader: int, runner_up: int) -> float:
    """Return P(the leading cluster is the larger of the two), the upper half of Beta(leader + 1, runner_up + 1)."""
    n = leader + runner_up + 1
    return float(sum(comb(n, j) for j in range(leader + 1)) / 2**n)


def best(state: SolveState) -> Evidence | None:
    """Return the evidence of the likeliest candidate; the earlier one among equals."""
    return max(state.evidence, key=lambda item: item.posterior, default=None)


def right_so_far(state: SolveState) -> list[Evidence]:
    """Return the candidates that pass every test that is known; one that never completed a run is none."""
    return [e for e in state.evidence if passes_everything(e) and e.cluster_weight]


def cluster_weights(items: list[Evidence]) -> dict[str, int]:
    """Return candidates per behaviour cluster, heaviest first."""
    weights: dict[str, int] = {}
    for item in items:
        weights[item.cluster] = weights.get(item.cluster, 0) + 1
    return dict(sorted(weights.items(), key=lambda pair: -pair[1]))


def is_unsettled(state: SolveState) -> bool:
    """Whether no cluster of example-passing programs leads clearly yet."""
    weights = list(cluster_weights(right_so_far(state)).values())
    return not weights or settled(weights[0], sum(weights[1:2])) < SETTLED


def move_values(state: SolveState, context: Context) -> list[Value]:
    """Return what each possible move is worth now; moves that cannot act are left out."""
    right = right_so_far(state)
    values = [_widen(state, context, right), _test(state, context, right)]
    values += [_separate(state, context, right), _repair(state, context, right)]
    return [value for value in values if value is not None]


def _mean_tokens(state: SolveState, box: str, default: float) -> float:
    cost = next((c for c in state.costs if c.box == box), Cost(box=box))
    return cost.spent / cost.calls if cost.calls else default


def program_tokens(state: SolveState, context: Context) -> float:
    """Return the mean tokens of a program so far, thinking included; a guess before the first."""
    return _mean_tokens(state, "budgeted_generation", context.settings.answer_tokens / 4)


def _fresh_rate(state: SolveState, right: list[Evidence]) -> float:
    """Return the share of fresh samples that pass everything known, smoothed."""
    fresh = {c.id for c in state.candidates if not c.parent}
    return (sum(e.candidate_id in fresh for e in right) + 1) / (len(fresh) + 3)


def _worth_of_one_that_passes(state: SolveState) -> float:
    odds = odds_of_passing(len(state.problem.tests), 0)
    return odds / (1 + odds)


def _widen(state: SolveState, context: Context, right: list[Evidence]) -> Value | None:
    n = min(context.k, context.programs_left(state))
    if n <= 0:
        return None
    if right:
        weights = list(cluster_weights(right).values())
        open_share = 1 - settled(weights[0], sum(weights[1:2]))
        gain = open_share * (1 - (best(state) or right[0]).posterior) / 2
    else:
        gain = (1 - (1 - _fresh_rate(state, right)) ** n) * _worth_of_one_that_passes(state)
    plan_overhead = 1.5
    return Value(move="widen", gain=gain, tokens=n * program_tokens(state, context) * plan_overhead)


def _test(state: SolveState, context: Context, right: list[Evidence]) -> Value | None:
    lead = best(state)
    has_nothing_to_run = not state.problem.tests and not state.self_tests and state.candidates
    if not has_nothing_to_run and (
        not right or lead is None or lead.confirmed_total >= context.settings.verified_tests
    ):
        return None
    again = 0.5 ** state.history.count("test")
    chance = lead.posterior if lead else PRIOR_ODDS / (1 + PRIOR_ODDS)
    gain = (chance * (1 - chance) + VERIFIED_WORTH * chance) * again
    generations = context.test_generations
    tokens = generations * _mean_tokens(state, "self_test_synthesis", program_tokens(state, context))
    return Value(move="test", gain=gain, tokens=tokens)


def _separate(state: SolveState, context: Context, right: list[Evidence]) -> Value | None:
    weights = cluster_weights(right)
    if len(weights) < 2:
        return None
    second = max((e.posterior for e in right if e.cluster != next(iter(weights))), default=0.0)
    gain = min(second, 0.5) * 0.5 ** (1 + state.history.count("separate"))
    return Value(
        move="separate", gain=gain, tokens=4 * _mean_tokens(state, "distinguish", program_tokens(state, context))
    )


def _repair(state: SolveState, context: Context, right: list[Evidence]) -> Value | None:
    if right or not state.evidence or not context.programs_left(state):
        return None
    repaired = {c.id for c in state.candidates if c.parent}
    rate = (sum(e.candidate_id in repaired for e in right) + 0.5) / (len(repaired) + 3)
    gain = (1 - (1 - rate) ** 4) * _worth_of_one_that_passes(state)
    calls = 8
    return Value(move="repair", gain=gain, tokens=calls * _mean_tokens(state, "repair", program_tokens(state, context)))
