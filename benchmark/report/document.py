"""What a report says, before it is written as HTML, Markdown or CSV: tables of cells, figures, sets of tasks.

A cell that shows a number holds it with its interval, and the name of the set of tasks behind it. A difference can be
made only from an estimate, so none is ever shown without its interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmark.statistics import Estimate

NOTHING = "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One field of a table."""

    text: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    tasks: str = ""
    """Name of the set of tasks behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The first column names the row."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A plot as SVG text, drawn by us from numbers and names of conditions."""

    title: str
    svg: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading with what belongs to it."""

    title: str
    anchor: str
    text: str = ""
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSet:
    """The tasks behind a number."""

    name: str
    title: str
    tasks: tuple[str, ...]
    """Anchors of tasks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A whole report."""

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    """What was measured, how, and from what."""
    warnings: tuple[str, ...] = ()
    """What a reader must know before the first number."""
    sections: tuple[Section, ...] = ()
    sets: tuple[TaskSet, ...] = ()
    task_names: dict[str, str] = field(default_factory=dict)
    """Shown name by anchor."""


def word(text: str, tasks: str = "") -> Cell:
    """Return a cell of text."""
    return Cell(text=text, tasks=tasks)


def number(value: float, digits: int = 0, tasks: str = "") -> Cell:
    """Return a cell with a plain number: a count or a mean of the tasks at hand."""
    return Cell(text=f"{value:,.{digits}f}", value=float(value), tasks=tasks)


def share(estimate: Estimate | None, tasks: str = "") -> Cell:
    """Return a cell with a share and its interval in per cent; a dash where there is nothing to tell."""
    if estimate is None:
        return Cell(text=NOTHING)
    text = f"{100 * estimate.value:.1f} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"
    return Cell(text=text, value=estimate.value, low=estimate.low, high=estimate.high, tasks=tasks)


def points(estimate: Estimate | None, tasks: str = "") -> Cell:
    """Return a cell with a difference and its interval in percentage points."""
    if estimate is None:
        return Cell(text=NOTHING)
    text = f"{100 * estimate.value:+.2f} [{100 * estimate.low:+.2f}, {100 * estimate.high:+.2f}]"
    return Cell(text=text, value=estimate.value, low=estimate.low, high=estimate.high, tasks=tasks)


def amount(estimate: Estimate | None, digits: int = 3, tasks: str = "") -> Cell:
    """Return a cell with a number and its interval in its own unit."""
    if estimate is None:
        return Cell(text=NOTHING)
    text = f"{estimate.value:.{digits}f} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"
    return Cell(text=text, value=estimate.value, low=estimate.low, high=estimate.high, tasks=tasks)


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[Cell]], note: str = "") -> Table:
    """Return a table.

    Raises:
        ValueError: a row is not as long as the head.
    """
    if any(len(row) != len(head) for row in rows):
        raise ValueError(f"{title}: a row is not as long as the head")
    return Table(title=title, head=tuple(head), rows=tuple(tuple(row) for row in rows), note=note)
