"""Programs whose official verdicts are known, as questions to our grader."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmark.evalplus import load_evalplus
from benchmark.lcb import sheet_of, task_of
from benchmark.published import Row, find, read_rows
from benchmark.scicode import TARGETS, VALIDATION, load_scicode
from benchmark.task import Task

RECORDS = ("lcb_records.jsonl.gz",)
VERDICTS = ("evalplus_verdicts.jsonl.gz",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A program and what was decided about it."""

    source: str
    """Model that wrote it."""
    code: str
    official: tuple[tuple[str, bool], ...]
    """(name of a status, whether it was a pass)."""

    def wanted(self, name: str) -> bool:
        """Return an official status.

        Raises:
            KeyError: there is none of that name.
        """
        return dict(self.official)[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A task and programs for it."""

    task: Task
    cases: tuple[Case, ...]


Kind = Literal["lcb", "evalplus", "scicode"]


def load_cases(kind: Kind, data: Path) -> list[Question]:
    """Return the questions of a folder.

    Raises:
        TaskError: a file is missing or not whole.
    """
    match kind:
        case "evalplus":
            return _evalplus(data)
        case "scicode":
            return _scicode(data)
        case _:
            return _lcb(data)


def _scicode(data: Path) -> list[Question]:
    """Return the reference programs of the validation problems: each step must pass its own expected values."""
    problems = find(str(data), [VALIDATION], "validation problems of SciCode")
    tasks = load_scicode(problems, find(str(data), TARGETS[::-1], "expected values"))
    return [Question(task=task, cases=(_reference(task),)) for task in tasks if task.reference]


def _reference(task: Task) -> Case:
    official = tuple((test.group, True) for test in task.hidden)
    return Case(source="reference", code=task.reference, official=official)


def _evalplus(data: Path) -> list[Question]:
    by_task: dict[str, list[Case]] = {}
    for row in read_rows(find(str(data), VERDICTS, "verdicts")):
        official = tuple((group, row[f"{group}_status"] == "pass") for group in ("base", "plus"))
        case = Case(source=row["model"], code=row["solution"], official=official)
        by_task.setdefault(row["task_id"], []).append(case)
    tasks = [
        *load_evalplus(find(str(data), ["HumanEvalPlus-v0.1.10.jsonl.gz"], "HumanEval+"), "humaneval", plus=True),
        *load_evalplus(find(str(data), ["MbppPlus-v0.2.0.jsonl.gz"], "MBPP+"), "mbpp", plus=True),
    ]
    return [Question(task=task, cases=tuple(by_task[task.name])) for task in tasks if task.name in by_task]


def _lcb(data: Path) -> list[Question]:
    """Return officially passing programs of problems without a flag, to be run on the samples."""
    rows = read_rows(find(str(data), RECORDS, "records"))
    passing = [(row, tuple(_passing(row["candidates"]))) for row in rows if not row["flags"]]
    return [Question(task=_samples(row), cases=cases) for row, cases in passing if cases]


def _passing(candidates: Iterable[Row]) -> Iterable[Case]:
    for candidate in candidates:
        if candidate.get("official_pass"):
            yield Case(source=candidate["source"], code=candidate["code"], official=(("samples", True),))


def _samples(record: Row) -> Task:
    samples = record["sample_tests"]
    row = {
        **record,
        "question_title": record["title"],
        "question_content": record["statement"],
        "public_test_cases": json.dumps(samples),
        "private_test_cases": "",
        "metadata": json.dumps({"func_name": record["fn_name"]}),
    }
    return task_of(sheet_of(row, record["question_id"]), samples)
