"""Write a report: one HTML file that needs nothing else, Markdown, and CSV.

Statements, plans, programs and outputs are hostile text: the templates escape every value, the page has no script and
its policy forbids the browser to run or load any.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from benchmark.markdown import grid
from benchmark.measures import Graded
from benchmark.report.document import Document, Section
from benchmark.report.traces import TaskTrace

_TEMPLATES = Path(__file__).parent / "templates"
_NUMBERS = re.compile(r"[-+.,0-9\[\] ]*")
"""A number with its interval: no spreadsheet finds anything to call in it."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_html(document: Document, traces: Sequence[TaskTrace]) -> str:
    """Return the page."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("report.html.j2")
    return template.render(document=document, traces=traces, traced={trace.anchor for trace in traces})


def as_markdown(document: Document) -> str:
    """Return facts and tables in Markdown."""
    parts = [f"# {document.title}", *(f"> {warning}" for warning in document.warnings)]
    parts.append("\n".join(f"- {name}: {value}" for name, value in document.facts))
    for section in document.sections:
        parts += _section(section)
    return "\n\n".join(part for part in parts if part) + "\n"


def _section(section: Section) -> Iterator[str]:
    if section.tables:
        yield f"## {section.title}"
        yield section.text
    for table in section.tables:
        yield f"**{table.title}**"
        yield grid(table.head, ([cell.text for cell in row] for row in table.rows))
        yield table.note


def as_csv(document: Document) -> str:
    """Return every number of the report, one per line, with its interval."""
    rows = (
        (section.title, table.title, row[0].text, name, cell.text, cell.value, cell.low, cell.high)
        for section in document.sections
        for table in section.tables
        for row in table.rows
        for name, cell in zip(table.head[1:], row[1:], strict=True)
    )
    return _csv(("section", "table", "row", "column", "text", "value", "low", "high"), rows)


def tasks_as_csv(results: Mapping[str, Mapping[str, Sequence[Graded]]]) -> str:
    """Return one line per measurement, task and condition, for statistics of one's own."""
    rows = (
        (
            measurement,
            g.sheet.name,
            " ".join(g.sheet.tags),
            condition,
            int(g.right),
            int(g.right_somewhere),
            int(g.run.verified),
            g.run.state.answer.confidence if g.run.state.answer else "",
            len(g.run.state.candidates),
            g.run.tokens,
            round(g.run.seconds, 4),
            g.run.state.stop,
        )
        for measurement, conditions in results.items()
        for condition, graded in conditions.items()
        for g in graded
    )
    head = ("measurement", "task", "tags", "condition", "right", "oracle", "verified", "confidence", "programs",
            "tokens", "seconds", "stop")  # fmt: skip
    return _csv(head, rows)


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return stream.getvalue()


def _cell(value: object) -> object:
    """Return a value that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    is_formula = isinstance(value, str) and value.startswith(_FORMULA) and not _NUMBERS.fullmatch(value)
    return f"'{value}" if is_formula else value
