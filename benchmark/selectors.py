"""Which program is chosen, and from how many, decided again from stored runs: no model, no sandbox, seconds.

For each k the programs of the first k samples of a run are kept, in the order in which they were drawn (a reply without
code leaves none), and the evidence is weighed again from the stored outcomes. `random` and `oracle` are the floor and
the ceiling: one is an expectation, the other looks at the verdicts.

Limits: self-tests and separating inputs stay those of the whole search, which saw more programs than k.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from benchmark.measures import Graded
from benchmark.statistics import Estimate, bootstrap_mean, paired_difference, wilson
from nodes.evidence import outcomes_by_pair, weigh
from nodes.learned_lens import LearnedLens
from nodes.state import Candidate, Evidence, SolveState, content_id
from nodes.voting import BALLOT, is_question

KS = tuple(range(1, 9))
RULE = "largest example-passing cluster"
"""The plain rule that a learned one has to beat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a selector may look at: the programs kept, in order, and what is known without hidden tests."""

    state: SolveState
    candidates: tuple[Candidate, ...]
    evidence: Mapping[str, Evidence]
    """By candidate id; a candidate that never ran has none."""


Selector = Callable[[Choice], Candidate]
"""Returns one of the candidates, of which there is at least one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """One selector at one k over all tasks."""

    selector: str
    k: int
    share: Estimate | None
    """Chance that the chosen program is right, by task."""
    right: tuple[float, ...]
    """Of each task; 0 or 1, or an expectation."""


def kept(graded: Graded, k: int | None = None, lens: LearnedLens | None = None) -> Choice | None:
    """Return what a search with its first k samples would know; None when they hold no program.

    Args:
        graded: the run.
        k: all samples, when not given.
        lens: makes the posterior instead of the hand-set constants.
    """
    state = graded.run.state
    candidates = _first_samples(state, k)
    if not candidates:
        return None
    shorter = replace(state, candidates=candidates)
    evidence = {item.candidate_id: item for item in weigh(shorter, lens)}
    return Choice(state=replace(shorter, evidence=tuple(evidence.values())), candidates=candidates, evidence=evidence)


def _first_samples(state: SolveState, k: int | None) -> tuple[Candidate, ...]:
    """Return the programs of the first k samples, of all without a k; samples without code count, as in pass@k."""
    ordered = sorted(state.candidates, key=lambda c: c.index)
    return tuple(c for c in ordered if k is None or c.index < k)


def first(choice: Choice) -> Candidate:
    """Return the first program, as single-shot does."""
    return choice.candidates[0]


def first_passing(choice: Choice) -> Candidate:
    """Return the first program that passes every example, else the first of all: the rule of `phase1`."""
    return next((c for c in choice.candidates if _passes_examples(choice, c)), choice.candidates[0])


def largest_cluster(choice: Choice) -> Candidate:
    """Return a program of the most common behaviour on the examples, whether that is right or not; of votes most."""
    outcomes = outcomes_by_pair(choice.state)
    problem = choice.state.problem
    inputs = [BALLOT] if is_question(problem) else [content_id(test.input) for test in problem.tests]

    def behaviour(candidate: Candidate) -> tuple[str, ...]:
        runs = (outcomes.get((candidate.program_id, input_id)) for input_id in inputs)
        return tuple((run.output_key or run.status) if run else "not run" for run in runs)

    sizes = Counter(behaviour(candidate) for candidate in choice.candidates)
    return max(choice.candidates, key=lambda candidate: sizes[behaviour(candidate)])


def largest_passing_cluster(choice: Choice) -> Candidate:
    """Return a program of the most common behaviour among those that pass the most examples."""
    return _best(choice, lambda item: (item.public_passed, item.cluster_weight))


def agreement(choice: Choice) -> Candidate:
    """Return the program that CodeT prefers (arXiv 2207.10397): examples first, then programs times votes."""
    return _best(choice, lambda item: (item.public_passed, item.agreement, item.cluster_weight))


def token_confidence(choice: Choice) -> Candidate:
    """Return the program whose text the model was surest of; one without a confidence comes last."""
    return max(choice.candidates, key=lambda c: (c.confidence is not None, c.confidence or 0.0))


def plain_lens(choice: Choice) -> Candidate:
    """Return what the search chooses: anchors, examples, confirmed tests, the posterior, the earlier one."""
    return _best(
        choice,
        lambda item: (
            not item.regressed,
            item.public_passed,
            item.confirmed_passed,
            item.posterior,
        ),
    )


SELECTORS: Mapping[str, Selector] = {
    "first": first,
    "token confidence": token_confidence,
    "largest cluster": largest_cluster,
    "first that passes the examples": first_passing,
    RULE: largest_passing_cluster,
    "agreement with self-tests (CodeT)": agreement,
    "evidence, plain Lens": plain_lens,
}


def reevaluate(
    graded: Sequence[Graded], ks: Sequence[int] = KS, selectors: Mapping[str, Selector] = SELECTORS
) -> tuple[Selected, ...]:
    """Return every selector at every k, with `random` before and `oracle` after them."""
    made = []
    for k in ks:
        choices = [kept(one, k) for one in graded]
        truths = [_truths(one, choice) for one, choice in zip(graded, choices, strict=True)]
        made.append(_expected("random", k, [sum(t.values()) / len(t) if t else 0.0 for t in truths]))
        for name, selector in selectors.items():
            right = [bool(c and t[selector(c).id]) for c, t in zip(choices, truths, strict=True)]
            made.append(_counted(name, k, right))
        made.append(_counted("oracle", k, [any(t.values()) for t in truths]))
    return tuple(made)


def gain(ours: Selected, theirs: Selected) -> Estimate | None:
    """Return the paired difference of two selectors, with its bootstrap interval over tasks."""
    return paired_difference([bool(a) for a in ours.right], [bool(b) for b in theirs.right])


def _truths(graded: Graded, choice: Choice | None) -> dict[str, bool]:
    return {c.id: graded.is_right(c.code) for c in choice.candidates} if choice else {}


def _expected(name: str, k: int, right: Sequence[float]) -> Selected:
    return Selected(selector=name, k=k, share=bootstrap_mean(right), right=tuple(right))


def _counted(name: str, k: int, right: Sequence[bool]) -> Selected:
    return Selected(selector=name, k=k, share=wilson(sum(right), len(right)), right=tuple(map(float, right)))


def _passes_examples(choice: Choice, candidate: Candidate) -> bool:
    item = choice.evidence.get(candidate.id)
    return item is not None and item.public_total > 0 and item.passes_examples


def _best(choice: Choice, rank: Callable[[Evidence], tuple[float, ...]]) -> Candidate:
    """Return the candidate with the highest rank, the earlier one among equals; one that never ran comes last."""
    tried = [c for c in choice.candidates if c.id in choice.evidence]
    return max(tried, key=lambda c: rank(choice.evidence[c.id]), default=choice.candidates[0])


def is_mixed(graded: Graded, k: int | None = None) -> bool:
    """Whether the first k samples of a run (all of them without a k) hold a right program and a wrong one.

    Only there can a choice make a difference.
    """
    return len({graded.is_right(c.code) for c in _first_samples(graded.run.state, k)}) == 2
