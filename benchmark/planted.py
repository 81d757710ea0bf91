"""A scripted programmer, its tasks and its sandbox: for measuring and testing everything that is not the model.

The programmer is right in two of three samples and always right as a tester, by the seed of the request alone, so that
every search of a task ends alike whatever else runs. Importable, so that other processes can open it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from benchmark.records import to_json
from benchmark.task import HiddenTest, Task, TaskSource
from inference.base import Request
from inference.scripted import ScriptedModel
from nodes.problem_text import read_problem
from nodes.settings import Settings
from sandbox.base import Sandbox
from sandbox.choice import open_sandbox

_HIDDEN = (HiddenTest(input="[7, 8]", expected="[7, 8, 7, 8]"), HiddenTest(input="[]", expected="[]"))


def reply(request: Request) -> str:
    """Return a program, or tests where tests are asked for."""
    text = "\n".join(message.content for message in request.messages)
    name = re.findall(r"twice_\d+", text)[-1]
    if "assert" in text:
        return f"assert {name}([4, 5]) == [4, 5, 4, 5]\nassert {name}([9]) == [9, 9]\nassert {name}([0]) == [0, 0]"
    body = "xs * 2" if request.seed % 3 else "xs[:1]"
    return f"- repeat the list\n- return it\n\n```python\ndef {name}(xs):\n    return {body}\n```"


def open_model(settings: Settings) -> ScriptedModel:
    """Return the scripted programmer."""
    return ScriptedModel(reply, name="planted")


def open_box(settings: Settings) -> Sandbox:
    """Return a sandbox for one program at a time.

    Raises:
        SandboxUnavailableError: bubblewrap holds nothing here.
    """
    return open_sandbox("bubblewrap", workers=1)


def a_task(i: int, *, hidden: tuple[HiddenTest, ...] = ()) -> Task:
    """Return task number i: repeat a list."""
    statement = f"Write a function `twice_{i}(xs)` that repeats the list.\n\n>>> twice_{i}([1, {i}])\n[1, {i}, 1, {i}]"
    return Task(
        name=f"twice-{i}",
        problem=read_problem(statement),
        hidden=hidden or _HIDDEN,
        reference=f"def twice_{i}(xs):\n    return xs + xs",
        tags=("even" if i % 2 == 0 else "odd",),
    )


def write_tasks(path: Path, tasks: Sequence[Task]) -> TaskSource:
    """Write a file of tasks and return its source."""
    path.write_text("\n".join(map(to_json, tasks)), encoding="utf-8")
    return TaskSource(file=str(path))
