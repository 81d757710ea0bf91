"""A folder of one's own problems: `NAME.md` as `atlas solve` reads it, `NAME.tests.md` with the tests that grade it.

The tests have the form of examples: asserts or doctest lines, or `Input:` and `Output:` blocks. A line that looks like
a test and cannot be read is refused by its number, since a test that nobody sees would be lost. A right program may
stand in `NAME.py`; it lets the report say how often the search's own tests were right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmark.task import HiddenTest, Task, TaskError
from nodes.parsing import exact_tests, lone_labels, parse_tests
from nodes.problem_text import ProblemError, examples_of, read_problem
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
    file = path.with_name(path.stem + TESTS)
    if problem.mode == "stdio":
        _refuse_unread(file, lone_labels(text), text, "its partner is missing")
        return tuple(HiddenTest(input=given, expected=wanted) for given, wanted in parse_tests(text, "stdio", ""))
    if not text.strip():
        return ()
    if f"{problem.entry_point}(" not in text:
        called = read_problem(text).entry_point
        raise TaskError(f"{path}: asks for {problem.entry_point}, its tests call {called or 'nothing'}")
    tests, unread = examples_of(text, problem.entry_point)
    if unread:
        raise TaskError(f"{file}: {unread[0].words}")
    _refuse_unread(file, _said_otherwise(text, problem.entry_point), text, "say what the call returns, as `f(1) == 2`")
    return tuple(_hidden_test(problem, test, path) for test in tests)


def _said_otherwise(text: str, entry_point: str) -> Iterator[int]:
    """Yield the lines, from 0, that begin with a call and say of it what no reader takes: `f(3) is about six`."""
    lines = text.split("\n")
    for number in exact_tests(text, entry_point)[1]:
        bare = lines[number].lstrip(" \t-*`")
        if bare.startswith(f"{entry_point}(") and not examples_of(bare, entry_point)[0]:
            yield number


def _refuse_unread(file: Path, lines: Iterable[int], text: str, why: str) -> None:
    """Refuse tests of which one could not be read.

    Args:
        file: where they stand.
        lines: numbers of the lines that were not read, from 0.
        text: all of them.
        why: what is in the way.

    Raises:
        TaskError: names the first.
    """
    for line in lines:
        shown = text.split("\n")[line].strip()[:100]
        raise TaskError(f"{file}: line {line + 1}: {shown} ({why})")


def _hidden_test(problem: Problem, test: PublicTest, path: Path) -> HiddenTest:
    """Return a test that grades by equality alone, whatever it checks."""
    same = as_equality(problem.entry_point, test)
    if same is None:
        raise TaskError(f"{path.with_name(path.stem + TESTS)}: text with dots cannot grade: {test.expected[:60]}")
    return HiddenTest(input=same[0], expected=same[1])
