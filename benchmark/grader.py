"""The one place where programs meet hidden tests: after the search has ended, in processes that never search.

A grading process loads the tasks by itself, reads the programs of the stored runs, and writes verdicts into a file
that no search opens. What right means is the task's rules' (benchmark/judges.py). Programs that ran out of time are
graded once more, with no other grading process beside them, before that counts.

Reference programs also say here whether the tests that the search wrote are right.

A verdict is kept under the task, its tests and how they were judged: limits, rules, sandbox and the code that judges.
With any of them changed a program is judged anew, and what was measured before keeps its own verdicts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, replace
from functools import cache
from itertools import repeat
from pathlib import Path

from benchmark.database import Database
from benchmark.judges import judge_of
from benchmark.processes import OnProgress, at_exit, spawned
from benchmark.provenance import grader_digest
from benchmark.records import from_json, to_json
from benchmark.runs import Run, RunBook, Selection
from benchmark.task import Sheet, Task, TaskSource, load_sheets
from benchmark.verdict import NO_PROGRAM as NO_PROGRAM
from benchmark.verdict import Verdict as Verdict
from nodes.judging import key_for
from nodes.settings import Settings
from nodes.state import content_id
from sandbox.base import Execution, Limits, Program, Sandbox

SCHEMA = """
CREATE TABLE IF NOT EXISTS verdicts (
    task TEXT NOT NULL, program TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (task, program)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS truths (
    task TEXT NOT NULL, input TEXT NOT NULL, output_key TEXT NOT NULL, PRIMARY KEY (task, input)) WITHOUT ROWID;
"""


HOW = "!"
"""Between a task's key and the name of how it was judged, in the keys of verdicts."""


def without_how(key: str) -> str:
    """Return the task's key of a key of verdicts; files of earlier versions hold no more than that."""
    sheet, hash_sign, tests = key.rpartition("#")
    return f"{sheet}{hash_sign}{tests.partition(HOW)[0]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grading:
    """Everything that a grading process is told; it travels between processes."""

    runs: str
    verdicts: str
    """File of the verdicts, which no search opens."""
    source: TaskSource
    selection: Selection
    settings: Settings
    """Of the sandbox and the limits of a test; a memory limit or CPU limit of the problem comes first."""
    open_sandbox: Callable[[Settings], Sandbox]


def grade(task: Task, codes: Iterable[str], sandbox: Sandbox, limits: Limits = Limits()) -> dict[str, Verdict]:
    """Return the verdict on each distinct program.

    Raises:
        SandboxUnavailableError: the sandbox failed; nothing is known about the programs.
    """
    distinct = list(dict.fromkeys(codes))
    judge = judge_of(task, sandbox, limits) if any(code.strip() for code in distinct) else None
    return {code: judge(code) if judge and code.strip() else NO_PROGRAM for code in distinct}


def true_outputs(task: Task, inputs: Sequence[str], sandbox: Sandbox, limits: Limits = Limits()) -> dict[str, str]:
    """Return the key of the reference's output by input id; an empty text where it fails, as on a senseless input."""
    runs = _run(task, task.reference, inputs, sandbox, limits) if task.reference and inputs else ()
    return {
        content_id(text): key_for(task.problem, run.output) if run.status == "completed" else ""
        for text, run in zip(inputs, runs, strict=False)
    }


def _run(task: Task, code: str, inputs: Sequence[str], sandbox: Sandbox, limits: Limits) -> tuple[Execution, ...]:
    problem = task.problem
    program = Program(source=code, mode=problem.mode, entry_point=problem.entry_point, language=problem.language)
    return sandbox.run(program, inputs, limits)


class GradeBook:
    """The verdicts of one file."""

    def __init__(self, path: Path | str) -> None:
        """Open or make the file."""
        self._database = Database(path, SCHEMA)

    def verdicts(self, task: str) -> dict[str, Verdict]:
        """Return the verdicts on a task by program id."""
        rows = self._database.rows("SELECT program, record FROM verdicts WHERE task = ?", (task,))
        return {program: from_json(Verdict, text) for program, text in rows}

    def truths(self, task: str) -> dict[str, str]:
        """Return the reference's output keys by input id; empty where the reference failed."""
        return dict(self._database.rows("SELECT input, output_key FROM truths WHERE task = ?", (task,)))

    def keep(self, task: str, verdicts: dict[str, Verdict], truths: dict[str, str]) -> None:
        """Store verdicts and reference outputs of a task."""
        judged = ((task, content_id(code), to_json(verdict)) for code, verdict in verdicts.items())
        self._database.write("INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?)", judged)
        self._database.write(
            "INSERT OR REPLACE INTO truths VALUES (?, ?, ?)", zip(repeat(task), truths, truths.values())
        )

    def close(self) -> None:
        """Close the file."""
        self._database.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskGrade:
    """A task whose stored programs all have a verdict."""

    key: str
    """Of its verdicts."""
    is_doubtful: bool
    """Whether one of them is a timeout that stands for the moment only."""
    right: tuple[tuple[str, bool], ...]
    """(condition, whether its answer is right)."""
    tokens: int
    """Generated tokens that all its runs are charged for."""


class GradingDesk:
    """One grading process: the tasks, a sandbox, both files."""

    def __init__(self, grading: Grading) -> None:
        """Load the tasks and open everything.

        Raises:
            TaskError: the tasks cannot be loaded.
            SandboxUnavailableError: no back end holds.
        """
        self._grading = grading
        self._tasks = grading.source.open()
        self._runs = RunBook(grading.runs)
        self._book = GradeBook(grading.verdicts)
        self._sandbox = grading.open_sandbox(grading.settings)
        self._code = grader_digest()

    def grade_new(self, name: str) -> TaskGrade:
        """Grade the programs of a task's runs that have no verdict yet."""
        task = self._tasks.task(name)
        key, stored = self._key(task), self._stored(task)
        runs = tuple(stored.values())
        known = self._book.verdicts(key)
        new = [code for code in _programs(runs) if content_id(code) not in known]
        verdicts = grade(task, new, self._sandbox, self._limits(task))
        asked = self._book.truths(key)
        inputs = {test.input for run in runs for test in run.state.self_tests if test.id not in asked}
        truths = true_outputs(task, sorted(inputs), self._sandbox, self._limits(task))
        self._book.keep(key, verdicts, truths)
        judged = known | {content_id(code): verdict for code, verdict in verdicts.items()}
        return TaskGrade(
            key=key,
            is_doubtful=any(map(_is_doubtful, judged.values())),
            right=tuple((condition, _is_right(run, judged)) for condition, run in stored.items()),
            tokens=sum(run.tokens for run in stored.values()),
        )

    def grade_slow(self, name: str) -> None:
        """Grade the programs that timed out once more, now that nothing else is being graded."""
        task = self._tasks.task(name)
        key = self._key(task)
        slow = {program for program, verdict in self._book.verdicts(key).items() if _is_doubtful(verdict)}
        codes = [code for code in _programs(self._stored(task).values()) if content_id(code) in slow]
        verdicts = grade(task, codes, self._sandbox, self._limits(task))
        self._book.keep(key, {code: replace(v, alone=True) for code, v in verdicts.items()}, {})

    def close(self) -> None:
        """Remove every box, close both files."""
        self._sandbox.close()
        self._runs.close()
        self._book.close()

    def _stored(self, task: Task) -> dict[str, Run]:
        return self._runs.load(self._grading.selection, task.sheet.key)

    def _key(self, task: Task) -> str:
        """Return the key of a task's verdicts: its own, and a name for how it is judged here."""
        judged_by = (repr(self._limits(task)), repr(task.rules), task.reference, self._sandbox.name, self._code)
        return f"{task.key}{HOW}{content_id(*judged_by)}"

    def _limits(self, task: Task) -> Limits:
        settings = self._grading.settings
        return Limits(
            cpu_s=task.problem.cpu_seconds or settings.test_cpu_seconds,
            memory_mb=task.problem.memory_mb or settings.test_memory_mb,
        )


def sheets_of(source: TaskSource) -> tuple[Sheet, ...]:
    """Return what a search may know of the tasks; they are loaded in another process than this one.

    Raises:
        TaskError: the tasks cannot be loaded.
        OSError: their file cannot be read.
    """
    with spawned(1) as executor:
        return executor.submit(load_sheets, source).result()


def grade_all(grading: Grading, names: Sequence[str], jobs: int, on_progress: OnProgress) -> dict[str, str]:
    """Grade every stored program of the selection; return the key of the verdicts by task name.

    Raises:
        SandboxUnavailableError: the sandbox failed; verdicts written before are kept.
    """
    keys: dict[str, str] = {}
    slow: list[str] = []
    with spawned(jobs) as executor:
        futures = {executor.submit(grade_task, grading, name): name for name in names}
        for done, future in enumerate(as_completed(futures), start=1):
            name = futures[future]
            graded = future.result()
            keys[name] = graded.key
            slow += [name] * graded.is_doubtful
            on_progress(done, len(futures))
    with spawned(1) as executor:
        for name in slow:
            executor.submit(_grade_slow, grading, name).result()
    return keys


@cache
def _desk(grading: Grading) -> GradingDesk:
    """Open this process's desk once."""
    desk = GradingDesk(grading)
    at_exit(desk.close)
    return desk


def grade_task(grading: Grading, name: str) -> TaskGrade:
    """Grade what is new of a task; only for a grading process, which `spawned` makes."""
    return _desk(grading).grade_new(name)


def _grade_slow(grading: Grading, name: str) -> None:
    _desk(grading).grade_slow(name)


def _is_right(run: Run, verdicts: dict[str, Verdict]) -> bool:
    return bool(run.code) and verdicts[content_id(run.code)].right


def _is_doubtful(verdict: Verdict) -> bool:
    """Whether a program ran out of time while others were being graded beside it."""
    return verdict.status == "timeout" and not verdict.alone


def _programs(runs: Iterable[Run]) -> list[str]:
    """Return every distinct program of some runs, answers and other candidates alike."""
    codes = (code for run in runs for code in (run.code, *(c.code for c in run.state.candidates)))
    return list(dict.fromkeys(code for code in codes if code))
