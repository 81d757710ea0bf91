"""A Lens with fitted weights: logistic regression from evidence to P(correct), for one model file.

`atlas lens fit` writes its file; it holds coefficients and how they did on problems that they were not fitted on, and
no text of any problem. The search uses it only where it chose better there than the plain rule, with an interval above
zero; otherwise the hand-set constants of `nodes/lens.py` stay in force.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from math import exp, isfinite

from pydantic import TypeAdapter

FEATURES = (
    "share of examples passed",
    "passes every example",
    "examples, where all are passed",
    "confirmed self-tests passed",
    "fails what is known",
    "share of its behaviour among rivals",
    "log of programs that behave alike",
    "log of the pass rate's odds factor",
    "token confidence",
)
"""What `nodes.lens.features_of` computes, in its order."""


class LensError(ValueError):
    """A file is no Lens, or one of another model; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedLens:
    """What the file holds."""

    model: str
    """Fingerprint of the model whose programs it was fitted on."""
    features: tuple[str, ...]
    intercept: float
    weights: tuple[float, ...]
    """One per feature."""
    problems: int
    """On which it was fitted; scores are of folds that were held out, split by problem."""
    data: str
    """Data-set hash of those problems."""
    gain: tuple[float, float, float]
    """Held-out gain in right choices over the largest example-passing cluster: value, low, high (95 %)."""
    texts: tuple[str, ...] = ()
    """Digests of the texts of those problems: their hidden verdicts are in the weights, so that nothing may be measured
    on them."""
    auroc: tuple[float, float, float] | None = None
    brier: tuple[float, float, float] | None = None

    @property
    def is_better(self) -> bool:
        """Whether the held-out gain has an interval above zero, without which no search uses it."""
        return self.gain[1] > 0

    def p(self, values: tuple[float, ...]) -> float:
        """Return P(correct) from the values of the features."""
        score = self.intercept + sum(w * v for w, v in zip(self.weights, values, strict=True))
        return 1 / (1 + exp(-max(-30.0, min(30.0, score))))


def as_text(lens: LearnedLens) -> str:
    """Return the file's text."""
    return json.dumps(asdict(lens), indent=1) + "\n"


def from_text(text: str) -> LearnedLens:
    """Return the Lens of a file's text.

    Raises:
        LensError: it is none, or one with other features than this version computes.
    """
    try:
        lens = TypeAdapter(LearnedLens).validate_json(text)
        unknown = json.loads(text).keys() - asdict(lens).keys()
    except ValueError as error:
        raise LensError("is no Lens file; write one with `atlas lens fit`") from error
    if unknown:
        raise LensError(f"holds {', '.join(sorted(unknown))}, which no Lens has; write one with `atlas lens fit`")
    if lens.features != FEATURES or len(lens.weights) != len(FEATURES):
        raise LensError("was fitted on other features than this version computes: run `atlas lens fit` again")
    if not all(isinstance(n, int | float) and isfinite(n) for n in (lens.intercept, *lens.weights, *lens.gain)):
        raise LensError("holds a number that is none: run `atlas lens fit` again")
    return lens
