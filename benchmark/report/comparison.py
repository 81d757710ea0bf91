"""Two measurements on the tasks that they share: what differs in how they were made, and in what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import fmean

from benchmark.measures import Graded, difference
from benchmark.report.document import Cell, Document, Section, Table, number, points, share, table, word
from benchmark.report.stored import Measured, ReportError, load_measured
from benchmark.statistics import wilson

Pair = tuple[Sequence[Graded], Sequence[Graded]]
"""Runs of two conditions on the same tasks in the same order."""
_MOST_NAMED = 20


def compare(first: str, second: str) -> Document:
    """Return the comparison of two runs, each `FILE` or `FILE:CONDITION`.

    Without a condition every condition that both have is compared.

    Raises:
        ReportError: a file or condition is not there, or no task or condition is in both.
    """
    (ours, mine), (theirs, other) = _named(first), _named(second)
    names = _pairs(ours, mine, theirs, other)
    pairs = {label: _on_the_same_tasks(ours.results[a], theirs.results[b]) for label, (a, b) in names.items()}
    n = len(next(iter(pairs.values()))[0])
    if not n:
        raise ReportError(f"{first} and {second} share no task: an interval of a difference needs the same tasks")
    left_out = len(ours.sheets) + len(theirs.sheets) - 2 * n
    return Document(
        title=f"{first} (first) and {second} (second)",
        facts=(
            ("tasks in both", f"{n}" + (f"; {left_out} are in one only and left out" if left_out else "")),
            *_what_differs(ours, theirs),
        ),
        sections=(
            Section(title="Selected pass@1", anchor="numbers", tables=(_numbers(pairs), _differences(pairs))),
            Section(title="Tasks that one side alone solves", anchor="tasks", tables=(_tasks(pairs),)),
        ),
    )


def _named(run: str) -> tuple[Measured, str]:
    """Return a measurement and the condition that is meant; an empty text for all."""
    file, colon, condition = run.rpartition(":")
    if not colon or "/" in condition:
        return load_measured(run), ""
    measured = load_measured(file)
    if condition not in measured.results:
        raise ReportError(f"{file} has no condition {condition}; it has {', '.join(measured.results)}")
    return measured, condition


def _pairs(ours: Measured, mine: str, theirs: Measured, other: str) -> dict[str, tuple[str, str]]:
    """Return what is compared with what, by label."""
    if mine or other:
        a, b = mine or other, other or mine
        for measured, name in ((ours, a), (theirs, b)):
            if name not in measured.results:
                raise ReportError(f"{measured.file} has no condition {name}; it has {', '.join(measured.results)}")
        return {a if a == b else f"{a} − {b}": (a, b)}
    both = [name for name in ours.results if name in theirs.results]
    if not both:
        raise ReportError(f"no condition is in both; {ours.file} has {', '.join(ours.results)}: name FILE:CONDITION")
    return {name: (name, name) for name in both}


def _on_the_same_tasks(ours: Sequence[Graded], theirs: Sequence[Graded]) -> Pair:
    """Return the runs on tasks of one name and one text, in one order."""
    other = {graded.sheet.key: graded for graded in theirs}
    mine = [graded for graded in ours if graded.sheet.key in other]
    return mine, [other[graded.sheet.key] for graded in mine]


def _what_differs(ours: Measured, theirs: Measured) -> list[tuple[str, str]]:
    facts = [
        ("model", ours.selection.model, theirs.selection.model),
        ("code", ours.selection.code, theirs.selection.code),
    ]
    if ours.measurement and theirs.measurement:
        old, new = asdict(ours.measurement.settings), asdict(theirs.measurement.settings)
        facts += [(f"setting {name}", str(old[name]), str(new[name])) for name in old]
    else:
        facts.append(("settings", "not recorded", "or not recorded"))
    changed = [(name, f"{a} | {b}") for name, a, b in facts if a != b]
    return changed or [("model, code and settings", "the same")]


def _numbers(pairs: Mapping[str, Pair]) -> Table:
    rows = []
    for label, sides in pairs.items():
        right = [share(wilson(sum(g.right for g in side), len(side))) for side in sides]
        tokens = [number(fmean(g.run.tokens for g in side)) for side in sides]
        seconds = [number(fmean(g.run.seconds for g in side), 2) for side in sides]
        rows.append([word(label), *right, *tokens, *seconds])
    head = (
        "condition",
        "first, %",
        "second, %",
        "tokens, first",
        "tokens, second",
        "seconds, first",
        "seconds, second",
    )
    return table("Each by itself", head, rows, "Wilson intervals; tokens and seconds are means per task.")


def _differences(pairs: Mapping[str, Pair]) -> Table:
    rows = []
    for label, (mine, other) in pairs.items():
        one = difference(("first", mine), ("second", other))
        p = Cell(text=f"{one.p:.2g}", value=one.p)
        rows.append([word(label), points(one.points), number(one.won), number(one.lost), p])
    head = ("condition", "first − second, points [95 %]", "only the first right", "only the second right", "McNemar p")
    return table("Paired difference", head, rows, "Bootstrap over tasks; exact two-sided McNemar test.")


def _tasks(pairs: Mapping[str, Pair]) -> Table:
    rows = []
    for label, (mine, other) in pairs.items():
        both = list(zip(mine, other, strict=True))
        won = [a.sheet.name for a, b in both if a.right and not b.right]
        lost = [a.sheet.name for a, b in both if b.right and not a.right]
        rows.append([word(label), word(_listed(won)), word(_listed(lost))])
    return table("By name", ("condition", "only the first", "only the second"), rows)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "") or "none"
