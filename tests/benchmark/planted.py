"""A scripted programmer, its tasks and its sandbox: importable, so that spawned processes can open them."""

from __future__ import annotations

import re
import sys

from benchmark.bench import Bench, run_bench
from benchmark.conditions import CONDITIONS
from benchmark.grader import Grading, grade_all
from benchmark.records import to_json
from benchmark.runner import Search, run_all
from benchmark.sampling import Choice
from benchmark.task import HiddenTest, Task, TaskSource
from inference.scripted import ScriptedModel
from nodes.problem_text import read_problem
from nodes.settings import Settings
from sandbox.choice import open_sandbox

SETTINGS = Settings(k=3, max_rounds=3, max_programs=9, sandbox_workers=1)


def reply(request):
    """Answer as a programmer who is right in two of three samples, and as a tester who is always right."""
    text = "\n".join(message.content for message in request.messages)
    name = re.findall(r"`(twice_\d+)\(", text)[-1]
    if "assert" in text:
        return f"assert {name}([4, 5]) == [4, 5, 4, 5]\nassert {name}([9]) == [9, 9]\nassert {name}([0]) == [0, 0]"
    body = "xs * 2" if request.seed % 3 else "xs[:1]"
    return f"- repeat the list\n- return it\n\n```python\ndef {name}(xs):\n    return {body}\n```"


def open_model(settings):
    """Return the scripted programmer."""
    return ScriptedModel(reply, name="planted")


def open_box(settings):
    """Return a sandbox for one program at a time."""
    return open_sandbox("bubblewrap", workers=1)


def a_task(i, *, hidden=None):
    """Return task number i: repeat a list."""
    statement = f"Write a function `twice_{i}(xs)` that repeats the list.\n\n>>> twice_{i}([1, {i}])\n[1, {i}, 1, {i}]"
    return Task(
        name=f"twice-{i}",
        problem=read_problem(statement),
        hidden=hidden or (HiddenTest(input="[7, 8]", expected="[7, 8, 7, 8]"), HiddenTest(input="[]", expected="[]")),
        reference=f"def twice_{i}(xs):\n    return xs + xs",
        tags=("even" if i % 2 == 0 else "odd",),
    )


def write_tasks(path, tasks):
    """Write a file of tasks and return its source."""
    path.write_text("\n".join(map(to_json, tasks)))
    return TaskSource(file=str(path))


def a_search(folder, conditions=tuple(CONDITIONS), **changes):
    """Return a search whose file is in a folder."""
    values = {
        "runs": str(folder / "runs.sqlite"),
        "conditions": tuple(CONDITIONS[name] for name in conditions),
        "settings": SETTINGS,
        "code": "v1",
        "open_model": open_model,
        "open_sandbox": open_box,
    }
    return Search(**values | changes)


def a_grading(search, searcher, source):
    """Return the grading of a search."""
    return Grading(
        runs=search.runs,
        verdicts=search.runs.replace("runs.sqlite", "verdicts.sqlite"),
        source=source,
        selection=searcher.selection,
        settings=search.settings,
        open_sandbox=search.open_sandbox,
    )


def quiet(done, whole):
    """Report no progress."""


def a_bench(folder, source, conditions=("baseline", "phase1", "full"), **changes):
    """Return a benchmark run whose files are in a folder."""
    values = {
        "name": "planted",
        "source": source,
        "choice": Choice(),
        "search": a_search(folder, conditions),
        "jobs": 1,
    }
    return Bench(**values | changes)


def searched_and_graded(folder, tasks, conditions=tuple(CONDITIONS)):
    """Search and grade tasks; return (search, searcher, grading, keys)."""
    source = write_tasks(folder / "tasks.jsonl", tasks)
    search = a_search(folder, conditions)
    searcher = run_all(search, [task.sheet for task in tasks], 1, quiet)
    grading = a_grading(search, searcher, source)
    return search, searcher, grading, grade_all(grading, [task.name for task in tasks], 1, quiet)


if __name__ == "__main__":
    # A run to be killed: `planted.py FOLDER TASKS [bench]`, one line of output per task done.
    import pathlib

    folder, count = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    if sys.argv[3:] == ["bench"]:
        bench = a_bench(folder, write_tasks(folder / "tasks.jsonl", [a_task(i) for i in range(count)]))
        run_bench(bench, lambda standing: sys.stdout.write(f"{standing.done}\n") and sys.stdout.flush())
        sys.exit()
    sheets = [a_task(i).sheet for i in range(count)]
    run_all(a_search(folder), sheets, 1, lambda done, whole: sys.stdout.write(f"{done}\n") and sys.stdout.flush())
