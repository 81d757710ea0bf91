"""What the learned Lens is worth, on problems that it was not fitted on, beside chance and the plain rules."""

from __future__ import annotations

from benchmark.calibration import Stated, auroc, brier, calibration_error, reliability
from benchmark.lens import Judged, fitted_on, judge
from benchmark.report.charts import reliability_diagram
from benchmark.report.document import NOTHING, Figure, Section, Table, amount, number, points, share, table, word
from benchmark.report.stored import Measured, ReportError
from benchmark.statistics import wilson
from nodes.learned_lens import LearnedLens

PREFERRED = ("adaptive", "full", "samples")
"""Whose programs a Lens is fitted on: what a user's search sees comes first."""
THRESHOLDS = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9)


def judged_on(lens: LearnedLens, measured: Measured, condition: str = "") -> Judged:
    """Return how a Lens does on a measurement.

    Raises:
        ReportError: it was fitted on these problems, or for another model.
    """
    if lens.data == measured.data_hash:
        raise ReportError(f"{measured.file}: the Lens was fitted on these problems; its own file holds held-out scores")
    if known := fitted_on(lens, (sheet.key for sheet in measured.sheets)):
        raise ReportError(f"{measured.file}: the Lens was fitted on {known} of these problems: judge it on others")
    if lens.model != measured.selection.model:
        raise ReportError(f"{measured.file}: the Lens was fitted for another model ({lens.model[:12]})")
    return judge([(graded, lens) for graded in measured.results[condition_of(measured, condition)]])


def condition_of(measured: Measured, asked: str) -> str:
    """Return whose programs a Lens is fitted or judged on.

    Raises:
        ReportError: the condition that was asked for was not run.
    """
    names = [asked] if asked else [*PREFERRED, *measured.results]
    found = next((name for name in names if name in measured.results), None)
    if found is None:
        raise ReportError(f"{measured.file} has no condition {asked}; it has {', '.join(measured.results)}")
    return found


def lens_section(lens: LearnedLens, judged: Judged, split: str, prefix: str = "lens") -> Section:
    """Return the section on a Lens.

    Args:
        lens: the weights that a search would use.
        judged: how it, or its like fitted without the problem at hand, did.
        split: how the problems were held out, in words.
        prefix: of its anchors.
    """
    bins = reliability(judged.stated["learned"])
    note = f"Programs of {judged.problems} problems, {split}. Intervals as if programs were independent."
    svg = reliability_diagram(f"{prefix}-reliability", bins, [""] * len(bins))
    verdict = (
        "Its gain has an interval above zero: a search with this file uses it."
        if lens.is_better
        else "Its gain has no interval above zero: a search with this file keeps the hand-set Lens."
    )
    return Section(
        title="The learned Lens",
        anchor=prefix,
        text=f"Logistic regression on {lens.problems} problems; scores are of others ({split}). {verdict}",
        figures=(Figure(title="Reliability of the learned P(correct), by program", svg=svg, note=note),),
        tables=(_choices(judged), _scores(judged), _abstaining(judged.answers), _weights(lens)),
    )


def _choices(judged: Judged) -> Table:
    rows = [[word(name), share(estimate)] for name, estimate in judged.accuracy.items()]
    rows.append([word("learned Lens − largest example-passing cluster, all problems"), points(judged.gain)])
    title = f"Right choices on the {judged.mixed} of {judged.problems} problems with a right and a wrong program"
    return table(title, ("way to choose", "% or points [95 %]"), rows, "Bootstrap over problems.")


def _scores(judged: Judged) -> Table:
    rows = [
        [word(name), number(len(said)), amount(auroc(said)), amount(brier(said)), amount(calibration_error(said))]
        for name, said in judged.stated.items()
    ]
    head = ("P(correct) of programs", "programs", "AUROC", "Brier score", "calibration error")
    return table("How good the estimate is", head, rows, "Bootstrap over problems.")


def _abstaining(answers: tuple[Stated, ...]) -> Table:
    rows = []
    for threshold in THRESHOLDS:
        kept = [one for one in answers if one.p >= threshold]
        rows.append(
            [
                word(f"{threshold:.1f}"),
                share(wilson(len(kept), len(answers))) if answers else word(NOTHING),
                share(wilson(sum(one.right for one in kept), len(kept))),
            ]
        )
    head = ("lens_threshold", "answers kept, %", "right among them, %")
    return table("Abstaining below a threshold", head, rows, "Wilson intervals.")


def _weights(lens: LearnedLens) -> Table:
    pairs = (("intercept", lens.intercept), *zip(lens.features, lens.weights, strict=True))
    rows = [[word(name), number(value, 3)] for name, value in pairs]
    return table("Weights, in log odds", ("feature", "weight"), rows)
