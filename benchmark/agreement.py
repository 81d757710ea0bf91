"""Does our grader decide as the official ones did? `python -m benchmark.agreement lcb|evalplus|scicode --data PATH`.

`evalplus` grades the programs of `evalplus_verdicts.jsonl.gz` and compares both statuses with the official ones. `lcb`
runs the programs of `lcb_records.jsonl.gz` on the samples of their problems: each that passed officially must pass
here, unless its problem is flagged. `scicode` runs the reference programs of the validation problems, step by step.
Killed and started again it goes on; programs that ran out of time run once more alone at the end. Every difference is
printed by name.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import time
from collections.abc import Sequence
from concurrent.futures import as_completed
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

from benchmark.agreement_cases import Kind, Question, load_cases
from benchmark.database import Database
from benchmark.grader import SCHEMA as VERDICTS
from benchmark.grader import GradeBook, grade
from benchmark.processes import at_exit, interruptible, leave
from benchmark.progress import progress_bar
from benchmark.provenance import commit, cores, grader_digest
from benchmark.task import TaskError
from benchmark.verdict import Verdict, reading
from graphs.factory import open_box
from nodes.settings import Settings
from nodes.state import content_id
from sandbox.base import Execution, Limits, Program, Sandbox, SandboxUnavailableError

SCHEMA = (
    VERDICTS
    + """
CREATE TABLE IF NOT EXISTS work (
    question TEXT PRIMARY KEY, tests INTEGER NOT NULL, seconds REAL NOT NULL) WITHOUT ROWID;
"""
)
INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a grading process is told; it travels between processes."""

    kind: Kind
    data: str
    book: str
    sandbox: Literal["auto", "docker", "bubblewrap"]


class CountingSandbox:
    """A sandbox that counts tests: processes, or in a batch the values that came back."""

    def __init__(self, sandbox: Sandbox, kind: Kind) -> None:
        """Keep the sandbox."""
        self._sandbox = sandbox
        self._counts_lines = kind == "evalplus"
        self.name, self.notice, self.workers = sandbox.name, sandbox.notice, sandbox.workers
        self.tests = 0

    def run(
        self, program: Program, inputs: Sequence[str], limits: Limits = Limits(), *, cancelled: object = None
    ) -> tuple[Execution, ...]:
        """Run and count."""
        executions = self._sandbox.run(program, inputs, limits)
        self.tests += sum(max(1, e.output.count("\n")) for e in executions) if self._counts_lines else len(executions)
        return executions

    def close(self) -> None:
        """Close the sandbox."""
        self._sandbox.close()


class Desk:
    """One grading process."""

    def __init__(self, order: Order) -> None:
        """Load the questions and open everything."""
        self._questions = {question.task.name: question for question in load_cases(order.kind, Path(order.data))}
        self._book = GradeBook(order.book)
        self._work = Database(order.book, SCHEMA)
        settings = Settings(sandbox=order.sandbox, sandbox_workers=1)
        self._sandbox = CountingSandbox(open_box(settings), order.kind)

    def grade(self, name: str, *, alone: bool) -> None:
        """Grade the programs of a question that have no verdict yet; with `alone`, those that ran out of time."""
        question = self._questions[name]
        known = self._book.verdicts(name)
        codes = [c.code for c in question.cases if _is_wanted(known.get(content_id(c.code)), alone)]
        began, before = time.monotonic(), self._sandbox.tests
        verdicts = grade(question.task, codes, self._sandbox)
        self._book.keep(name, {code: replace(verdict, alone=alone) for code, verdict in verdicts.items()}, {})
        spent = (name, self._sandbox.tests - before, time.monotonic() - began)
        if codes and not alone:
            self._work.write("INSERT OR REPLACE INTO work VALUES (?, ?, ?)", [spent])

    def close(self) -> None:
        """Close everything."""
        self._sandbox.close()
        self._book.close()
        self._work.close()


def _is_wanted(verdict: Verdict | None, alone: bool) -> bool:
    if alone:
        return verdict is not None and verdict.status == "timeout" and not verdict.alone
    return verdict is None


@cache
def _desk(order: Order) -> Desk:
    desk = Desk(order)
    at_exit(desk.close)
    return desk


def _grade(order: Order, name: str, alone: bool) -> str:
    """Grade a question; return why that was not possible, or an empty text."""
    try:
        _desk(order).grade(name, alone=alone)
    except TaskError as error:
        return str(error)
    return ""


def measure(order: Order, questions: Sequence[Question], jobs: int) -> str:
    """Grade what is missing and return the comparison in Markdown.

    Raises:
        SandboxUnavailableError: the sandbox failed; verdicts until then are kept.
        TaskError: the data cannot be read.
    """
    with closing(GradeBook(order.book)) as book:
        new = [q for q in questions if {content_id(c.code) for c in q.cases} - book.verdicts(q.task.name).keys()]
    began = time.monotonic()
    failures: list[str] = []
    with interruptible(jobs) as executor, progress_bar("grading") as on_progress:
        futures = [executor.submit(_grade, order, question.task.name, False) for question in new]
        for done, future in enumerate(as_completed(futures), start=1):
            failures += filter(None, [future.result()])
            on_progress(done, len(futures))
    wall = time.monotonic() - began
    with closing(GradeBook(order.book)) as book:
        slow = [q for q in questions if any(_is_wanted(v, True) for v in book.verdicts(q.task.name).values())]
    with interruptible(1) as executor, progress_bar("alone") as on_progress:
        for done, question in enumerate(slow, start=1):
            executor.submit(_grade, order, question.task.name, True).result()
            on_progress(done, len(slow))
    call = f"{len(new)} questions in {wall:.0f} s, {jobs} processes"
    return _report(order, questions, jobs, call, failures)


def _report(order: Order, questions: Sequence[Question], jobs: int, call: str, failures: Sequence[str]) -> str:
    with closing(GradeBook(order.book)) as book, closing(Database(order.book, SCHEMA)) as work:
        verdicts = {(q.task.name, program): v for q in questions for program, v in book.verdicts(q.task.name).items()}
        tests, seconds = work.rows("SELECT coalesce(sum(tests), 0), coalesce(sum(seconds), 0) FROM work")[0]
    every = [(q, c, verdicts.get((q.task.name, content_id(c.code)))) for q in questions for c in q.cases]
    compared = [(q, c, verdict) for q, c, verdict in every if verdict is not None]
    wrong = [
        f"- {q.task.name}, {c.source}: {name} {c.wanted(name)} officially, {reading(v, name)} here ({v.status})"
        for q, c, v in compared
        for name, _ in c.official
        if c.wanted(name) != reading(v, name)
    ]
    statuses = sum(len(c.official) for _, c, _ in compared)
    rate = f"{tests / seconds * jobs:.0f}" if seconds else "–"
    lines = [
        f"# Agreement: {order.kind}",
        "",
        f"- questions {len(questions)}, programs {len(compared)}, statuses {statuses}, alike {statuses - len(wrong)}",
        f"- graded in this call: {call}",
        f"- tests {tests}, {seconds:.0f} process seconds: {rate} tests/s with {jobs} processes on {cores()} cores",
        f"- sandbox {order.sandbox}; commit {commit()}",
        "",
        f"Differences: {len(wrong) + len(failures)}",
        *wrong,
        *(f"- {failure}" for failure in failures),
    ]
    return "\n".join(lines) + "\n"


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmark.agreement", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("kind", choices=["lcb", "evalplus", "scicode"], help="whose verdicts to compare with")
    parser.add_argument("--data", required=True, metavar="PATH", help="folder with the verdicts and the data set")
    parser.add_argument("--db", default="", metavar="FILE", help="file of our verdicts; else one of this grader")
    parser.add_argument("--limit", type=int, default=0, help="only the first N questions; 0: all")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--sandbox", choices=["auto", "docker", "bubblewrap"], default="bubblewrap")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Write the comparison to standard output; return the exit code, 1 where the graders differ."""
    given = _arguments(argv)
    book = given.db or f"runs/agreement-{given.kind}-{grader_digest()[:8]}.sqlite"
    order = Order(kind=given.kind, data=given.data, book=book, sandbox=given.sandbox)
    try:
        questions = load_cases(order.kind, Path(order.data))[: given.limit or None]
        report = measure(order, questions, given.jobs)
    except (TaskError, SandboxUnavailableError, OSError, sqlite3.Error) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("stopped; the same command goes on from here\n")
        return INTERRUPTED
    sys.stdout.write(report)
    return 0 if "Differences: 0\n" in report else 1


if __name__ == "__main__":
    leave(main())
