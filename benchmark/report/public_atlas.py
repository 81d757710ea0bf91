"""The public ATLAS's ablation, from its published outcomes by task: its table, with intervals, and what it means.

Format: CSV, one line a task: `question_id, platform, difficulty`, then for each condition X of A to D `X_passed` (0 or
1), `X_phase` (the phase that solved it, or none), `X_candidates`, `X_tokens` and `X_time_s`.

Limits: outcomes only. Which program was chosen, and whether it is right, cannot be told from them.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from statistics import fmean

from benchmark.report.document import Cell, Document, Section, Table, number, points, share, table, word
from benchmark.report.stored import ReportError
from benchmark.statistics import mcnemar, paired_difference, wilson

CONDITIONS = {
    "A": "A, baseline",
    "B": "B, phase 1 (k = 3)",
    "C": "C, phases 1 and 2",
    "D": "D, phases 1 and 3",
}
PAIRS = (("B", "A"), ("C", "B"), ("D", "B"), ("D", "A"))
_FIELDS = ("passed", "phase", "candidates", "tokens", "time_s")
WHAT_THE_VERDICTS_ARE = (
    "What `passed` means here: some candidate, or some repair, passed the sample tests printed in the statement. These "
    "are not hidden tests, and this is not pass@1: the same samples chose the program, steered the repairs and graded "
    "the result. The fair name is pass-on-samples by any of k programs. Running the published programs of conditions C "
    "and D on the samples alone gives 1,192 of their 1,198 verdicts.",
    "No single-shot, selected or unbiased pass@k can be computed from these outcomes, and none may be compared with a "
    "score on hidden tests: on the 599 tasks there o1-mini passes the samples of 85.5 % and officially 76.1 %.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One condition on one task."""

    passed: bool
    phase: str
    candidates: int
    tokens: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A line of the table."""

    name: str
    tags: tuple[str, str]
    """Platform and difficulty."""
    outcomes: Mapping[str, Outcome]
    """By condition."""


def read_outcomes(path: Path) -> tuple[Task, ...]:
    """Return the tasks of the table.

    Raises:
        ReportError: it cannot be read, lacks a column, or a value has no meaning.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            wanted = {"question_id", "platform", "difficulty", *(f"{c}_{f}" for c in CONDITIONS for f in _FIELDS)}
            lacking = sorted(wanted - set(reader.fieldnames or ()))
            if lacking:
                raise ReportError(f"{path}: lacks the columns {', '.join(lacking[:4])}; is it the outcomes by task?")
            tasks = tuple(_task(path, reader.line_num, row) for row in reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReportError(f"{path}: cannot be read ({error})") from error
    if not tasks:
        raise ReportError(f"{path}: holds no task")
    if len({task.name for task in tasks}) < len(tasks):
        raise ReportError(f"{path}: a task is there twice")
    return tasks


def _task(path: Path, line: int, row: Mapping[str, str]) -> Task:
    try:
        outcomes = {name: _outcome(name, row) for name in CONDITIONS}
    except (ValueError, TypeError, KeyError) as error:
        raise ReportError(f"{path}: line {line} is no outcome ({error})") from error
    return Task(name=row["question_id"], tags=(row["platform"], row["difficulty"]), outcomes=outcomes)


def _outcome(name: str, row: Mapping[str, str]) -> Outcome:
    return Outcome(
        passed={"0": False, "1": True}[row[f"{name}_passed"]],
        phase=row[f"{name}_phase"],
        candidates=int(row[f"{name}_candidates"]),
        tokens=int(row[f"{name}_tokens"]),
        seconds=float(row[f"{name}_time_s"]),
    )


def imported(path: Path) -> Document:
    """Return the report on the table of a file.

    Raises:
        ReportError: the file is no such table.
    """
    tasks = read_outcomes(path)
    return Document(
        title="The public ATLAS's ablation, recomputed from its outcomes by task",
        facts=(
            ("source", path.name),
            ("tasks", f"{len(tasks)}, file hash {sha256(path.read_bytes()).hexdigest()[:12]}"),
            ("statistics", "Wilson intervals; 10,000 bootstrap resamples of tasks, seed 0; exact two-sided McNemar"),
        ),
        warnings=WHAT_THE_VERDICTS_ARE,
        sections=(
            Section(title="Passed the samples", anchor="passed", tables=(_totals(tasks), _any_of(tasks))),
            Section(title="Differences", anchor="differences", tables=(_differences(tasks), _rescues(tasks))),
            Section(title="By kind of task", anchor="kinds", tables=(_kinds(tasks),)),
        ),
    )


def _passed(tasks: Sequence[Task], condition: str) -> list[bool]:
    return [task.outcomes[condition].passed for task in tasks]


def _totals(tasks: Sequence[Task]) -> Table:
    rows = []
    for name, shown in CONDITIONS.items():
        outcomes = [task.outcomes[name] for task in tasks]
        phases = Counter(outcome.phase for outcome in outcomes)
        passed = sum(outcome.passed for outcome in outcomes)
        rows.append(
            [
                word(shown),
                number(passed),
                number(len(tasks)),
                share(wilson(passed, len(tasks))),
                word(", ".join(f"{phase} {count}" for phase, count in phases.most_common())),
                number(fmean(outcome.tokens for outcome in outcomes)),
                number(sum(not outcome.tokens for outcome in outcomes)),
                number(fmean(outcome.seconds for outcome in outcomes), 1),
            ]
        )
    head = ("condition", "passed", "of", "% [95 %]", "solved in", "tokens", "tasks with 0 tokens", "seconds")
    note = "Tokens and seconds are means per task, as recorded; a mean over tasks that record 0 tokens is too low."
    return table("Any program passed the samples", head, rows, note)


def _any_of(tasks: Sequence[Task]) -> Table:
    some = sum(any(outcome.passed for outcome in task.outcomes.values()) for task in tasks)
    every = sum(all(outcome.passed for outcome in task.outcomes.values()) for task in tasks)
    rows = [
        [word("passed in some condition"), number(some), share(wilson(some, len(tasks)))],
        [word("passed in all four"), number(every), share(wilson(every, len(tasks)))],
        [word("passed in none"), number(len(tasks) - some), share(wilson(len(tasks) - some, len(tasks)))],
    ]
    return table("Over the conditions", ("", "tasks", "% [95 %]"), rows)


def _differences(tasks: Sequence[Task]) -> Table:
    rows = []
    for ours, theirs in PAIRS:
        mine, other = _passed(tasks, ours), _passed(tasks, theirs)
        p = mcnemar(mine, other)
        rows.append(
            [
                word(f"{ours} − {theirs}"),
                points(paired_difference(mine, other)),
                number(sum(a and not b for a, b in zip(mine, other, strict=True))),
                number(sum(b and not a for a, b in zip(mine, other, strict=True))),
                Cell(text=f"{p:.2g}", value=p),
            ]
        )
    head = ("pair", "points [95 %]", "gained", "lost", "McNemar p")
    note = (
        "B against A changes the number of programs (1 to 3) together with planning, so it tells nothing of planning "
        "alone. B and C are equal by count only."
    )
    return table("Paired differences", head, rows, note)


def _rescues(tasks: Sequence[Task]) -> Table:
    """Return the effect of phase 3 inside D, where it is not mixed with another run of phase 1."""
    first = [task.outcomes["D"].phase == "phase1" for task in tasks]
    late = [task.outcomes["D"].passed and not early for task, early in zip(tasks, first, strict=True)]
    failed = len(tasks) - sum(first)
    other = _passed(tasks, "B")
    rows = [
        [word("D: passed in phase 1"), number(sum(first)), share(wilson(sum(first), len(tasks)))],
        [word("D: of the others, passed later"), number(sum(late)), share(wilson(sum(late), failed))],
        [
            word("D's phase 1 − B, the same configuration"),
            number(sum(first) - sum(other)),
            points(paired_difference(first, other)),
        ],
    ]
    return table("Phase 3 inside D, and run-to-run noise", ("", "tasks", "% or points [95 %]"), rows)


def _kinds(tasks: Sequence[Task]) -> Table:
    rows = []
    for tag in sorted({tag for task in tasks for tag in task.tags}):
        inside = [task for task in tasks if tag in task.tags]
        shares = (share(wilson(sum(_passed(inside, name)), len(inside))) for name in CONDITIONS)
        rows.append([word(tag), number(len(inside)), *shares])
    return table("Passed the samples, % [95 %]", ("kind", "tasks", *CONDITIONS), rows)
