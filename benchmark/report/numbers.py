"""The numbers of a measurement: four per condition, differences between them, groups of tasks, `verified`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from benchmark.markdown import COMPARED
from benchmark.measures import (
    Graded,
    difference,
    drawn_alike,
    efficiency,
    groups,
    self_test_precision,
    single_shot,
    unbiased,
)
from benchmark.report.document import Cell, Section, Table, number, points, share, table, word
from benchmark.report.sets import SetBook
from benchmark.statistics import wilson

Results = Mapping[str, Sequence[Graded]]
"""Graded runs by condition, all on the same tasks in the same order."""

_PASS_AT = (1, 2, 3, 4, 6, 8)


def four_numbers(results: Results, book: SetBook) -> Section:
    """Return the section that a reader needs first."""
    rows = [_four(name, results, book) for name in results]
    head = ("condition", "single-shot pass@1, %", "selected pass@1, %", "oracle@k, %", "k (mean)",
            "selection efficiency", "tokens", "seconds")  # fmt: skip
    note = (
        "Selected is what a user gets: one program per task, chosen without the tests that grade it. Oracle@k asks "
        "whether any of the k programs was right. Efficiency is (selected - single) / (oracle - single). Brackets: "
        "95 %, Wilson for shares, bootstrap over tasks for efficiency. Tokens and seconds are means per task."
    )
    pass_at_k = _pass_at_k(results)
    if not pass_at_k:
        note += " Unbiased pass@k is not here: it needs `samples` among the policies."
    tables = [table("Per condition", head, rows, note)]
    return Section(title="Four numbers", anchor=f"{book.prefix}-numbers", tables=(*tables, *pass_at_k))


def _four(name: str, results: Results, book: SetBook) -> list[Cell]:
    graded, n = results[name], len(results[name])
    single = single_shot(results, name)
    used = efficiency(single, graded)
    right, somewhere = [g.right for g in graded], [g.right_somewhere for g in graded]
    missed = [b and not a for a, b in zip(right, somewhere, strict=True)]
    oracle = share(wilson(sum(somewhere), n), book.where(f"{name}: a right program was there", graded, somewhere))
    return [
        word(name),
        share(wilson(sum(single), n), book.where(f"{name}: the single shot is right", graded, single)),
        share(wilson(sum(right), n), book.where(f"{name}: the answer is right", graded, right)),
        oracle,
        number(fmean(len(g.run.state.candidates) for g in graded), 1),
        share(used, book.where(f"{name}: a right program was there and another was chosen", graded, missed)),
        number(fmean(g.run.tokens for g in graded)),
        number(fmean(g.run.seconds for g in graded), 2),
    ]


def _pass_at_k(results: Results) -> list[Table]:
    made = []
    for name in results:
        drawn = drawn_alike(name)
        if drawn:
            ks = [k for k in _PASS_AT if k <= drawn]
            row = [word(name), *(share(unbiased(results[name], k, drawn)) for k in ks)]
            note = f"From {drawn} independent plain samples per task; bootstrap over tasks."
            made.append(table("Unbiased pass@k, %", ["condition", *(f"k = {k}" for k in ks)], [row], note))
    return made


def differences(results: Results, book: SetBook) -> Section:
    """Return the paired differences in selected pass@1."""
    rows = [_difference(results, *pair, book) for pair in compared_pairs(list(results))]
    head = ("selected pass@1", "points [95 %]", "only the first right", "only the second right", "McNemar p")
    note = "Over the same tasks: bootstrap interval of the mean difference, exact two-sided McNemar test."
    made = (table("Paired differences", head, rows, note),) if rows else ()
    return Section(title="Differences", anchor=f"{book.prefix}-differences", tables=made)


def compared_pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return which conditions are compared with which; one that no list knows is compared with the first."""
    pairs = [pair for pair in COMPARED if set(pair) <= set(names)]
    return pairs + [(name, names[0]) for name in names[1:] if not any(name in pair for pair in pairs)]


def _difference(results: Results, ours: str, theirs: str, book: SetBook) -> list[Cell]:
    one = difference((ours, results[ours]), (theirs, results[theirs]))
    pairs = [(a.right, b.right) for a, b in zip(results[ours], results[theirs], strict=True)]
    won = book.where(f"right under {ours}, wrong under {theirs}", results[ours], (a and not b for a, b in pairs))
    lost = book.where(f"wrong under {ours}, right under {theirs}", results[ours], (b and not a for a, b in pairs))
    return [
        word(f"{ours} − {theirs}"),
        points(one.points),
        number(one.won, tasks=won),
        number(one.lost, tasks=lost),
        Cell(text=f"{one.p:.2g}", value=one.p),
    ]


def by_tag(results: Results, book: SetBook) -> Section:
    """Return selected pass@1 per difficulty, platform or other tag."""
    sheets = [graded.sheet for graded in next(iter(results.values()))]
    rows = []
    for tag, members in groups(sheets).items():
        row = [
            word(tag),
            number(len(members), tasks=book.add(f"tagged {tag}", [s.name for s in sheets if s.name in members])),
        ]
        for name, graded in results.items():
            inside = [g for g in graded if g.sheet.name in members]
            right = [g.right for g in inside]
            wrong = book.where(f"{tag}, {name}: the answer is wrong", inside, [not one for one in right])
            row.append(share(wilson(sum(right), len(right)), wrong))
        rows.append(row)
    made = (
        table(
            "Selected pass@1, % [95 %]",
            ["kind", "tasks", *results],
            rows,
            "A number leads to the tasks that went wrong.",
        ),
    )
    return Section(title="By kind of task", anchor=f"{book.prefix}-kinds", tables=made if rows else ())


def verified(results: Results, book: SetBook) -> Section:
    """Return how often `verified` was right, and how good the tests are that it rests on."""
    rows = [_verified(name, graded, book) for name, graded in results.items()]
    head = ("condition", "verified, %", "right if verified, %", "verified and wrong", "right if not verified, %")
    tables = [table("What verified is worth", head, rows, "Wilson intervals.")]
    tests = [(name, self_test_precision(name, graded)) for name, graded in results.items()]
    lines = [
        [word(name), number(p.raw_count), share(p.raw), number(p.confirmed_count), share(p.confirmed)]
        for name, p in tests
        if p.raw is not None
    ]
    if lines:
        head = ("condition", "predicted outputs", "right, %", "confirmed self-tests", "right, %")
        tables.append(table("Tests that the search wrote", head, lines, "Against the reference programs, where known."))
    return Section(title="Verified", anchor=f"{book.prefix}-verified", tables=tuple(tables))


def _verified(name: str, graded: Sequence[Graded], book: SetBook) -> list[Cell]:
    sure = [g for g in graded if g.run.verified]
    unsure = [g for g in graded if not g.run.verified]
    wrong = [not g.right for g in sure]
    return [
        word(name),
        share(wilson(len(sure), len(graded)), book.add(f"{name}: verified", [g.sheet.name for g in sure])),
        share(wilson(len(sure) - sum(wrong), len(sure))),
        number(sum(wrong), tasks=book.where(f"{name}: verified and wrong", sure, wrong)),
        share(
            wilson(sum(g.right for g in unsure), len(unsure)),
            book.where(f"{name}: not verified and right", unsure, [g.right for g in unsure]),
        ),
    ]
