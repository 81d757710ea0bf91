"""A measurement as Markdown: no difference without its interval, no share without its count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from benchmark.conditions import PLAIN_SAMPLES
from benchmark.measures import (
    Difference,
    Graded,
    Row,
    SelfTestPrecision,
    difference,
    groups,
    row,
    self_test_precision,
    unbiased,
)
from benchmark.statistics import Estimate
from benchmark.task import Sheet

COMPARED = (
    *((name, "baseline") for name in ("samples", "phase1", "phase1_2", "phase1_3", "full", "adaptive", "resample")),
    *((name, "samples") for name in ("phase1", "adaptive")),
    ("adaptive", "resample"),
    ("adaptive", "full"),
    ("full", "phase1"),
    ("phase1_2", "phase1"),
    ("phase1_3", "phase1"),
)
SPLIT = ("baseline", "adaptive", "resample")
PASS_AT = (1, 3, PLAIN_SAMPLES)

Results = Mapping[str, Sequence[Graded]]
"""Graded runs by condition, each in the order of the tasks."""


def write_tables(results: Results, sheets: Sequence[Sheet]) -> str:
    """Return every table of a measurement."""
    parts = [
        _main_table([row(name, graded) for name, graded in results.items()]),
        _differences([_compare(results, *pair) for pair in COMPARED if set(pair) <= results.keys()]),
        _pass_at_k(results),
        _split(results, sheets),
        _self_tests([self_test_precision(name, graded) for name, graded in results.items()]),
    ]
    return "\n\n".join(part for part in parts if part)


def percent(estimate: Estimate | None) -> str:
    """Return a share and its interval in per cent; a dash where there is nothing to tell."""
    if estimate is None:
        return "–"
    return f"{100 * estimate.value:.1f} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def points(estimate: Estimate | None) -> str:
    """Return a difference and its interval in percentage points."""
    if estimate is None:
        return "–"
    return f"{100 * estimate.value:+.1f} [{100 * estimate.low:+.1f}, {100 * estimate.high:+.1f}]"


def grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; the first column is text, the others are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _main_table(rows: Sequence[Row]) -> str:
    head = ["condition", "selected pass@1, % [95 %]", "oracle, % [95 %]", "programs", "tokens", "seconds",
            "verified, %", "right if verified, % [95 %]", "right if not, % [95 %]", "harness, ms"]  # fmt: skip
    body = (
        [
            r.condition,
            percent(r.selected),
            percent(r.oracle),
            f"{r.programs:.1f}",
            f"{r.tokens:.0f}",
            f"{r.seconds:.2f}",
            f"{100 * r.verified.value:.1f}" if r.verified else "–",
            percent(r.verified_right),
            percent(r.unverified_right),
            f"{r.harness_ms:.0f}",
        ]
        for r in rows
    )
    return "**Per condition** (means per task)\n\n" + grid(head, body)


def _compare(results: Results, ours: str, theirs: str) -> Difference:
    return difference((ours, results[ours]), (theirs, results[theirs]))


def _differences(differences: Sequence[Difference]) -> str:
    head = ["selected pass@1", "points [95 %]", "only first right", "only second right", "McNemar p"]
    body = ([f"{d.ours} − {d.theirs}", points(d.points), str(d.won), str(d.lost), f"{d.p:.2g}"] for d in differences)
    return "**Paired differences** (bootstrap over tasks)\n\n" + grid(head, body) if differences else ""


def _pass_at_k(results: Results) -> str:
    graded = results.get("samples")
    if not graded:
        return ""
    body = ([f"pass@{k}", percent(unbiased(graded, k, PLAIN_SAMPLES))] for k in PASS_AT)
    title = f"**Unbiased pass@k** (from {PLAIN_SAMPLES} plain samples per task)"
    return f"{title}\n\n" + grid(["", "% [95 %]"], body)


def _split(results: Results, sheets: Sequence[Sheet]) -> str:
    names = [name for name in SPLIT if name in results]
    body = []
    for tag, members in groups(sheets).items():
        rows = [row(name, [g for g in results[name] if g.sheet.name in members]) for name in names]
        body.append([tag, str(len(members)), *(percent(r.selected) for r in rows)])
    title = "**By kind of task** (selected pass@1, % [95 %])"
    return f"{title}\n\n" + grid(["", "tasks", *names], body) if body and names else ""


def _self_tests(precisions: Sequence[SelfTestPrecision]) -> str:
    body = [
        [p.condition, f"{p.raw_count:.0f}", percent(p.raw), str(p.confirmed_count), percent(p.confirmed)]
        for p in precisions
        if p.raw is not None
    ]
    head = ["", "predicted outputs", "right, % [95 %]", "confirmed tests", "right, % [95 %]"]
    return "**Self-tests** (against the reference programs)\n\n" + grid(head, body) if body else ""
