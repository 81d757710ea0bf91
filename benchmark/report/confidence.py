"""Is the stated confidence worth anything: the reliability diagram of the answers, and three scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmark.calibration import Stated, auroc, brier, calibration_error, reliability
from benchmark.measures import Graded
from benchmark.report.charts import reliability_diagram
from benchmark.report.document import Figure, Section, Table, amount, number, share, table, word
from benchmark.report.sets import SetBook

_ONE_STATEMENT = ("baseline",)
"""Conditions without evidence: their confidence is a constant."""


def confidence(results: Mapping[str, Sequence[Graded]], book: SetBook) -> Section:
    """Return the section on the confidence of answers; a task without an answer states nothing."""
    said = {name: stated(graded) for name, graded in results.items()}
    rows = [
        [word(name), number(len(one)), amount(auroc(one)), amount(brier(one)), amount(calibration_error(one))]
        for name, one in said.items()
    ]
    head = ("condition", "answers", "AUROC", "Brier score", "calibration error")
    note = (
        "Bootstrap over tasks. AUROC 0.5 and Brier 0.25 are a coin's; the calibration error of few answers is too high."
    )
    shown = _shown(results)
    figure, bins = _diagram(shown, said[shown], book)
    scores = table("How good the stated confidence is", head, rows, note)
    return Section(title="Confidence", anchor=f"{book.prefix}-confidence", figures=(figure,), tables=(scores, bins))


def stated(graded: Sequence[Graded]) -> list[Stated]:
    """Return what each answer said of itself, and whether it was right."""
    return [
        Stated(p=g.run.state.answer.confidence, right=g.right, task=g.sheet.name)
        for g in graded
        if g.run.state.answer is not None and g.run.code
    ]


def _shown(results: Mapping[str, Sequence[Graded]]) -> str:
    """Return the condition whose diagram is drawn: what a user runs, where it was measured."""
    if "adaptive" in results:
        return "adaptive"
    return next((name for name in reversed(list(results)) if name not in _ONE_STATEMENT), next(iter(results)))


def _diagram(name: str, said: Sequence[Stated], book: SetBook) -> tuple[Figure, Table]:
    bins = reliability(said)
    links = [book.add(f"{name}: confidence {one.low:.1f} to {one.high:.1f}", one.tasks) for one in bins]
    rows = [
        [
            word(f"{one.low:.1f} – {one.high:.1f}"),
            number(len(one.tasks), tasks=link),
            number(one.stated, 3),
            share(one.right),
        ]
        for one, link in zip(bins, links, strict=True)
    ]
    title = f"Reliability of the confidence under {name}"
    figure = Figure(
        title=title,
        svg=reliability_diagram(f"{book.prefix}-reliability", bins, links),
        note="A point leads to its tasks. Wilson intervals.",
    )
    return figure, table(title, ("confidence", "answers", "mean stated", "right, %"), rows)
