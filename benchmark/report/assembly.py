"""Put a report together: the sections of each measurement, the sets behind the numbers, the traces of the tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from benchmark.energy import estimated
from benchmark.lens import fit
from benchmark.measurement import Measurement, Power
from benchmark.measures import Graded
from benchmark.provenance import commit, cores
from benchmark.report.choosing import choosing
from benchmark.report.confidence import confidence
from benchmark.report.costs import accuracy_and_tokens, boxes, cost
from benchmark.report.counting import counting
from benchmark.report.document import Document, Section
from benchmark.report.lens_section import condition_of, judged_on, lens_section
from benchmark.report.numbers import by_tag, differences, four_numbers, verified
from benchmark.report.seeds import Seeds, all_seeds, groups_of_seeds
from benchmark.report.sets import SetBook
from benchmark.report.stored import Measured
from benchmark.report.traces import TaskTrace, task_trace
from benchmark.spending import Price
from benchmark.task import is_private
from nodes.learned_lens import LearnedLens

_BETWEEN = ", "


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a reader may choose."""

    price: Price
    watts: float = 0.0
    """For measurements that metered nothing; 0: guessed by the cores of the machine that searched."""
    traces: int = 300
    """Most tasks with a full trace."""
    lens: LearnedLens | None = None
    """To be judged on runs of its model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report, ready to be written."""

    document: Document
    traces: tuple[TaskTrace, ...]
    results: Mapping[str, Mapping[str, Sequence[Graded]]]
    """Graded runs by measurement and condition."""


def make_report(measured: Sequence[Measured], terms: Terms) -> Report:
    """Return the report on some measurements, each with sections of its own."""
    books = [SetBook(f"m{i}", [sheet.name for sheet in one.sheets]) for i, one in enumerate(measured, start=1)]
    seeds = _seeds(measured, books)
    sections = [all_seeds(group) for group in seeds]
    for one, book in zip(measured, books, strict=True):
        prefix = f"{one.name}: " if len(measured) > 1 else ""
        sections += [_named(section, prefix) for section in _sections(one, book, terms)]
    traces = _traces(measured, books, terms.traces)
    document = Document(
        title=f"ATLAS: {', '.join(dict.fromkeys(m.measurement.data if m.measurement else m.name for m in measured))}",
        facts=(*_facts(measured), *_made(measured, len(traces))),
        warnings=_warnings(measured),
        sections=tuple(section for section in sections if section.tables or section.figures),
        sets=tuple(one for book in (*books, *(group.together for group in seeds)) for one in book.sets),
        task_names=_task_names(measured, books),
    )
    return Report(document=document, traces=traces, results={one.name: one.results for one in measured})


def _seeds(measured: Sequence[Measured], books: Sequence[SetBook]) -> list[Seeds]:
    """Return the groups that differ in nothing but the seed, each with its books."""
    of = {id(one): book for one, book in zip(measured, books, strict=True)}
    groups = enumerate(groups_of_seeds(measured), start=1)
    return [Seeds.of(group, [of[id(one)] for one in group], f"seeds-{i}") for i, group in groups]


def _sections(one: Measured, book: SetBook, terms: Terms) -> list[Section]:
    jobs = one.measurement.jobs if one.measurement else 1
    return [
        four_numbers(one.results, book),
        differences(one.results, book),
        by_tag(one.results, book),
        counting(one.results, book),
        verified(one.results, book),
        confidence(one.results, book),
        choosing(one.results, book),
        *_lens(one, book, terms.lens),
        accuracy_and_tokens(one.results, book),
        boxes(one.results, book),
        cost(one.results, book, _power(one, terms.watts), jobs, terms.price),
    ]


def _power(one: Measured, watts: float) -> Power:
    """Return what was metered, else an estimate for the machine that searched, as far as it is known."""
    if one.measurement is None:
        guess = estimated(watts, cores())
        return (
            guess if watts else replace(guess, source=f"{guess.source}; the cores are those of the reporting machine")
        )
    return one.measurement.power or estimated(watts, one.measurement.cores)


def _lens(one: Measured, book: SetBook, lens: LearnedLens | None) -> list[Section]:
    """Return the section on the Lens; fitted anew without each problem where it was fitted on these very problems."""
    if lens is None:
        return []
    if lens.data == one.data_hash:
        graded = one.results[condition_of(one, "")]
        _, judged = fit(graded, model=lens.model, data=lens.data)
        return [lens_section(lens, judged, "5 folds by problem, seed 0", f"{book.prefix}-lens")]
    return [lens_section(lens, judged_on(lens, one), "a run of other problems", f"{book.prefix}-lens")]


def _named(section: Section, prefix: str) -> Section:
    return replace(section, title=f"{prefix}{section.title}")


def _facts(measured: Sequence[Measured]) -> list[tuple[str, str]]:
    """Return the facts of some measurements: what is true of all once and first, the rest under their names."""
    every = [dict(facts_of(one)) for one in measured]
    told = [[(name, part) for name, value in facts.items() for part in value.split(_BETWEEN)] for facts in every]
    common = [fact for fact in told[0] if all(fact in other for other in told)]
    facts = _joined(common)
    for one, own in zip(measured, told, strict=True):
        differing = _joined([fact for fact in own if fact not in common])
        facts += [(f"{one.name}: {name}", value) for name, value in differing]
    return facts


def _joined(parts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Put the parts of each fact together again."""
    found: dict[str, list[str]] = {}
    for name, part in parts:
        found.setdefault(name, []).append(part)
    return [(name, _BETWEEN.join(values)) for name, values in found.items()]


def facts_of(one: Measured) -> list[tuple[str, str]]:
    """Return what was measured and how."""
    made = one.measurement
    known = [
        ("data", made.data if made else "not recorded"),
        ("tasks", f"{len(one.sheets)}, data-set hash {one.data_hash}"),
        ("model", f"{one.model or 'name not recorded'}, fingerprint {one.selection.model}"),
        ("code", f"commit {made.commit if made else 'not recorded'}, search {one.selection.code}"),
    ]
    if made:
        settings = _BETWEEN.join(f"{name} {value}" for name, value in asdict(made.settings).items() if value != "")
        known += [
            ("settings", settings),
            ("machine", f"{made.cores} cores, {_searchers(made)}, sandbox {made.sandbox}"),
            ("ended", made.ended),
        ]
    else:
        sandbox = next((g.run.state.answer.sandbox for g in next(iter(one.results.values())) if g.run.state.answer), "")
        known.append(
            ("settings", "not recorded; by digest: " + ", ".join(f"{n} {d}" for n, d in one.selection.digests))
        )
        known.append(("sandbox", sandbox))
    return known


def _searchers(made: Measurement) -> str:
    if made.searches > 1:
        return f"{made.searches} searches at once on one engine"
    return f"{made.jobs} search processes"


def _made(measured: Sequence[Measured], traces: int) -> list[tuple[str, str]]:
    whole = sum(len(one.sheets) for one in measured)
    return [
        ("report", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, code {commit()}"),
        ("traces", f"{traces} of {whole} tasks" + ("" if traces == whole else "; more with --traces N")),
    ]


def _task_names(measured: Sequence[Measured], books: Sequence[SetBook]) -> dict[str, str]:
    """Return the shown name of each task by its anchor, with its measurement's where there are several."""
    return {
        anchor: f"{one.name}: {name}" if len(measured) > 1 else name
        for one, book in zip(measured, books, strict=True)
        for name, anchor in book.anchors.items()
    }


def _warnings(measured: Sequence[Measured]) -> tuple[str, ...]:
    lines = [
        f"{one.name}: {one.unfinished} tasks are left out, since a run or a verdict is missing; the same benchmark "
        "command goes on with them."
        for one in measured
        if one.unfinished
    ]
    private = any(is_private(sheet.name, sheet.tags) for one in measured for sheet in one.sheets)
    return (
        (*lines, "The authors of this data set ask that it is not published: its texts are withheld.")
        if private
        else tuple(lines)
    )


def _traces(measured: Sequence[Measured], books: Sequence[SetBook], most: int) -> tuple[TaskTrace, ...]:
    """Return the first traces of every measurement, as many of each as there is room for."""
    made: list[TaskTrace] = []
    for one, book in zip(measured, books, strict=True):
        for index, sheet in enumerate(one.sheets[: most // len(measured)]):
            graded = {name: runs[index] for name, runs in one.results.items()}
            trace = task_trace(book.anchors[sheet.name], graded)
            made.append(replace(trace, name=f"{one.name}: {trace.name}") if len(measured) > 1 else trace)
    return tuple(made)
