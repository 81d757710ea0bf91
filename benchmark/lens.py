"""Fit and judge the learned Lens on stored runs: logistic regression, split by problem.

Rows are programs as a search would have seen them after 1, 2, 4, 8 and all of its programs; each problem weighs the
same. Every score is of problems that were held out (k folds by problem); the exported weights are then fitted on all.
The choice that is judged is the search's own: anchors, examples and confirmed tests first, then P(correct).

Limits: fitted on the programs of one model file, and good for that one only. Few problems give wide intervals, and a
gain whose interval holds zero changes nothing in the search.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from benchmark.calibration import Stated, auroc, brier, calibration_error
from benchmark.measures import Graded
from benchmark.selectors import Choice, Selector, is_mixed, kept, largest_passing_cluster, plain_lens
from benchmark.statistics import Estimate, bootstrap_mean, paired_difference
from nodes.evidence import describe
from nodes.learned_lens import FEATURES, LearnedLens
from nodes.lens import features_of

SEEN_AFTER = (1, 2, 4, 8, None)
LEAST_PROBLEMS = 10
STRENGTH = 1.0
"""Inverse of the L2 penalty, on features of unit variance."""

Floats = NDArray[np.float64]


class TooLittleError(ValueError):
    """The runs do not hold what a fit needs; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Programs as training examples."""

    values: Floats
    """(n, features)."""
    right: NDArray[np.bool_]
    """(n,)."""
    weights: Floats
    """(n,); those of a problem add up to one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """How ways to choose and to state P(correct) did on problems that none of them was fitted on."""

    problems: int
    mixed: int
    """Problems with a right and a wrong program."""
    accuracy: Mapping[str, Estimate | None]
    """Share of right choices on the mixed problems, by way of choosing."""
    gain: Estimate | None
    """Learned Lens less the largest example-passing cluster, over all problems."""
    stated: Mapping[str, tuple[Stated, ...]]
    """P(correct) of every program, by `plain` and `learned`."""
    answers: tuple[Stated, ...]
    """P(correct) of the chosen programs under the learned Lens."""

    @property
    def auroc(self) -> Estimate | None:
        """Of the learned Lens over programs."""
        return auroc(self.stated["learned"])

    @property
    def brier(self) -> Estimate | None:
        """Of the learned Lens over programs."""
        return brier(self.stated["learned"])

    @property
    def calibration_error(self) -> Estimate | None:
        """Of the learned Lens over programs."""
        return calibration_error(self.stated["learned"])


def fit(
    graded: Sequence[Graded],
    *,
    model: str,
    data: str,
    texts: Sequence[str] = (),
    folds: int = 5,
    seed: int = 0,
) -> tuple[LearnedLens, Judged]:
    """Return a Lens fitted on all problems, and how Lenses that were fitted without a problem did on it.

    Args:
        graded: runs of one condition.
        model: fingerprint of the model that wrote the programs.
        data: data-set hash of the problems.
        texts: digests of their texts (`texts_of`).
        folds: parts, each held out once.
        seed: of the split.

    Raises:
        TooLittleError: too few problems, or all programs of a part are right or all wrong.
    """
    if len(graded) < max(LEAST_PROBLEMS, folds):
        raise TooLittleError(
            f"{len(graded)} problems are too few to fit on: {max(LEAST_PROBLEMS, folds)} are the least"
        )
    held_out = np.array_split(np.random.default_rng(seed).permutation(len(graded)), folds)
    lenses: list[LearnedLens | None] = [None] * len(graded)
    for part in held_out:
        rest = [one for i, one in enumerate(graded) if i not in set(part.tolist())]
        lens = _fitted(rest, model, data)
        for index in part.tolist():
            lenses[index] = lens
    judged = judge([(one, lens) for one, lens in zip(graded, lenses, strict=True) if lens is not None])
    final = _fitted(graded, model, data)
    return replace(_with_scores(final, judged), texts=tuple(sorted(texts))), judged


def texts_of(keys: Iterable[str]) -> set[str]:
    """Return the digests of problems' texts from the keys of tasks; equal in every data set that holds the problem."""
    return {key.rpartition("@")[2] for key in keys}


def fitted_on(lens: LearnedLens, keys: Iterable[str]) -> int:
    """Return on how many of some tasks a Lens was fitted, by the texts of their problems."""
    return len(texts_of(keys) & set(lens.texts))


def judge(pairs: Sequence[tuple[Graded, LearnedLens]]) -> Judged:
    """Return how Lenses do on runs, each on one whose problem it was not fitted on."""
    graded = [one for one, _ in pairs]
    plain = [kept(one) for one in graded]
    learned = [kept(one, lens=lens) for one, lens in pairs]
    mixed = [is_mixed(one) for one in graded]
    rule = _right(graded, plain, largest_passing_cluster)
    by_hand = _right(graded, plain, plain_lens)
    by_lens = _right(graded, learned, plain_lens)
    chance = [_share_right(one) for one in graded]
    ways: dict[str, Sequence[float]] = {
        "random": chance,
        "largest example-passing cluster": rule,
        "plain Lens": by_hand,
        "learned Lens": by_lens,
    }
    return Judged(
        problems=len(graded),
        mixed=sum(mixed),
        accuracy={
            name: bootstrap_mean([float(v) for v, m in zip(values, mixed, strict=True) if m])
            for name, values in ways.items()
        },
        gain=paired_difference(by_lens, rule),
        stated={"plain": _stated(graded, plain), "learned": _stated(graded, learned)},
        answers=_answers(graded, learned),
    )


def rows_of(graded: Sequence[Graded]) -> Rows:
    """Return every program of the runs as training examples."""
    values: list[tuple[float, ...]] = []
    right: list[bool] = []
    weights: list[float] = []
    for one in graded:
        seen = [row for choice in _stages(one) for row in _rows(one, choice)]
        values += [features for features, _ in seen]
        right += [is_right for _, is_right in seen]
        weights += [1 / len(seen)] * len(seen)
    return Rows(values=np.array(values, dtype=np.float64), right=np.array(right), weights=np.array(weights))


def _stages(graded: Graded) -> list[Choice]:
    """Return what the search knew after some of its programs; no stage twice."""
    choices = [choice for k in SEEN_AFTER if (choice := kept(graded, k)) is not None]
    sizes = [0, *(len(choice.candidates) for choice in choices)]
    return [choice for choice, (before, now) in zip(choices, pairwise(sizes), strict=True) if now > before]


def _rows(graded: Graded, choice: Choice) -> list[tuple[tuple[float, ...], bool]]:
    items = list(choice.evidence.values())
    tried = [c for c in choice.candidates if c.id in choice.evidence]
    described = describe(choice.state, tried, items)
    return [
        (features_of(item, **facts), graded.is_right(candidate.code))
        for item, facts, candidate in zip(items, described, tried, strict=True)
    ]


def _fitted(graded: Sequence[Graded], model: str, data: str) -> LearnedLens:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = rows_of(graded)
    if len(set(rows.right.tolist())) < 2:
        raise TooLittleError("all programs are right, or all are wrong: nothing can be told apart; use more problems")
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=1000))
    pipeline.fit(rows.values, rows.right, logisticregression__sample_weight=rows.weights)
    scaler, regression = pipeline[0], pipeline[1]
    weights = regression.coef_[0] / scaler.scale_
    return LearnedLens(
        model=model,
        features=FEATURES,
        intercept=float(regression.intercept_[0] - weights @ scaler.mean_),
        weights=tuple(map(float, weights)),
        problems=len(graded),
        data=data,
        gain=(0.0, 0.0, 0.0),
    )


def _with_scores(lens: LearnedLens, judged: Judged) -> LearnedLens:
    gain = judged.gain or Estimate(value=0.0, low=0.0, high=0.0)
    return replace(lens, gain=(gain.value, gain.low, gain.high), auroc=_three(judged.auroc), brier=_three(judged.brier))


def _three(estimate: Estimate | None) -> tuple[float, float, float] | None:
    return (estimate.value, estimate.low, estimate.high) if estimate else None


def _share_right(graded: Graded) -> float:
    candidates = graded.run.state.candidates
    return fmean(graded.is_right(c.code) for c in candidates) if candidates else 0.0


def _right(graded: Sequence[Graded], choices: Sequence[Choice | None], selector: Selector) -> list[bool]:
    """Return whether what a selector chooses is right, by problem; without a program it is not."""
    return [
        choice is not None and one.is_right(selector(choice).code) for one, choice in zip(graded, choices, strict=True)
    ]


def _stated(graded: Sequence[Graded], choices: Sequence[Choice | None]) -> tuple[Stated, ...]:
    return tuple(
        Stated(p=choice.evidence[c.id].posterior, right=one.is_right(c.code), task=one.sheet.name)
        for one, choice in zip(graded, choices, strict=True)
        if choice is not None
        for c in choice.candidates
        if c.id in choice.evidence
    )


def _answers(graded: Sequence[Graded], choices: Sequence[Choice | None]) -> tuple[Stated, ...]:
    made = []
    for one, choice in zip(graded, choices, strict=True):
        chosen = plain_lens(choice) if choice else None
        if choice and chosen and chosen.id in choice.evidence:
            p = choice.evidence[chosen.id].posterior
            made.append(Stated(p=p, right=one.is_right(chosen.code), task=one.sheet.name))
    return tuple(made)
