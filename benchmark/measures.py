"""From stored runs and verdicts to the numbers of a table; no model, no sandbox, so it takes seconds.

Four numbers are kept apart: single-shot pass@1, *selected* pass@1 (what a user gets), unbiased pass@k, and oracle (was
any candidate right). A task without an answer counts as wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmark.conditions import CONDITIONS
from benchmark.grader import NO_PROGRAM, Verdict
from benchmark.runs import Run
from benchmark.statistics import (
    Estimate,
    bootstrap_mean,
    bootstrap_ratio,
    mcnemar,
    paired_difference,
    pass_at_k,
    wilson,
)
from benchmark.task import Sheet
from nodes.evidence import confirmed_tests, outcomes_by_pair, public_passed
from nodes.judging import key_for
from nodes.state import SolveState, content_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """A run with its verdicts."""

    sheet: Sheet
    run: Run
    verdicts: Mapping[str, Verdict]
    """By program id, of the task."""
    truths: Mapping[str, str]
    """The reference's output keys by input id, of the task; empty where there is no reference."""

    @property
    def right(self) -> bool:
        """Whether the chosen program is right."""
        return self.is_right(self.run.code)

    @property
    def right_somewhere(self) -> bool:
        """Whether any candidate is right."""
        return any(self.is_right(candidate.code) for candidate in self.run.state.candidates)

    def is_right(self, code: str) -> bool:
        """Return the verdict on a program.

        Raises:
            KeyError: it was never graded.
        """
        return (self.verdicts[content_id(code)] if code else NO_PROGRAM).right


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A condition over all tasks."""

    condition: str
    n: int
    selected: Estimate | None
    oracle: Estimate | None
    programs: float
    """Mean candidates per task."""
    tokens: float
    """Mean generated tokens per task, thinking included."""
    seconds: float
    """Mean wall seconds per task as if nothing had come from the pool."""
    verified: Estimate | None
    verified_right: Estimate | None
    """Right among verified."""
    unverified_right: Estimate | None
    """Right among not verified."""
    harness_ms: float
    """Mean milliseconds per task in neither the model nor the sandbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Two conditions on the same tasks."""

    ours: str
    theirs: str
    points: Estimate | None
    """Mean of ours minus theirs, with a bootstrap interval over tasks."""
    won: int
    """Tasks that only ours solves."""
    lost: int
    p: float
    """Exact McNemar, two-sided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestPrecision:
    """How often the tests that a condition wrote are right, by the reference program."""

    condition: str
    raw_count: float
    """Predicted outputs."""
    raw: Estimate | None
    confirmed_count: int
    confirmed: Estimate | None


def row(condition: str, graded: Sequence[Graded]) -> Row:
    """Return the row of a condition; there is at least one task."""
    n = len(graded)
    verified = [g for g in graded if g.run.verified]
    unverified = [g for g in graded if not g.run.verified]
    return Row(
        condition=condition,
        n=n,
        selected=wilson(sum(g.right for g in graded), n),
        oracle=wilson(sum(g.right_somewhere for g in graded), n),
        programs=fmean(len(g.run.state.candidates) for g in graded),
        tokens=fmean(g.run.tokens for g in graded),
        seconds=fmean(g.run.seconds for g in graded),
        verified=wilson(len(verified), n),
        verified_right=wilson(sum(g.right for g in verified), len(verified)),
        unverified_right=wilson(sum(g.right for g in unverified), len(unverified)),
        harness_ms=1000 * fmean(g.run.harness_s for g in graded),
    )


def difference(ours: tuple[str, Sequence[Graded]], theirs: tuple[str, Sequence[Graded]]) -> Difference:
    """Return the difference of two (condition, runs) in selected pass@1, over the same tasks in the same order."""
    mine, other = ([g.right for g in graded] for _, graded in (ours, theirs))
    return Difference(
        ours=ours[0],
        theirs=theirs[0],
        points=paired_difference(mine, other),
        won=sum(a and not b for a, b in zip(mine, other, strict=True)),
        lost=sum(b and not a for a, b in zip(mine, other, strict=True)),
        p=mcnemar(mine, other),
    )


def unbiased(graded: Sequence[Graded], k: int, drawn: int) -> Estimate | None:
    """Return unbiased pass@k over tasks, from `drawn` plain samples each; a sample without code is a wrong one."""
    right = [sum(g.is_right(c.code) for c in g.run.state.candidates) for g in graded]
    return bootstrap_mean([pass_at_k(drawn, count, k) for count in right])


def self_test_precision(condition: str, graded: Sequence[Graded]) -> SelfTestPrecision:
    """Return how often raw and confirmed self-tests are right, with intervals over tasks."""
    raw = [_raw(g) for g in graded]
    confirmed = [_confirmed(g) for g in graded]
    return SelfTestPrecision(
        condition=condition,
        raw_count=sum(count for _, count in raw),
        raw=_ratio(raw),
        confirmed_count=int(sum(count for _, count in confirmed)),
        confirmed=_ratio(confirmed),
    )


def groups(sheets: Sequence[Sheet]) -> dict[str, set[str]]:
    """Return the names of the tasks under each tag."""
    tags = sorted({tag for sheet in sheets for tag in sheet.tags})
    return {tag: {sheet.name for sheet in sheets if tag in sheet.tags} for tag in tags}


def _ratio(pairs: Sequence[tuple[float, float]]) -> Estimate | None:
    return bootstrap_ratio([right for right, _ in pairs], [count for _, count in pairs])


def _raw(graded: Graded) -> tuple[float, float]:
    """Return (right, all) predictions, each generation's counted; none is right where the reference fails."""
    state = graded.run.state
    public = {test.id for test in state.problem.tests}
    votes = [
        (graded.truths.get(test.id, "") == key_for(state.problem, output), weight)
        for test in state.self_tests
        if test.id not in public
        for output, weight in test.votes
    ]
    return sum(weight for right, weight in votes if right), sum(weight for _, weight in votes)


def _confirmed(graded: Graded) -> tuple[float, float]:
    """Return (right, all) self-tests that the search ended with as confirmed."""
    confirmed = _confirmed_keys(graded.run.state)
    return float(sum(graded.truths.get(name, "") == key for name, key in confirmed.items())), float(len(confirmed))


def _confirmed_keys(state: SolveState) -> dict[str, str]:
    outcomes = outcomes_by_pair(state)
    programs = dict.fromkeys(candidate.program_id for candidate in state.candidates)
    total = len(state.problem.tests)
    trusted = [program for program in programs if total and public_passed(state, program, outcomes) == total]
    return confirmed_tests(state, trusted, outcomes)


def single_shot(results: Mapping[str, Sequence[Graded]], condition: str) -> list[bool]:
    """Return whether one plain sample alone is right, by task: the baseline's where it was run, else the first.

    The first slot of every search is a plain one; where its reply held no code the single shot is wrong.
    """
    if "baseline" in results:
        return [graded.right for graded in results["baseline"]]
    return [_first_plain(graded) for graded in results[condition]]


def _first_plain(graded: Graded) -> bool:
    firsts = [c for c in graded.run.state.candidates if c.index == 0 and c.origin == "plain"]
    return bool(firsts) and graded.is_right(firsts[0].code)


def efficiency(single: Sequence[bool], graded: Sequence[Graded]) -> Estimate | None:
    """Return (selected - single) / (oracle - single) with its bootstrap interval: how much of the headroom was used.

    None when the candidates are right on no more tasks than the single shots are.
    """
    gained = [float(g.right) - float(one) for one, g in zip(single, graded, strict=True)]
    headroom = [float(g.right_somewhere) - float(one) for one, g in zip(single, graded, strict=True)]
    return bootstrap_ratio(gained, headroom)


def drawn_alike(condition: str) -> int:
    """Return how many independent plain samples a condition draws for every task; 0 when it is no such condition."""
    known = CONDITIONS.get(condition)
    return known.programs if known is not None and known.policy == "resample" and not known.spends_like else 0
