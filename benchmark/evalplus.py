"""HumanEval+ and MBPP+ (EvalPlus, arXiv 2305.01210) from their released files; `base` inputs alone are the plain sets.

The reference program says what is right, so a file holds no expected output; it runs in the sandbox while grading.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from benchmark.evalplus_compare import ORACLES
from benchmark.evalplus_inputs import meant
from benchmark.published import Row, md5_of, read_rows, text_field
from benchmark.task import HiddenTest, Rules, Task, TaskError
from nodes.problem_text import examples_of
from nodes.state import Problem
from sandbox.harness import encode
from sandbox.values import render

Family = Literal["humaneval", "mbpp"]

PUBLISHED: Mapping[str, tuple[Family, int, str]] = {
    "fe585eb4df8c88d844eeb463ea4d0302": ("humaneval", 164, "HumanEval+ v0.1.10"),
    "401e75ad986361dccc7afecb4121e295": ("humaneval", 164, "HumanEval+ Mini v0.1.10"),
    "ee43ecabebf20deef4bb776a405ac5b1": ("mbpp", 378, "MBPP+ v0.2.0"),
}
"""Family, rows and name of each released file, by the MD5 of its unpacked text."""


def load_evalplus(
    path: Path,
    family: Family,
    *,
    plus: bool,
    published: Mapping[str, tuple[Family, int, str]] = PUBLISHED,
) -> list[Task]:
    """Return the tasks of a released file.

    Args:
        path: `.jsonl` or `.jsonl.gz`.
        family: which of the two the file must hold.
        plus: grade with the further inputs too.
        published: the files that are taken.

    Raises:
        TaskError: no released file, or not whole.
    """
    digest = md5_of(path)
    if digest not in published:
        names = ", ".join(name for _, _, name in published.values())
        raise TaskError(f"{path}: is no released file or not whole (MD5 {digest}); known are {names}")
    found, count, name = published[digest]
    if found != family:
        raise TaskError(f"{path}: is {name}, not {family}")
    rows = read_rows(path)
    if len(rows) != count:
        raise TaskError(f"{path}: has {len(rows)} rows of {count}; fetch it again")
    return [_task(row, family, plus, f"{path}: {row.get('task_id')}") for row in rows]


def _task(row: Row, family: Family, plus: bool, place: str) -> Task:
    name, prompt, entry_point = (text_field(row, field, place) for field in ("task_id", "prompt", "entry_point"))
    groups = ("base", "plus") if plus else ("base",)
    number = int(name.rpartition("/")[2]) if family == "mbpp" else 0
    try:
        hidden = [
            HiddenTest(input=_spelled(number, arguments), group=group)
            for group in groups
            for arguments in row[f"{group}_input"]
        ]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise TaskError(f"{place}: an input cannot be read ({error!r})") from error
    own = entry_point in ORACLES and (family == "humaneval") == (entry_point == "find_zero")
    return Task(
        name=name,
        problem=python_problem(prompt, entry_point) if family == "humaneval" else mbpp_problem(prompt, entry_point),
        hidden=tuple(hidden),
        reference=prompt + text_field(row, "canonical_solution", place),
        rules=Rules(kind="evalplus", atol=float(row["atol"]), oracle=entry_point if own else "", groups=groups),
    )


def python_problem(prompt: str, entry_point: str) -> Problem:
    """Return HumanEval's form: a signature with a docstring that is to be completed; its doctests are the examples."""
    statement = f"```python\n{prompt.strip()}\n```"
    tests, unread = examples_of(statement, entry_point)
    return Problem(
        statement=statement,
        instruction="Complete this Python function. Give all of it, with its imports and helpers.",
        mode="function",
        entry_point=entry_point,
        starter_code=prompt.strip(),
        tests=tests,
        unread=unread,
    )


def mbpp_problem(prompt: str, entry_point: str) -> Problem:
    """Return MBPP's form: a sentence and one assertion, which is the example."""
    text = prompt.strip().removeprefix('"""').removesuffix('"""').strip()
    tests, unread = examples_of(text, entry_point)
    return Problem(
        statement=f"{text}\n\nThe function is named `{entry_point}`.",
        mode="function",
        entry_point=entry_point,
        tests=tests,
        unread=unread,
    )


def _spelled(number: int, arguments: list[Any]) -> str:
    return ", ".join(render(encode(value)) for value in meant(number, arguments))
