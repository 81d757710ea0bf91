"""Read what was measured from its files: the newest measurement of a file, with the runs and verdicts behind it.

A file whose measurement was never recorded is read from its runs alone: the largest group of one model and one version
of the code, with the tasks that every condition has run. Settings, tags and commit are then unknown, and said to be.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from benchmark.conditions import CONDITIONS, shaping
from benchmark.database import Database, Store
from benchmark.grader import GradeBook
from benchmark.measurement import MeasuredTask, Measurement, MeasurementBook, data_hash, verdicts_beside
from benchmark.measures import Graded
from benchmark.pool import name_of
from benchmark.runs import Run, RunBook, Selection
from benchmark.task import Sheet
from nodes.state import content_id


class ReportError(ValueError):
    """There is nothing to report; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A measurement with its graded runs, all conditions on the same tasks in the same order."""

    file: str
    results: Mapping[str, tuple[Graded, ...]]
    """By condition, in the order in which they ran."""
    model: str
    """The model's name, or an empty text where no measurement was recorded."""
    selection: Selection
    data_hash: str
    unfinished: int
    """Tasks left out, since a run or a verdict of theirs is missing."""
    measurement: Measurement | None = None
    is_one_of_seeds: bool = False
    """Whether its file holds the same measurement under other seeds, too."""
    label: str = ""
    """In place of the file's name, where several files were put together."""

    @property
    def seed(self) -> int:
        """The seed of its searches; 0 where it was not recorded."""
        return self.measurement.settings.seed if self.measurement else 0

    @property
    def sheets(self) -> tuple[Sheet, ...]:
        """The tasks."""
        return tuple(graded.sheet for graded in next(iter(self.results.values())))

    @property
    def name(self) -> str:
        """A short name for headings: the file's, with the seed where there are several."""
        return (self.label or Path(self.file).stem) + (f" seed {self.seed}" if self.is_one_of_seeds else "")


def load_measured(file: str) -> Measured:
    """Return the newest measurement of a file of runs.

    Raises:
        ReportError: the file is none, or holds no task that was searched and graded.
    """
    return load_seeds(file)[-1]


def load_seeds(file: str) -> tuple[Measured, ...]:
    """Return the newest measurement of a file of runs, after those that differ from it in nothing but the seed.

    Raises:
        ReportError: the file is none, or holds no task that was searched and graded.
    """
    path, verdicts = Path(file), verdicts_beside(Path(file))
    if not path.is_file():
        raise ReportError(f"{file}: there is no such file; give the file of runs that a benchmark wrote")
    if not verdicts.is_file():
        raise ReportError(f"{file}: nothing was graded, {verdicts.name} is not beside it; start the benchmark again")
    try:
        with closing(MeasurementBook(verdicts)) as book:
            alike: Sequence[Measurement | None] = _alike(list(book.all().values())) or [None]
        return tuple(_load(path, verdicts, one, len(alike) > 1) for one in alike)
    except (sqlite3.Error, TypeError) as error:
        raise ReportError(f"{file}: is no file of runs of this version ({error})") from error


def _alike(measurements: Sequence[Measurement]) -> list[Measurement]:
    """Return the newest measurement last, before it the newest of each other seed with all else the same."""
    by_seed = {one.settings.seed: one for one in measurements if but_seed(one) == but_seed(measurements[-1])}
    newest = by_seed.pop(measurements[-1].settings.seed) if measurements else None
    return [*(by_seed[seed] for seed in sorted(by_seed)), *([newest] if newest else [])]


def but_seed(one: Measurement) -> str:
    """Return a name that is equal for measurements that differ in nothing but the seed (and the machine)."""
    conditions = [name for name, _ in one.selection.digests]
    settings = shaping(replace(one.settings, seed=0))
    return name_of(one.selection.model, one.selection.code, conditions, one.data_hash, settings)


def _load(path: Path, verdicts: Path, measurement: Measurement | None, is_one_of_seeds: bool) -> Measured:
    with closing(RunBook(path)) as runs, closing(GradeBook(verdicts)) as grades:
        selection = measurement.selection if measurement else _largest(runs.database, path)
        tasks = measurement.tasks if measurement else _tasks(runs.database, verdicts, selection)
        found = [graded for task in tasks if (graded := _graded(task, selection, runs, grades))]
    if not found:
        raise ReportError(f"{path}: no task has a run and a verdict under every condition; start the benchmark again")
    return Measured(
        file=str(path),
        results={name: tuple(graded[name] for graded in found) for name, _ in selection.digests},
        model=measurement.model if measurement else "",
        selection=selection,
        data_hash=data_hash([task.verdicts for task in tasks]),
        unfinished=len(tasks) - len(found),
        measurement=measurement,
        is_one_of_seeds=is_one_of_seeds,
    )


def _graded(task: MeasuredTask, selection: Selection, runs: RunBook, grades: GradeBook) -> dict[str, Graded]:
    """Return a task's runs by condition; nothing where one is missing or a program has no verdict."""
    stored = runs.load(selection, task.key)
    verdicts, truths = grades.verdicts(task.verdicts), grades.truths(task.verdicts)
    if len(stored) < len(selection.digests) or any(_programs(run) - verdicts.keys() for run in stored.values()):
        return {}
    sheet = Sheet(name=task.name, problem=next(iter(stored.values())).state.problem, tags=task.tags)
    return {name: Graded(sheet=sheet, run=run, verdicts=verdicts, truths=truths) for name, run in stored.items()}


def _programs(run: Run) -> set[str]:
    return {content_id(code) for code in (run.code, *(c.code for c in run.state.candidates)) if code}


def _largest(database: Store, path: Path) -> Selection:
    """Return the conditions of the model and code version with the most runs; of each the settings with the most.

    A condition with runs of less than half of the tasks is left out, rather than most tasks.
    """
    rows = database.rows("SELECT model, code, condition, settings, count(*) FROM runs GROUP BY 1, 2, 3, 4")
    if not rows:
        raise ReportError(f"{path}: holds no finished search; start the benchmark again")
    sizes: Counter[tuple[str, str]] = Counter()
    for model, code, _, _, count in rows:
        sizes[model, code] += count
    ((model, code), _), *_ = sizes.most_common(1)
    digests: dict[str, str] = {}
    for *place, condition, settings, _ in sorted(rows, key=lambda row: row[-1]):
        if tuple(place) == (model, code):
            digests[condition] = settings
    most = max(count for *place, _, _, count in rows if tuple(place) == (model, code))
    whole = {c for *place, c, _, count in rows if tuple(place) == (model, code) and 2 * count > most}
    order = [*CONDITIONS, *sorted(whole - CONDITIONS.keys())]
    return Selection(model=model, code=code, digests=tuple((c, digests[c]) for c in order if c in whole))


def _tasks(database: Store, verdicts: Path, selection: Selection) -> tuple[MeasuredTask, ...]:
    query = "SELECT DISTINCT task FROM runs WHERE model = ? AND code = ?"
    keys = [key for (key,) in database.rows(query, (selection.model, selection.code))]
    # Of a task that was judged in several ways, the one that judged most of its programs.
    by_size = "SELECT task FROM verdicts GROUP BY task ORDER BY count(*), task"
    with closing(Database(verdicts, "")) as book:
        graded = {name.rpartition("#")[0]: name for (name,) in book.rows(by_size)}
    return tuple(
        MeasuredTask(name=key.rpartition("@")[0], key=key, verdicts=graded[key]) for key in keys if key in graded
    )
