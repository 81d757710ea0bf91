"""Table of results: `python -m benchmark.table --part held_out --n 200 --seed 1 --jobs 2 --db runs/embedded.sqlite`.

Searches what is missing, grades it in other processes, and writes Markdown: each condition with intervals, what it
cost, how often `verified` was right, and each difference with its interval. Killed and started again, it goes on.

Limits: of the embedded model it says how the search helps a small model on its own family, never how it helps a large
one.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from pathlib import Path

from benchmark.conditions import CONDITIONS, ConditionError
from benchmark.crew import AT_ONCE_SMALL
from benchmark.energy import metered
from benchmark.grader import GradeBook, Grading, grade_all, sheets_of
from benchmark.markdown import write_tables
from benchmark.measurement import Sharing, record, verdicts_beside
from benchmark.measures import Graded
from benchmark.progress import progress_bar
from benchmark.provenance import code_digest, commit, cores
from benchmark.runner import Search, Searcher
from benchmark.runs import RunBook
from benchmark.search_process import run_all
from benchmark.task import PARTS, Sheet, TaskError, TaskSource
from graphs.factory import open_box, open_model
from inference.base import ModelError
from nodes.settings import Settings
from sandbox.base import SandboxUnavailableError

SHOWN_SETTINGS = (
    *("k", "max_rounds", "max_programs", "budget_tokens", "temperature", "top_p", "top_k", "answer_tokens"),
    *("thinking_tokens", "test_generations", "verified_tests", "min_gain", "test_cpu_seconds", "seed"),
)


def measure(search: Search, source: TaskSource, jobs: int) -> str:
    """Search what is missing, grade it, and return the report in Markdown.

    Raises:
        ModelError: the model failed.
        SandboxUnavailableError: the sandbox failed.
        TaskError: the tasks cannot be loaded.
        OSError: their file cannot be read.
    """
    began = time.monotonic()
    sheets = sheets_of(source)
    with progress_bar("searching") as on_progress, metered() as metering:
        searcher = run_all(search, sheets, jobs, on_progress)
    searched = time.monotonic()
    grading = _grading(search, searcher, source)
    with progress_bar("grading") as on_progress:
        keys = grade_all(grading, [sheet.name for sheet in sheets], cores(), on_progress)
    record(grading, searcher, sheets, keys, sharing=Sharing(searches=jobs), power=metering.power)
    results = collect(grading, sheets, keys)
    minutes = f"{(searched - began) / 60:.1f} to search, {(time.monotonic() - searched) / 60:.1f} to grade"
    head = [
        f"- tasks: {len(sheets)} of {source.file or f'{source.part}, seed {source.seed}'}",
        f"- model: {searcher.model} ({searcher.selection.model})",
        f"- code: commit {commit()}, search {searcher.selection.code}",
        f"- settings: {described(search.settings)}",
        f"- sandbox: {searcher.sandbox}; machine: {cores()} cores, {searches_in_words(jobs)}",
        f"- {ended_by_the_clock(results)}",
        f"- minutes of this call: {minutes}",
    ]
    return "\n".join(head) + "\n\n" + write_tables(results, sheets) + "\n"


def collect(grading: Grading, sheets: Sequence[Sheet], keys: dict[str, str]) -> dict[str, list[Graded]]:
    """Return the graded runs of each condition, in the order of the sheets.

    Args:
        grading: the files and the selection.
        sheets: the tasks.
        keys: the key of the verdicts by task name.
    """
    results: dict[str, list[Graded]] = {name: [] for name, _ in grading.selection.digests}
    with closing(RunBook(grading.runs)) as runs, closing(GradeBook(grading.verdicts)) as book:
        for sheet in sheets:
            verdicts, truths = book.verdicts(keys[sheet.name]), book.truths(keys[sheet.name])
            for name, run in runs.load(grading.selection, sheet.key).items():
                results[name].append(Graded(sheet=sheet, run=run, verdicts=verdicts, truths=truths))
    return results


def searches_in_words(jobs: int) -> str:
    """Return how the searches of a run shared its model."""
    return f"{jobs} searches at once on one engine" if jobs > 1 else "one search at a time"


def ended_by_the_clock(results: Mapping[str, Sequence[Graded]]) -> str:
    """Return how many searches the budget of seconds ended: those would end elsewhere on another machine."""
    runs = [graded.run for each in results.values() for graded in each]
    late = sum(run.state.stop == "seconds" for run in runs)
    said = "; their results depend on the machine: raise budget_seconds, or lower budget_tokens" if late else ""
    return f"searches ended by budget_seconds: {late} of {len(runs)}{said}"


def described(settings: Settings) -> str:
    """Return the settings that shape a search, in one line."""
    return ", ".join(f"{name} {getattr(settings, name)}" for name in SHOWN_SETTINGS)


def _grading(search: Search, searcher: Searcher, source: TaskSource) -> Grading:
    runs = Path(search.runs)
    return Grading(
        runs=search.runs,
        verdicts=str(verdicts_beside(runs)),
        source=source,
        selection=searcher.selection,
        settings=search.settings,
        open_sandbox=search.open_sandbox,
    )


def _count(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than one")
    return int(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmark.table", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--part", choices=sorted(PARTS), default="held_out", help="part of the embedded family")
    parser.add_argument("--tasks", default="", metavar="FILE", help="a file with one task per line instead")
    parser.add_argument("--n", type=_count, default=200, help="tasks")
    parser.add_argument("--seed", type=int, default=1, help="which tasks of the part")
    parser.add_argument("--jobs", type=_count, default=AT_ONCE_SMALL, help="searches at once on one engine")
    parser.add_argument("--width", type=int, default=0, help="texts decoded together; 1: reproducible, one at a time")
    parser.add_argument("--db", default="runs/embedded.sqlite", help="file of the runs and the pool")
    parser.add_argument("--model", default="", help="a GGUF file; the embedded model when not given")
    parser.add_argument("--sandbox", choices=["auto", "docker", "bubblewrap"], default="bubblewrap")
    parser.add_argument("--conditions", default=",".join(CONDITIONS), help="rows of the table, separated by commas")
    return parser.parse_args()


def main() -> int:
    """Write the report to standard output; return the exit code."""
    given = _arguments()
    unknown = [name for name in given.conditions.split(",") if name not in CONDITIONS]
    if unknown:
        sys.stderr.write(f"no condition {', '.join(unknown)}; known are {', '.join(CONDITIONS)}\n")
        return 2
    search = Search(
        runs=given.db,
        conditions=tuple(CONDITIONS[name] for name in given.conditions.split(",")),
        settings=Settings(
            model=given.model,
            sandbox=given.sandbox,
            batch_width=given.width,
            test_cpu_seconds=2.0,
        ),
        code=code_digest(),
        open_model=open_model,
        open_sandbox=open_box,
    )
    source = TaskSource(part=given.part, n=given.n, seed=given.seed, file=given.tasks)
    try:
        sys.stdout.write(measure(search, source, given.jobs))
    except (ModelError, SandboxUnavailableError, TaskError, ConditionError, OSError, sqlite3.Error) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except BrokenProcessPool:
        sys.stderr.write("a process was ended from outside, perhaps for lack of memory; the same command goes on\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("stopped; the same command goes on from here\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
