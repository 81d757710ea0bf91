"""A folder of one's own problems: `NAME.md` as `atlas solve` reads it, `NAME.tests.md` with the tests that grade it.

The tests have the form of examples: asserts or doctest lines, or `Input:` and `Output:` blocks. They say what is
returned exactly: a line that says it otherwise is refused by its number, since a test that nobody sees would be lost. A
right program may stand in `NAME.py`; it lets the report say how often the search's own tests were right.
"""

from __future__ import annotations

from pathlib import Path

from benchmark.task import HiddenTest, Task, TaskError
from nodes.parsing import exact_tests, lone_labels, parse_tests
from nodes.problem_text import ProblemError, read_problem
from nodes.state import Problem

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
        pairs, unread = parse_tests(text, "stdio", ""), tuple(lone_labels(text))
    else:
        _check_name(problem, text, path)
        pairs, unread = exact_tests(text, problem.entry_point)
    if unread:
        line = text.split("\n")[unread[0]].strip()[:100]
        how = (
            "say what one call returns, as `assert f(1) == 2`"
            if problem.mode == "function"
            else "its partner is missing"
        )
        raise TaskError(
            f"{path.with_name(path.stem + TESTS)}: line {unread[0] + 1} is no test that can be read: {line} ({how})"
        )
    return tuple(HiddenTest(input=given, expected=wanted) for given, wanted in pairs)


def _check_name(problem: Problem, text: str, path: Path) -> None:
    """Refuse tests of another function.

    Raises:
        TaskError: names both.
    """
    if f"{problem.entry_point}(" not in text and text.strip():
        called = read_problem(text).entry_point
        raise TaskError(f"{path}: asks for {problem.entry_point}, its tests call {called or 'nothing'}")
