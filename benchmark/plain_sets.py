"""HumanEval (arXiv 2107.03374) and MBPP (arXiv 2108.07732) from their original files, graded by their own assertions.

Of MBPP the test split (task ids 11 to 510) is taken. Its first assertion is shown as an example, the others are hidden.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from benchmark.evalplus import mbpp_problem, python_problem
from benchmark.published import Row, md5_of, read_rows, text_field
from benchmark.task import HiddenTest, Rules, Task, TaskError

PUBLISHED: Mapping[str, tuple[str, int]] = {
    "88771747746422b8669027625578460c": ("humaneval", 164),
    "f50124cdd150eac633c8e26828e0b3c1": ("mbpp", 974),
    "fbd3312c0fe567a5be377722df127904": ("mbpp", 427),
}
"""Family and rows of each original file, by the MD5 of its unpacked text."""
TEST_SPLIT = range(11, 511)
_DEFINED = re.compile(r"^\s*def\s+(\w+)\s*\(", re.MULTILINE)


def load_plain(path: Path, family: str, published: Mapping[str, tuple[str, int]] = PUBLISHED) -> list[Task]:
    """Return the tasks of an original file.

    Raises:
        TaskError: another file, or not whole.
    """
    digest = md5_of(path)
    if published.get(digest, ("", 0))[0] != family:
        raise TaskError(f"{path}: is no original file of {family}, or not whole (MD5 {digest}); fetch it again")
    rows = read_rows(path)
    if len(rows) != published[digest][1]:
        raise TaskError(f"{path}: has {len(rows)} rows of {published[digest][1]}; fetch it again")
    if family == "humaneval":
        return [_humaneval(row, f"{path}: {row.get('task_id')}") for row in rows]
    return [_mbpp(row, f"{path}: {row['task_id']}") for row in rows if row.get("task_id") in TEST_SPLIT]


def _humaneval(row: Row, place: str) -> Task:
    fields = ("task_id", "prompt", "entry_point", "canonical_solution", "test")
    name, prompt, entry_point, solution, test = (text_field(row, field, place) for field in fields)
    return Task(
        name=name,
        problem=python_problem(prompt, entry_point),
        hidden=(HiddenTest(input="", expected=f"{test}\n\ncheck({entry_point})"),),
        reference=prompt + solution,
        rules=Rules(kind="script"),
    )


def _mbpp(row: Row, place: str) -> Task:
    text = row.get("prompt") or text_field(row, "text", place)
    reference = text_field(row, "code", place).replace("\r\n", "\n")
    asserts = [*row["test_list"], *row.get("challenge_test_list", ())]
    setup = "\n".join([*row.get("test_imports", ()), row.get("test_setup_code", "")]).replace("\r\n", "\n")
    entry_point = entry_point_of(asserts[0], reference, place)
    return Task(
        name=f"Mbpp/{row['task_id']}",
        problem=mbpp_problem(f"{text}\n{asserts[0]}", entry_point),
        hidden=(HiddenTest(input="", expected="\n".join([setup, *asserts])),),
        reference=reference,
        rules=Rules(kind="script"),
    )


def entry_point_of(assertion: str, reference: str, place: str) -> str:
    """Return the function of the reference that an assertion calls."""
    called = re.findall(r"(\w+)\s*\(", assertion)
    defined = set(_DEFINED.findall(reference))
    for name in called:
        if name in defined:
            return str(name)
    raise TaskError(f"{place}: the first assertion calls nothing that the reference defines")
