"""Searches, gradings and whole benchmark runs of the scripted programmer (benchmark/planted.py)."""

from __future__ import annotations

import sys

from benchmark.bench import Bench
from benchmark.conditions import CONDITIONS
from benchmark.grader import Grading, grade_all
from benchmark.planted import a_task as a_task
from benchmark.planted import open_box, open_model, write_tasks
from benchmark.planted import reply as reply
from benchmark.runner import Search
from benchmark.sampling import Choice
from benchmark.search_process import run_all
from nodes.settings import Settings

SETTINGS = Settings(k=3, max_rounds=3, max_programs=9, sandbox_workers=1)


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
    # A run to be killed: `planted.py FOLDER TASKS`, one line of output per task done.
    import pathlib

    folder, count = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    sheets = [a_task(i).sheet for i in range(count)]
    run_all(a_search(folder), sheets, 1, lambda done, whole: sys.stdout.write(f"{done}\n") and sys.stdout.flush())
