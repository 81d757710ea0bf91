"""One ablation under several seeds: the table of all seeds together, with each seed's own numbers beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmark.measures import Graded, difference
from benchmark.repeats import pooled, pooled_difference
from benchmark.report.document import Cell, Section, Table, number, points, share, table, word
from benchmark.report.numbers import compared_pairs
from benchmark.report.sets import SetBook
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeds:
    """The measurements of one group, each with the book of its sets, and a book over all of them."""

    group: Sequence[Measured]
    books: Sequence[SetBook]
    together: SetBook

    @classmethod
    def of(cls, group: Sequence[Measured], books: Sequence[SetBook], prefix: str) -> Seeds:
        """Return a group with a new book over all of its seeds."""
        by_seed = {f"seed {one.seed}": book for one, book in zip(group, books, strict=True)}
        return cls(group=group, books=books, together=SetBook.joining(prefix, by_seed))

    @property
    def names(self) -> list[str]:
        """The seeds as a head names them."""
        return [f"seed {one.seed}" for one in self.group]

    def behind(self, title: str, kept: Sequence[Sequence[bool]]) -> str:
        """Return the name of the set of those runs of all seeds for which `kept` is true, (seeds, tasks)."""
        seeds = zip(self.names, self.group, kept, strict=True)
        tasks = [
            f"{name}: {sheet.name}"
            for name, one, of_seed in seeds
            for sheet, keep in zip(one.sheets, of_seed, strict=True)
            if keep
        ]
        return self.together.add(title, tasks)


def all_seeds(seeds: Seeds) -> Section:
    """Return the section on all seeds of a measurement together."""
    text = (
        f"{len(seeds.group)} seeds on the same {len(seeds.group[0].sheets)} tasks. The task is the unit: its value is "
        "its mean over seeds, and intervals (95 %) are bootstrapped over tasks, never over runs. Each seed's own "
        "numbers are beside."
    )
    return Section(
        title="All seeds together",
        anchor=seeds.together.prefix,
        text=text,
        tables=(_numbers(seeds), _differences(seeds)),
    )


def _numbers(seeds: Seeds) -> Table:
    results = [measured.results for measured in seeds.group]
    rows = [_row(seeds, condition) for condition in results[0]]
    head = ("condition", "selected pass@1, %", *seeds.names, "oracle@k, %", "selection efficiency, %", "verified, %",
            "right if verified, %", "tokens", "seconds")  # fmt: skip
    single = share(pooled(results, next(iter(results[0]))).single).text
    note = (
        f"Single-shot pass@1: {single} %. Tokens and seconds are means per task. A seed's own intervals are Wilson's."
    )
    return table("Per condition", head, rows, note)


def _row(seeds: Seeds, condition: str) -> list[Cell]:
    one = pooled([measured.results for measured in seeds.group], condition)
    runs = [measured.results[condition] for measured in seeds.group]

    def behind(title: str, what: Callable[[Graded], bool]) -> str:
        return seeds.behind(f"{condition}, all seeds: {title}", [[what(g) for g in graded] for graded in runs])

    own = []
    for book, graded in zip(seeds.books, runs, strict=True):
        right = [g.right for g in graded]
        behind_own = book.where(f"{condition}: the answer is right", graded, right)
        own.append(share(wilson(sum(right), len(right)), behind_own))
    return [
        word(condition),
        share(one.selected, behind("the answer is right", lambda g: g.right)),
        *own,
        share(one.oracle, behind("a right program was there", lambda g: g.right_somewhere)),
        share(
            one.efficiency,
            behind("a right program was there and another was chosen", lambda g: g.right_somewhere and not g.right),
        ),
        share(one.verified, behind("verified", lambda g: g.run.verified)),
        share(one.verified_right, behind("verified and right", lambda g: g.run.verified and g.right)),
        number(one.tokens),
        number(one.seconds, 2),
    ]


def _differences(seeds: Seeds) -> Table:
    results = [measured.results for measured in seeds.group]
    rows = []
    for ours, theirs in compared_pairs(list(results[0])):
        title = f"right under one of {ours} and {theirs} alone"
        unlike = [[a.right != b.right for a, b in zip(one[ours], one[theirs], strict=True)] for one in results]
        own = [
            points(difference((ours, one[ours]), (theirs, one[theirs])).points, book.where(title, one[ours], kept))
            for one, book, kept in zip(results, seeds.books, unlike, strict=True)
        ]
        all_of_them = seeds.behind(f"{title}, all seeds", unlike)
        rows.append([word(f"{ours} − {theirs}"), points(pooled_difference(results, ours, theirs), all_of_them), *own])
    head = ("selected pass@1", "points [95 %]", *seeds.names)
    return table("Paired differences", head, rows, "Over the same tasks; bootstrap over tasks, of each seed's too.")
