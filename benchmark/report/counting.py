"""Further ways to count beside the score, in a section of the report."""

from __future__ import annotations

from benchmark.readings import other_readings
from benchmark.report.document import Section, number, share, table, word
from benchmark.report.numbers import Results
from benchmark.report.sets import SetBook


def counting(results: Results, book: SetBook) -> Section:
    """Return selected pass@1 under every way to count that the verdicts know; empty where there is only the score."""
    rows = [
        [
            word(one.condition),
            word(one.name),
            number(one.n),
            share(one.share),
            number(
                len(one.otherwise), tasks=book.add(f"{one.condition}: counted otherwise by {one.name}", one.otherwise)
            ),
        ]
        for one in other_readings(results)
    ]
    head = ("condition", "counted by", "tasks", "selected pass@1, %", "tasks counted otherwise")
    note = "The score is the first line of each condition; the others are second figures, never the score."
    made = (table("Selected pass@1 by another reading of the verdicts", head, rows, note),) if rows else ()
    return Section(title="Other readings", anchor=f"{book.prefix}-readings", tables=made)
