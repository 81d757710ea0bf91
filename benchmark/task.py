"""A `Task`: a problem and the hidden tests that grade it. Only grading processes ever load one.

The search gets `Sheet`s, which have no field for hidden tests. A `TaskSource` names tasks without holding them, so a
grading process can load them by itself; the hidden tests of a large set are unpacked task by task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from benchmark.embedded.problems import EmbeddedTask, held_out, tuning
from benchmark.records import from_json
from nodes.problem_text import read_problem
from nodes.state import Problem, PublicTest, content_id

PARTS: Mapping[str, Callable[[int, int], tuple[EmbeddedTask, ...]]] = {"held_out": held_out, "tuning": tuning}


PRIVATE = ("gpqa",)
"""Data sets whose authors ask that their content is not published."""


def is_private(name: str, tags: Sequence[str]) -> bool:
    """Whether a task's content must not be published, nor kept with the runs."""
    return any(one.lower().startswith(PRIVATE) for one in (name, *tags))


class TaskError(ValueError):
    """A task cannot be used to grade anything; the message is one line that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenTest:
    """An input and the output that grades a program."""

    input: str
    """Standard input, or the arguments as Python literals."""
    expected: str = ""
    """Empty where the reference program says what is right."""
    group: str = ""
    """Set of tests with a status of its own, such as `base` and `plus`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How the programs of a task are judged; benchmark/judges.py applies them."""

    kind: Literal["tests", "lcb", "evalplus", "script", "choice"] = "tests"
    atol: float = 0.0
    """Absolute tolerance of numbers (`evalplus`)."""
    oracle: str = ""
    """Entry point whose results have a comparison of their own (`evalplus`)."""
    groups: tuple[str, ...] = ()
    """Sets of inputs that each have a status (`evalplus`); one that holds no input is passed."""
    tolerant: bool = False
    """Whether a second reading with tolerance is wanted, since several answers are right (`lcb`)."""
    setup: str = ""
    """Text before the program (`script`)."""
    memory_mb: int = 0
    """Memory of one test; 0: the problem's or the setting's (`script`)."""
    cpu_s: float = 0.0
    """CPU seconds of one test; 0: the problem's or the setting's (`script`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What a search process may know of a task."""

    name: str
    problem: Problem
    tags: tuple[str, ...] = ()
    """Groups that the task is reported under, such as `vague`."""
    date: str = ""
    """Day on which the problem was published, `2024-08-31`; empty where nobody knows."""

    @property
    def key(self) -> str:
        """Names the task and its text, so that results of another text are never taken for this one's."""
        tests = (part for test in self.problem.tests for part in _parts(test))
        return f"{self.name}@{content_id(self.problem.statement, *tests)}"


def _parts(test: PublicTest) -> tuple[str, ...]:
    """Return what names an example: of a check all that it asks."""
    return (test.input, test.expected) if test.is_plain else (test.id,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A problem and its hidden tests; the grader's alone."""

    name: str
    problem: Problem
    hidden: tuple[HiddenTest, ...]
    reference: str = ""
    """A program that is right, or an empty text."""
    tags: tuple[str, ...] = ()
    date: str = ""
    rules: Rules = Rules()

    def __post_init__(self) -> None:
        """Refuse a task that every program would pass.

        Raises:
            TaskError: there is no hidden test.
        """
        if not self.hidden:
            raise TaskError(f"{self.name} has no hidden test: every program would pass")

    @property
    def sheet(self) -> Sheet:
        """The task without what the search must not see."""
        return Sheet(name=self.name, problem=self.problem, tags=self.tags, date=self.date)

    @property
    def key(self) -> str:
        """Names the task and all of its tests."""
        tests = (part for test in self.hidden for part in (test.input, test.expected))
        return f"{self.sheet.key}#{content_id(*tests)}"


class TaskSet(Protocol):
    """Tasks by name."""

    @property
    def sheets(self) -> tuple[Sheet, ...]:
        """What a search may know of every task, in the order of the set."""

    def task(self, name: str) -> Task:
        """Return one task; for grading processes only.

        Raises:
            TaskError: there is none of that name, or it cannot grade.
        """


class Loaded:
    """Tasks that are all in memory."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        """Keep the tasks.

        Raises:
            TaskError: there is none, or two have one name.
        """
        self._tasks = {task.name: task for task in tasks}
        if not tasks:
            raise TaskError("the data set holds no task")
        if len(self._tasks) < len(tasks):
            raise TaskError("two tasks of the data set have one name")
        self.sheets: tuple[Sheet, ...] = tuple(task.sheet for task in tasks)

    def task(self, name: str) -> Task:
        """Return one task.

        Raises:
            TaskError: there is none of that name.
        """
        if name not in self._tasks:
            raise TaskError(f"there is no task {name}")
        return self._tasks[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSource:
    """Where tasks come from: a data set, a part of the embedded family, or a file with one task per line (JSON)."""

    data_set: str = ""
    """Name of a data set (benchmark/data_sets.py), or a folder of problems."""
    data: str = ""
    """The data set's file or folder; empty: downloaded."""
    release: str = ""
    part: str = ""
    n: int = 0
    """Tasks of the part; of a file, the first n, or all when 0."""
    seed: int = 0
    file: str = ""

    def open(self) -> TaskSet:
        """Return the tasks by name, each loaded when it is asked for where the set is large; for graders only.

        Raises:
            TaskError: the tasks cannot be loaded.
            OSError: their file cannot be read.
        """
        if self.data_set:
            from benchmark.data_sets import open_data_set

            return open_data_set(self)
        return Loaded(self.load())

    def load(self) -> tuple[Task, ...]:
        """Return the tasks; equal sources give equal tasks. For grading processes only.

        Raises:
            TaskError: the part is unknown, the file holds no task, or a task cannot grade.
            OSError: the file cannot be read.
        """
        if self.data_set:
            tasks = self.open()
            return tuple(tasks.task(sheet.name) for sheet in tasks.sheets)
        if self.file:
            return self._from_file()
        return embedded_tasks(self.part, self.n, self.seed)

    def _from_file(self) -> tuple[Task, ...]:
        lines = [line for line in Path(self.file).read_text(encoding="utf-8").splitlines() if line.strip()]
        if not lines:
            raise TaskError(f"{self.file} holds no task")
        try:
            return tuple(from_json(Task, line) for line in lines[: self.n or None])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise TaskError(f"{self.file}: a line is no task ({error})") from error


def load_sheets(source: TaskSource) -> tuple[Sheet, ...]:
    """Return what a search may know of the source's tasks."""
    return source.open().sheets


def embedded_tasks(part: str, n: int, seed: int) -> tuple[Task, ...]:
    """Return `n` tasks of a part of the embedded family.

    Raises:
        TaskError: the part is unknown, or what is read from a statement is not what its task means.
    """
    if part not in PARTS:
        raise TaskError(f"there is no part {part!r}; known are {', '.join(PARTS)}")
    return tuple(_from_embedded(task) for task in PARTS[part](n, seed))


def _from_embedded(drawn: EmbeddedTask) -> Task:
    problem = read_problem(drawn.spec)
    _check_reading(problem, drawn)
    return Task(
        name=drawn.task_id,
        problem=problem,
        hidden=tuple(HiddenTest(input=given, expected=expected) for given, expected in drawn.hidden),
        reference=drawn.reference,
        tags=("vague" if drawn.vague else "explicit", f"depth {drawn.depth}", drawn.mode),
    )


def _check_reading(problem: Problem, drawn: EmbeddedTask) -> None:
    """Make sure that the search solves the problem that is graded."""
    as_read = tuple(PublicTest(input=t.input.strip(), expected=t.expected.strip()) for t in problem.tests)
    meant = tuple(PublicTest(input=a.strip(), expected=b.strip()) for a, b in drawn.examples)
    if (problem.mode, problem.entry_point, as_read) != (drawn.mode, drawn.entry_point, meant):
        raise TaskError(f"{drawn.task_id}: the statement reads as another problem than the one that is graded")
