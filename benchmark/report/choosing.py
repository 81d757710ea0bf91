"""Choosing among programs: every selector at every k, decided again from the stored runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmark.measures import Graded, drawn_alike
from benchmark.report.document import Section, Table, points, share, table, word
from benchmark.report.sets import SetBook
from benchmark.selectors import KS, RULE, SELECTORS, Selected, Selector, gain, reevaluate

_WITH_TESTS = ("adaptive", "full", "phase1_2")
"""Conditions whose runs hold self-tests to choose by, the preferred one first."""


def choosing(
    results: Mapping[str, Sequence[Graded]], book: SetBook, selectors: Mapping[str, Selector] = SELECTORS
) -> Section:
    """Return what each selector would have made of the stored programs."""
    tables: list[Table] = []
    for name in _pools(results):
        made = reevaluate(results[name], KS, selectors)
        tables += [_by_k(name, made), _gains(name, made)]
    count = len(tables) // 2 * len(KS) * (len(selectors) + 2)
    text = (
        f"Decided again from stored outcomes, without the model: {count} combinations of selector and k. "
        "The first k samples count, in the order in which they were drawn; one without code is none to choose."
    )
    return Section(title="Selectors", anchor=f"{book.prefix}-selectors", text=text, tables=tuple(tables))


def _pools(results: Mapping[str, Sequence[Graded]]) -> list[str]:
    """Return the conditions worth re-evaluating: independent samples, and one whose runs hold self-tests."""
    alike = [name for name in results if drawn_alike(name)]
    tested = [name for name in _WITH_TESTS if name in results]
    return [*alike[:1], *tested[:1]]


def _by_k(name: str, made: Sequence[Selected]) -> Table:
    names = list(dict.fromkeys(one.selector for one in made))
    cells = {(one.selector, one.k): share(one.share) for one in made}
    rows = [[word(selector), *(cells[selector, k] for k in KS)] for selector in names]
    return table(f"Programs of {name}: selected pass@1, %", ["selector", *(f"k = {k}" for k in KS)], rows)


def _gains(name: str, made: Sequence[Selected]) -> Table:
    """Return each selector against the plain rule, at the largest k."""
    last = {one.selector: one for one in made if one.k == KS[-1]}
    rows = [
        [word(f"{selector} − {RULE}"), points(gain(one, last[RULE]))]
        for selector, one in last.items()
        if selector not in ("random", "oracle", RULE)
    ]
    return table(f"Programs of {name}, k = {KS[-1]}: against the plain rule", ("selectors", "points [95 %]"), rows)
