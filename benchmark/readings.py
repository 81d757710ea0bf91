"""Further ways to count, beside the score: base and plus inputs of EvalPlus, the tolerant reading of LiveCodeBench."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmark.markdown import grid, percent
from benchmark.measures import Graded
from benchmark.statistics import wilson
from benchmark.verdict import NO_PROGRAM, Verdict, reading
from nodes.state import content_id


def readings_table(results: Mapping[str, Sequence[Graded]]) -> str:
    """Return selected pass@1 under every reading that the verdicts know, as Markdown; empty where there is none."""
    names = sorted({name for graded in results.values() for g in graded for name, _ in _answer(g).readings})
    lines = [
        [
            condition,
            name,
            str(len(graded)),
            percent(wilson(sum(reading(_answer(g), name) for g in graded), len(graded))),
        ]
        for condition, graded in results.items()
        for name in names
    ]
    lines += [
        [condition, "without errata", str(len(kept)), percent(wilson(sum(g.right for g in kept), len(kept)))]
        for condition, kept in (
            (c, [g for g in graded if "errata" not in g.sheet.tags]) for c, graded in results.items()
        )
        if 0 < len(kept) < len(results[condition])
    ]
    head = ["condition", "counted by", "tasks", "selected pass@1, % [95 %]"]
    return "**Other readings**\n\n" + grid(head, lines) if lines else ""


def _answer(graded: Graded) -> Verdict:
    code = graded.run.code
    return graded.verdicts[content_id(code)] if code else NO_PROGRAM
