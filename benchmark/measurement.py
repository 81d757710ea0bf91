"""What was measured, beside the runs and verdicts themselves: enough for a report to need nothing but the files.

A measurement is written once grading has ended, into the file of the verdicts. Runs without one can still be reported:
their tasks and conditions are in the runs, and only settings, tags and the commit are then unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from benchmark.data_sets import in_words
from benchmark.database import Database
from benchmark.grader import Grading, without_how
from benchmark.provenance import commit, cores
from benchmark.records import from_json, to_json
from benchmark.runner import Searcher
from benchmark.runs import Selection
from benchmark.task import Sheet
from nodes.settings import Settings

SCHEMA = """
CREATE TABLE IF NOT EXISTS measurements (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, record TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredTask:
    """A task as a measurement names it."""

    name: str
    key: str
    """Of its sheet, under which its runs are stored."""
    verdicts: str
    """Key of its verdicts."""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """Mean power of the machine while it searched."""

    watts: float
    source: str
    """How it is known, in words; an estimate says so."""
    seconds: float = 0.0
    """Wall time that was metered."""
    joules: float = 0.0
    """Read from the meter; 0 where nothing was metered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """How the searches of a run shared the machine."""

    processes: int = 1
    """With a model each."""
    searches: int = 1
    """At once in each process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One call of the benchmark, ended."""

    data: str
    """Data set, part and sample, in words."""
    tasks: tuple[MeasuredTask, ...]
    selection: Selection
    settings: Settings
    model: str
    """The model's name; its fingerprint is in the selection."""
    commit: str
    sandbox: str
    cores: int
    jobs: int
    """Search processes that shared the machine, each with a model of its own."""
    ended: str
    """Date and time, ISO 8601."""
    power: Power | None = None
    searches: int = 1
    """Searches at once in each process; a run's seconds are its own part of them."""

    @property
    def name(self) -> str:
        """Equal for the same tasks under the same selection: a resumed measurement replaces itself."""
        return sha256(f"{self.selection}{self.data_hash}".encode()).hexdigest()[:12]

    @property
    def data_hash(self) -> str:
        """Names the tasks with all of their tests."""
        return data_hash([task.verdicts for task in self.tasks])


def data_hash(keys: Sequence[str]) -> str:
    """Return a name for tasks, given the keys of their verdicts, which name every test, however they were judged."""
    return sha256("\n".join(sorted(map(without_how, keys))).encode()).hexdigest()[:12]


def verdicts_beside(runs: Path) -> Path:
    """Return the file of the verdicts that belongs to a file of runs."""
    return runs.with_name(f"{runs.stem}.verdicts{runs.suffix}")


class MeasurementBook:
    """The measurements of one file of verdicts."""

    def __init__(self, path: Path | str) -> None:
        """Open or make the file."""
        self._database = Database(path, SCHEMA)

    def keep(self, measurement: Measurement) -> None:
        """Store a measurement as the newest; it replaces one of the same name, whose longer metering it takes over."""
        older = self.all().get(measurement.name)
        metered = [one.power for one in (older, measurement) if one is not None and one.power is not None]
        longest = max(metered, key=lambda power: power.seconds, default=None)
        settings = replace(measurement.settings, thread_database="")  # may hold a password, and files are handed on
        record = to_json(replace(measurement, power=longest, settings=settings))
        self._database.write("DELETE FROM measurements WHERE name = ?", [(measurement.name,)])
        self._database.write("INSERT INTO measurements (name, record) VALUES (?, ?)", [(measurement.name, record)])

    def all(self) -> Mapping[str, Measurement]:
        """Return every measurement by name, the oldest first."""
        rows = self._database.rows("SELECT name, record FROM measurements ORDER BY number")
        return {name: from_json(Measurement, record) for name, record in rows}

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def record(
    grading: Grading,
    searcher: Searcher,
    sheets: Sequence[Sheet],
    keys: Mapping[str, str],
    *,
    sharing: Sharing,
    power: Power | None = None,
) -> None:
    """Write down what was measured, so that `atlas report` needs nothing but the files.

    Args:
        grading: the files, the tasks' source and the settings.
        searcher: who searched.
        sheets: the tasks.
        keys: the key of the verdicts by task name.
        sharing: how the searches shared the machine.
        power: what was metered while they searched.
    """
    source = grading.source
    measurement = Measurement(
        data=in_words(source),
        tasks=tuple(MeasuredTask(name=s.name, key=s.key, verdicts=keys[s.name], tags=s.tags) for s in sheets),
        selection=searcher.selection,
        settings=grading.settings,
        model=searcher.model,
        commit=commit(),
        sandbox=searcher.sandbox,
        cores=cores(),
        jobs=sharing.processes,
        searches=sharing.searches,
        ended=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        power=power,
    )
    with closing(MeasurementBook(grading.verdicts)) as book:
        book.keep(measurement)
