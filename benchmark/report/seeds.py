"""One ablation under several seeds: the table of all seeds together, with each seed's own numbers beside it."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.measures import difference
from benchmark.repeats import pooled, pooled_difference
from benchmark.report.document import Section, Table, number, points, share, table, word
from benchmark.report.numbers import compared_pairs
from benchmark.report.stored import Measured, but_seed
from benchmark.statistics import wilson


def groups_of_seeds(measured: Sequence[Measured]) -> list[list[Measured]]:
    """Return the measurements that differ in nothing but the seed, in groups of two and more, ordered by seed."""
    groups: dict[object, dict[int, Measured]] = {}
    for one in measured:
        if one.measurement is not None:
            tasks = tuple(sheet.key for sheet in one.sheets)
            groups.setdefault((but_seed(one.measurement), tasks), {})[one.seed] = one
    return [[group[seed] for seed in sorted(group)] for group in groups.values() if len(group) > 1]


def all_seeds(group: Sequence[Measured], anchor: str) -> Section:
    """Return the section on all seeds of a measurement together."""
    names = [f"seed {one.seed}" for one in group]
    text = (
        f"{len(group)} seeds on the same {len(group[0].sheets)} tasks. The task is the unit: its value is its mean over"
        " seeds, and intervals (95 %) are bootstrapped over tasks, never over runs. Each seed's own numbers are beside."
    )
    return Section(
        title="All seeds together",
        anchor=anchor,
        text=text,
        tables=(_numbers(group, names), _differences(group, names)),
    )


def _numbers(group: Sequence[Measured], names: Sequence[str]) -> Table:
    rows = []
    for condition in group[0].results:
        one = pooled([measured.results for measured in group], condition)
        own = [[g.right for g in measured.results[condition]] for measured in group]
        rows.append(
            [
                word(condition),
                share(one.selected),
                *(share(wilson(sum(right), len(right))) for right in own),
                share(one.oracle),
                share(one.efficiency),
                share(one.verified),
                share(one.verified_right),
                number(one.tokens),
                number(one.seconds, 2),
            ]
        )
    head = ("condition", "selected pass@1, %", *names, "oracle@k, %", "selection efficiency, %", "verified, %",
            "right if verified, %", "tokens", "seconds")  # fmt: skip
    single = share(pooled([measured.results for measured in group], next(iter(group[0].results))).single).text
    note = (
        f"Single-shot pass@1: {single} %. Tokens and seconds are means per task. A seed's own intervals are Wilson's."
    )
    return table("Per condition", head, rows, note)


def _differences(group: Sequence[Measured], names: Sequence[str]) -> Table:
    results = [measured.results for measured in group]
    rows = []
    for ours, theirs in compared_pairs(list(group[0].results)):
        own = [difference((ours, one[ours]), (theirs, one[theirs])).points for one in results]
        rows.append([word(f"{ours} − {theirs}"), points(pooled_difference(results, ours, theirs)), *map(points, own)])
    head = ("selected pass@1", "points [95 %]", *names)
    return table("Paired differences", head, rows, "Over the same tasks; bootstrap over tasks, of each seed's too.")
