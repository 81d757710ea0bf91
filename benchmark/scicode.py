"""SciCode (arXiv 2407.13168): `problems_*.jsonl`, and the expected values of its HDF5 file (`test_data.h5`).

A main problem is one task: the statement lists its steps with their headers, and the program must define them all; each
step's tests then run after the whole program, and their status is a reading of its own. The official protocol asks for
one step after the other, with the model's own earlier steps in the prompt. The code of three steps is published apart
(13.6, 62.1, 76.3): they are asked for like the others, and not tested.

Needs the `scicode` extra (h5py) here, and the packages for scientific programs in the boxes (`make science`).
"""

from __future__ import annotations

import base64
import importlib.util
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.published import Row, read_rows, text_field
from benchmark.task import HiddenTest, Rules, Task, TaskError
from graphs.extras import install
from nodes.state import Problem
from sandbox.languages import SCIENCE

ROWS: Mapping[str, int] = {"problems_test.jsonl": 65, "problems_test.jsonl.gz": 65}
TARGETS = ("test_data.h5", "dev_targets.h5")
VALIDATION = "problems_dev.jsonl"
GIVEN = {"13.6", "62.1", "76.3"}
GRADED_CPU_S = 1800.0
"""Of one step's tests, as in the official evaluator, which takes wall time."""
SEARCH_CPU_S = 60.0
"""Of one run in the search, which cannot wait half an hour for each."""
MEMORY_MB = 4096
_DEFINED = re.compile(r"^(?:def|class)\s+(\w+)", re.MULTILINE)


def load_scicode(problems: Path, targets: Path, rows: Mapping[str, int] = ROWS) -> list[Task]:
    """Return the main problems of a file.

    Args:
        problems: the rows.
        targets: the HDF5 file.
        rows: how many rows a file of a published name must have.

    Raises:
        TaskError: a file is missing or not whole, a step has no expected value, or h5py is not installed.
    """
    if importlib.util.find_spec("h5py") is None:
        raise TaskError(f"SciCode's expected values need h5py: {install('scicode')}")
    import h5py

    found = read_rows(problems)
    if len(found) != rows.get(problems.name, len(found)):
        raise TaskError(f"{problems}: has {len(found)} rows of {rows[problems.name]}; fetch it again")
    try:
        with h5py.File(targets, "r") as file:
            return [_task(row, file, f"{problems}: problem {row.get('problem_id')}") for row in found]
    except OSError as error:
        raise TaskError(f"{targets}: cannot be read ({error}); the authors share it as test_data.h5") from error


def _task(row: Row, file: Any, place: str) -> Task:
    number, dependencies = text_field(row, "problem_id", place), text_field(row, "required_dependencies", place)
    steps = row.get("sub_steps")
    if not isinstance(steps, list) or not steps:
        raise TaskError(f"{place}: has no steps")
    hidden = [_step(step, file, place) for step in steps if step["step_number"] not in GIVEN]
    entry_points = _DEFINED.findall(text_field(steps[-1], "function_header", place))
    if not entry_points:
        raise TaskError(f"{place}: the last step's header defines nothing")
    reference = "\n\n".join(str(step.get("ground_truth_code") or "") for step in steps)
    return Task(
        name=f"SciCode/{number}",
        problem=Problem(
            statement=_statement(row, steps, place),
            mode="function",
            entry_point=entry_points[0],
            language=SCIENCE.name,
            cpu_seconds=SEARCH_CPU_S,
            memory_mb=MEMORY_MB,
        ),
        hidden=tuple(hidden),
        reference=f"{dependencies}\n\n{reference}" if reference.strip() else "",
        rules=Rules(kind="script", setup=dependencies, memory_mb=MEMORY_MB, cpu_s=GRADED_CPU_S),
    )


def _statement(row: Row, steps: list[Row], place: str) -> str:
    parts = [
        text_field(row, "problem_description_main", place).strip(),
        str(row.get("problem_io") or "").strip(),
        f"Begin with these imports, and use no others:\n\n```\n{row['required_dependencies'].strip()}\n```",
        "Write one Python program that defines every function below, and calls none of them.",
    ]
    for step in steps:
        header = text_field(step, "function_header", place).rstrip()
        parts.append(f"Step {step['step_number']}. {step['step_description_prompt'].strip()}\n\n```\n{header}\n```")
    return "\n\n".join(part for part in parts if part)


def _step(step: Row, file: Any, place: str) -> HiddenTest:
    number = text_field(step, "step_number", place)
    tests = step.get("test_cases")
    if not isinstance(tests, list) or not tests or number not in file:
        raise TaskError(f"{place}: step {number} has no tests or no expected values; give the matching HDF5 file")
    targets = [_target(file, number, place, which) for which in range(1, len(tests) + 1)]
    body = "\n".join(f"target = targets[{index}]\n{test}\n" for index, test in enumerate(tests))
    inside = Path(__file__).with_name("inside_scicode.py").read_text(encoding="utf-8")
    return HiddenTest(input=json.dumps(targets), expected=f"{inside}\n\n{body}", group=f"step {number}")


def _target(file: Any, number: str, place: str, which: int) -> Any:
    name = f"{number}/test{which}"
    if name not in file:
        raise TaskError(f"{place}: test {which} of step {number} has no expected value; fetch the HDF5 file again")
    group = file[name]
    values = [_node(group[key]) for key in group]
    return values[0] if len(values) == 1 else {"tuple": values}


def _node(item: Any) -> Any:
    """Return a data set or group as JSON for `inside_scicode.py`; keys come in alphabetical order, as HDF5 has them."""
    if hasattr(item, "keys"):
        if "list" in item:
            return {"list": [_node(item["list"][key]) for key in item["list"]]}
        if "sparse_matrix" in item:
            return _sparse(item["sparse_matrix"])
        return {"dict": [[_key(key), _node(value)] for key, value in item.items()]}
    value = item[()]
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            return {"list": [text.decode("utf-8") for text in value.ravel().tolist()]}
        return {"array": [value.dtype.str, list(value.shape), base64.b64encode(value.tobytes()).decode("ascii")]}
    plain = value.item()
    return {"complex": [plain.real, plain.imag]} if isinstance(plain, complex) else plain


def _key(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


def _sparse(group: Any) -> Any:
    kind = "coo" if "row" in group and "col" in group else "bsr" if "blocksize" in group else "csr"
    return {"sparse": [kind, {key: _node(group[key]) for key in group}]}
