"""Turn outcomes into evidence, without a model: public filter, confirmed tests, clusters, agreement, posterior.

Agreement is CodeT's product (arXiv 2207.10397) of programs and votes, with the number of programs in place of its
square root since k is small, and one vote added that every cluster has: without tests the larger cluster leads.
A self-test is *confirmed* when no output of the candidates that pass every example is more frequent than the predicted
one, and no other of their outputs was predicted too. Without examples nothing is confirmed; agreement orders clusters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import mean, pstdev

from nodes.judging import key_for
from nodes.learned_lens import LearnedLens
from nodes.lens import features_of, knowledge, passes_everything, posterior
from nodes.state import Candidate, Evidence, Outcome, SelfTest, SolveState, content_id
from nodes.voting import BALLOT, is_question, posterior_of_votes

Outcomes = Mapping[tuple[str, str], Outcome]
JUDGED_ODDS = 3.0
"""A pair that is judged alike in both orders multiplies the weight of the winner by this, and divides the loser's."""
ORACLE_WEIGHT = 2.0
"""Weight of a brute-force program's output beside a predicted one: it was computed, not guessed."""


def outcomes_by_pair(state: SolveState) -> dict[tuple[str, str], Outcome]:
    """Return outcomes by (program id, input id)."""
    return {(o.program_id, o.input_id): o for o in state.outcomes}


def public_passed(state: SolveState, program_id: str, outcomes: Outcomes) -> int:
    """Return how many public tests a program passes."""
    ids = (test.id for test in state.problem.tests)
    runs = (outcomes.get((program_id, input_id)) for input_id in ids)
    return sum(run is not None and run.status == "passed" for run in runs)


def tried(state: SolveState, outcomes: Outcomes) -> list[Candidate]:
    """Return the candidates that ran, in order; a problem without any test has none."""
    programs = {program_id for program_id, _ in outcomes}
    return sorted((c for c in state.candidates if c.program_id in programs), key=lambda c: c.index)


def votes_by_key(state: SolveState, test: SelfTest, outcomes: Outcomes) -> dict[str, float]:
    """Return the weight of each predicted output, oracles included, by output key."""
    votes: dict[str, float] = {}
    for text, weight in test.votes:
        key = key_for(state.problem, text)
        if key:
            votes[key] = votes.get(key, 0.0) + weight
    for program in voting_oracles(state, outcomes):
        run = outcomes.get((program, test.id))
        if run is not None and run.output_key:
            votes[run.output_key] = votes.get(run.output_key, 0.0) + ORACLE_WEIGHT
    return votes


def voting_oracles(state: SolveState, outcomes: Outcomes) -> list[str]:
    """Return the programs of oracles that pass every public test; a candidate's own text is no second opinion."""
    own = {c.program_id for c in state.candidates}
    programs = dict.fromkeys(o.program_id for o in state.oracles if o.program_id not in own)
    return [p for p in programs if public_passed(state, p, outcomes) == len(state.problem.tests)]


def confirmed_tests(state: SolveState, trusted: Sequence[str], outcomes: Outcomes) -> dict[str, str]:
    """Return input id -> output key of the confirmed self-tests.

    Args:
        state: the blackboard.
        trusted: program ids that pass every public test; empty when there is no public test.
        outcomes: by (program id, input id).
    """
    public = {test.id for test in state.problem.tests}
    confirmed: dict[str, str] = {}
    for test in state.self_tests:
        given = _samples_by_key(state, trusted, test.id, outcomes)
        agreed = given.keys() & votes_by_key(state, test, outcomes).keys()
        most = max(given.values(), default=0)
        if len(agreed) == 1 and test.id not in public and given[next(iter(agreed))] == most:
            confirmed[test.id] = agreed.pop()
    return confirmed


def _samples_by_key(state: SolveState, programs: Sequence[str], input_id: str, outcomes: Outcomes) -> dict[str, int]:
    """Return how many candidates of the given programs give each output on an input, equal texts counted each time."""
    counts: dict[str, int] = {}
    for candidate in state.candidates:
        run = outcomes.get((candidate.program_id, input_id))
        if candidate.program_id in programs and run is not None and run.output_key:
            counts[run.output_key] = counts.get(run.output_key, 0) + 1
    return counts


def weigh(state: SolveState, lens: LearnedLens | None = None) -> tuple[Evidence, ...]:
    """Return the evidence of every candidate that ran, in the order of the candidates.

    Args:
        state: the blackboard.
        lens: takes the place of the hand-set posterior.
    """
    outcomes = outcomes_by_pair(state)
    candidates = tried(state, outcomes)
    programs = list(dict.fromkeys(c.program_id for c in candidates))
    passed = {p: public_passed(state, p, outcomes) for p in programs}
    total = len(state.problem.tests)
    trusted = [p for p in programs if total and passed[p] == total]
    confirmed = confirmed_tests(state, trusted, outcomes)
    clusters = _clusters(state, trusted or programs, outcomes)
    sizes = Counter(clusters.get(c.program_id) for c in candidates)
    agreement = _agreement(state, candidates, clusters, outcomes)
    held = {p: {i for i, key in confirmed.items() if _key(outcomes, p, i) == key} for p in programs}
    regressed = _regressed(state, candidates, held, outcomes)
    drafts = [
        Evidence(
            candidate_id=c.id,
            program_id=c.program_id,
            public_passed=passed[c.program_id],
            public_total=total,
            confirmed_passed=len(held[c.program_id]),
            confirmed_total=len(confirmed),
            cluster=clusters.get(c.program_id, c.program_id),
            cluster_weight=sizes[clusters.get(c.program_id, "")],
            agreement=agreement.get(clusters.get(c.program_id, ""), 0.0),
            regressed=c.id in regressed,
            posterior=0.0,
        )
        for c in candidates
    ]
    described = describe(state, candidates, drafts)

    def estimate(item: Evidence, facts: Mapping[str, float]) -> float:
        if lens:
            return lens.p(features_of(item, **facts))
        if is_question(state.problem):
            return posterior_of_votes(item, len(candidates), len(state.problem.options))
        return posterior(item, **facts)

    return tuple(replace(e, posterior=estimate(e, facts)) for e, facts in zip(drafts, described, strict=True))


def _key(outcomes: Outcomes, program_id: str, input_id: str) -> str:
    run = outcomes.get((program_id, input_id))
    return run.output_key if run is not None else ""


def _clusters(state: SolveState, programs: Sequence[str], outcomes: Outcomes) -> dict[str, str]:
    """Return program id -> cluster: programs that behave alike on every valid input share one.

    An input on which every program fails is no evidence and is left out, as are programs that complete on none.
    """
    inputs = dict.fromkeys([*(t.id for t in state.problem.tests), *(t.id for t in state.self_tests)])
    if is_question(state.problem):
        inputs = {BALLOT: None}
    valid = [i for i in inputs if any(_key(outcomes, p, i) for p in programs)]
    vectors = {p: tuple(_behaviour(outcomes.get((p, i))) for i in valid) for p in programs}
    return {p: content_id(*vector) for p, vector in vectors.items() if any(_key(outcomes, p, i) for i in valid)}


def _behaviour(run: Outcome | None) -> str:
    """Return what counts as the behaviour on one input: the output, or the way it failed."""
    if run is None:
        return "not run"
    return run.output_key or run.status


def _agreement(
    state: SolveState, candidates: Sequence[Candidate], clusters: Mapping[str, str], outcomes: Outcomes
) -> dict[str, float]:
    """Return CodeT's score per cluster: candidates in it times one more than the votes for the outputs it gives."""
    scores: dict[str, float] = {}
    votes = {test.id: votes_by_key(state, test, outcomes) for test in state.self_tests}
    for cluster in set(clusters.values()):
        program = next(p for p, c in clusters.items() if c == cluster)
        members = sum(clusters.get(c.program_id) == cluster for c in candidates)
        scores[cluster] = members * (1 + sum(v.get(_key(outcomes, program, i), 0.0) for i, v in votes.items()))
    return scores


def _regressed(
    state: SolveState, candidates: Sequence[Candidate], held: Mapping[str, set[str]], outcomes: Outcomes
) -> set[str]:
    """Return the repairs that lost a public test or a confirmed self-test which their parent passed (anchors)."""
    by_id = {c.id: c for c in candidates}
    anchored = {test.id for test in state.problem.tests}

    def passes(program_id: str) -> set[str]:
        public = {i for i in anchored if (run := outcomes.get((program_id, i))) and run.status == "passed"}
        return public | held[program_id]

    return {
        c.id for c in candidates if c.parent in by_id and not passes(by_id[c.parent].program_id) <= passes(c.program_id)
    }


def describe(
    state: SolveState, candidates: Sequence[Candidate], drafts: Sequence[Evidence]
) -> tuple[dict[str, float], ...]:
    """Return what a posterior is made from, beside the evidence itself, of each candidate.

    Its cluster's share among its rivals (`share`, judged pairs counted), what the pass rate of fresh samples says
    (`knows`), and the token confidence among its siblings (`z`).
    """
    rivals = [e for e in drafts if passes_everything(e)] or list(drafts)
    weight = {e.cluster: _weight(e) * JUDGED_ODDS ** _net_wins(state, e.cluster, drafts) for e in rivals}
    whole = sum(weight.values())
    scores = _standard_scores([c.confidence for c in candidates])
    knows = knowledge(state, drafts)
    return tuple(
        {"share": weight.get(e.cluster, _weight(e)) / max(whole, 1.0), "knows": knows, "z": z}
        for e, z in zip(drafts, scores, strict=True)
    )


def _weight(item: Evidence) -> float:
    """Return what a cluster weighs: its agreement; programs that completed nowhere weigh nothing."""
    return item.agreement or float(item.cluster_weight)


def _net_wins(state: SolveState, cluster: str, drafts: Sequence[Evidence]) -> float:
    """Return the judged wins of a cluster less its defeats, found through its members: clusters change with inputs."""
    members = {e.program_id for e in drafts if e.cluster == cluster}
    won = sum(2 * c.points - 1 for c in state.comparisons if c.first in members and c.second not in members)
    return won + sum(1 - 2 * c.points for c in state.comparisons if c.second in members and c.first not in members)


def _standard_scores(values: Sequence[float | None]) -> list[float]:
    """Return z-scores clipped to -1..1; a missing confidence counts as low, never as high."""
    known = [v for v in values if v is not None]
    if len(known) < 2:
        return [-1.0 if v is None else 0.0 for v in values]
    centre, spread = mean(known), pstdev(known) or 1.0
    return [-1.0 if v is None else max(-1.0, min(1.0, (v - centre) / spread)) for v in values]
