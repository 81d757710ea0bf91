"""GPQA (arXiv 2311.12022) from one's own copy of `gpqa_*.csv`; its authors ask that the questions stay off the web.

Samples vote for a letter (nodes/voting.py), and equal votes are a cluster. Options are shuffled per question by a
stable seed. Nothing of a question may go into a report or the pool of completions: a hash names the task.

Limits: the search has agreement and token confidence alone to choose by, so no answer is ever verified; with four
options, `oracle@k` is high for any model that names several.
"""

from __future__ import annotations

import csv
import hashlib
import random
from collections.abc import Mapping
from pathlib import Path

from benchmark.task import HiddenTest, Rules, Task, TaskError
from nodes.state import Problem, content_id

REPOSITORY = "Idavidrein/gpqa"
ROWS: Mapping[str, int] = {"gpqa_diamond.csv": 198, "gpqa_main.csv": 448, "gpqa_extended.csv": 546}
COLUMNS = ("Question", "Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")
LETTERS = "ABCD"


def load_gpqa(path: Path, rows: Mapping[str, int] = ROWS) -> list[Task]:
    """Return the questions of a file.

    Args:
        path: the csv.
        rows: how many rows a file of a published name must have.

    Raises:
        TaskError: unreadable, not whole, or a column is missing.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            absent = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
            found = [] if absent else list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TaskError(f"{path}: cannot be read ({error})") from error
    if absent:
        raise TaskError(f"{path}: has no column {', '.join(absent)}; expected a gpqa_*.csv")
    if len(found) != rows.get(path.name, len(found)):
        raise TaskError(f"{path}: has {len(found)} rows of {rows[path.name]}; fetch it again")
    return [_task(row, f"{path}: row {number}") for number, row in enumerate(found, start=1)]


def _task(row: Mapping[str, str | None], place: str) -> Task:
    question, *options = ((row[column] or "").strip() for column in COLUMNS)
    if not question or not all(options):
        raise TaskError(f"{place}: the question or an option is empty; fetch the file again")
    order = list(range(len(options)))
    random.Random(hashlib.sha256(question.encode()).digest()).shuffle(order)
    lines = [f"({letter}) {options[which]}" for letter, which in zip(LETTERS, order, strict=True)]
    statement = "\n".join([question, "", *lines])
    return Task(
        name=f"gpqa-{content_id(question)}",
        problem=Problem(statement=statement, mode="stdio", options=tuple(LETTERS)),
        hidden=(HiddenTest(input="", expected=LETTERS[order.index(0)]),),
        rules=Rules(kind="choice"),
        tags=tuple(tag for tag in ((row.get("High-level domain") or "").strip(),) if tag),
    )
