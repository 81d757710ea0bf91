"""A folder of one's own problems: `NAME.md` as `atlas solve` reads it, `NAME.tests.md` with the tests that grade it.

The tests have the form of examples: asserts or doctest lines, or `Input:` and `Output:` blocks. They say what is
returned exactly: a line that says it otherwise is refused by its number, since a test that nobody sees would be lost. A
right program may stand in `NAME.py`; it lets the report say how often the search's own tests were right.
"""

from __future__ import annotations

from pathlib import Path

from benchmark.task import HiddenTest, Task, TaskError
from nodes.labelled import labelled_pairs
from nodes.problem_text import ProblemError, read_problem
from nodes.reading.equality import as_equality
from nodes.state import Problem, PublicTest

TESTS = ".tests.md"


def load_folder(folder: Path) -> list[Task]:
    """Return the problems of a folder, by name.

    Raises:
        TaskError: there is none, or one cannot be read or graded.
    """
    paths = [path for path in sorted(folder.glob("*.md")) if not path.name.endswith(TESTS)]
    if not paths:
        raise TaskError(f"{folder}: holds no problem; a problem is NAME.md with NAME{TESTS} beside it")
    return [_task(path) for path in paths]


def _task(path: Path) -> Task:
    try:
        problem = read_problem(path.read_text(encoding="utf-8"))
        tests = path.with_name(path.stem + TESTS).read_text(encoding="utf-8")
        reference = path.with_suffix(".py")
        return Task(
            name=path.stem,
            problem=problem,
            hidden=_hidden(problem, tests, path),
            reference=reference.read_text(encoding="utf-8") if reference.is_file() else "",
            tags=(problem.mode,),
        )
    except (OSError, UnicodeDecodeError) as error:
        raise TaskError(f"{path}: cannot be read with its tests ({error})") from error
    except ProblemError as error:
        raise TaskError(f"{path}: {error}") from error


def _hidden(problem: Problem, text: str, path: Path) -> tuple[HiddenTest, ...]:
    if problem.mode == "stdio":
        read = read_problem(text)
        if read.unread:
            raise TaskError(f"{path.with_name(path.stem + TESTS)}: {read.unread[0].words}")
        return tuple(HiddenTest(input=given, expected=wanted) for given, wanted in labelled_pairs(text))
    read = read_problem(text)
    if read.entry_point != problem.entry_point:
        raise TaskError(f"{path}: asks for {problem.entry_point}, its tests call {read.entry_point or 'nothing'}")
    if read.unread:
        raise TaskError(f"{path.with_name(path.stem + TESTS)}: {read.unread[0].words}")
    return tuple(_hidden_test(problem, test, path) for test in read.tests)


def _hidden_test(problem: Problem, test: PublicTest, path: Path) -> HiddenTest:
    """Return a test that grades by equality alone, whatever it checks."""
    same = as_equality(problem.entry_point, test)
    if same is None:
        raise TaskError(f"{path.with_name(path.stem + TESTS)}: text with dots cannot grade: {test.expected[:60]}")
    return HiddenTest(input=same[0], expected=same[1])
