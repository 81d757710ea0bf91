"""A `Task`: a problem and the hidden tests that grade it. Only grading processes ever load one.

The search gets `Sheet`s, which have no field for hidden tests. A `TaskSource` names tasks without holding them, so a
grading process can load them by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmark.embedded.problems import EmbeddedTask, held_out, tuning
from benchmark.records import from_json
from nodes.problem_text import read_problem
from nodes.state import Problem, PublicTest, content_id

PARTS: Mapping[str, Callable[[int, int], tuple[EmbeddedTask, ...]]] = {"held_out": held_out, "tuning": tuning}


class TaskError(ValueError):
    """A task cannot be used to grade anything; the message is one line that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenTest:
    """An input and the output that grades a program."""

    input: str
    """Standard input, or the arguments as Python literals."""
    expected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What a search process may know of a task."""

    name: str
    problem: Problem
    tags: tuple[str, ...] = ()
    """Groups that the task is reported under, such as `vague`."""

    @property
    def key(self) -> str:
        """Names the task and its text, so that results of another text are never taken for this one's."""
        tests = (part for test in self.problem.tests for part in (test.input, test.expected))
        return f"{self.name}@{content_id(self.problem.statement, *tests)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A problem and its hidden tests; the grader's alone."""

    name: str
    problem: Problem
    hidden: tuple[HiddenTest, ...]
    reference: str = ""
    """A program that is right, or an empty text."""
    tags: tuple[str, ...] = ()

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
        return Sheet(name=self.name, problem=self.problem, tags=self.tags)

    @property
    def key(self) -> str:
        """Names the task and all of its tests."""
        tests = (part for test in self.hidden for part in (test.input, test.expected))
        return f"{self.sheet.key}#{content_id(*tests)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSource:
    """Where tasks come from: a part of the embedded family, or a file with one task per line (JSON)."""

    part: str = ""
    n: int = 0
    """Tasks of the part; of a file, the first n, or all when 0."""
    seed: int = 0
    file: str = ""

    def load(self) -> tuple[Task, ...]:
        """Return the tasks; equal sources give equal tasks. For grading processes only.

        Raises:
            TaskError: the part is unknown, the file holds no task, or a task cannot grade.
            OSError: the file cannot be read.
        """
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
    return tuple(task.sheet for task in source.load())


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
