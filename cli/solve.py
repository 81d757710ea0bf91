"""`atlas solve`: read the problem and the settings, run the search while showing it, print the answer."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, TypeAlias

import typer
from rich.console import Console

from cli.exits import EXPECTED, Exit, UsageError, exit_code, one_line, wants_tracebacks
from cli.first_model import with_model
from cli.logs import EventLog, open_log
from cli.printable import printable
from cli.progress import Lines, Progress, Quiet, Screen
from cli.reading import problem_source
from cli.report import as_json, error_as_json, outcome, show
from cli.threads import thread_file
from graphs.configuration import load_settings
from graphs.events import Event, Finished
from inference.base import ModelError
from nodes.problem_text import read_problem
from nodes.reading.telling import reading_line, whole_reading
from nodes.settings import Settings
from nodes.state import Answer, Problem
from sandbox.base import SandboxUnavailableError

SIGNALLED = 128
"""Added to the number of the signal that ended a command, as shells do: 130 is Ctrl-C."""

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

    from graphs import OpenSolver


@dataclass(frozen=True, slots=True, kw_only=True)
class SolveOptions:
    """What the command line asks for, beside the settings."""

    argument: str | None = None
    """The problem in words, or a file."""
    stdin: bool = False
    config: Path | None = None
    flags: Mapping[str, object]
    """Settings given as flags; None where a flag was not given."""
    json: bool = False
    save: Path | None = None
    """Where the program goes."""
    thread: str = ""
    """Name under which the search is stored; empty: it is not."""
    resume: bool = False
    """Go on with the thread instead of reading a problem."""
    verbose: bool = False
    yes: bool = False
    """Fetch a model that is needed and not here without asking."""
    show_problem: bool = False
    """Only say how the problem is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """How a search ended."""

    answer: Answer | None = None
    interrupted: int = 0
    """Number of the signal that ended it; 0 for none."""
    failure: Exception | None = None
    """What broke on the way; the answer is then the best until then."""


Opener: TypeAlias = "Callable[[Settings], OpenSolver]"


def run_solve(options: SolveOptions, opener: Opener | None = None) -> int:
    """Run the command and return its exit code; expected failures end in one line on standard error.

    Args:
        options: what was asked for.
        opener: makes the solver; None loads the model and the sandbox that the settings name.
    """
    try:
        return _show_problem(options) if options.show_problem else _solve(options, opener)
    except EXPECTED as error:
        if wants_tracebacks():
            raise
        return _fail(one_line(error), exit_code(error), options)
    except KeyboardInterrupt:
        return _fail("interrupted before a program was found", Exit.INTERRUPTED, options)


def _ready(options: SolveOptions, settings: Settings, opener: Opener | None) -> tuple[Settings, Opener]:
    """Return settings whose model is here, and what opens it; an opener that was handed in has its own model."""
    if opener is not None:
        return settings, opener
    return with_model(settings, yes=options.yes, quiet=options.json), _open


def _open(settings: Settings) -> OpenSolver:
    from graphs import open_solver

    return open_solver(settings)


def _fail(message: str, code: Exit, options: SolveOptions) -> int:
    _complain(message)
    if options.json:
        print(error_as_json(message, code))
    return int(code)


def _complain(message: str) -> None:
    print(f"atlas: {printable(message)}", file=sys.stderr)


def _solve(options: SolveOptions, given: Opener | None) -> int:
    settings = load_settings(options.config, os.environ, options.flags)
    problem = None if options.resume else read_problem(problem_source(options.argument, stdin=options.stdin))
    _check(options, settings)
    settings, opener = _ready(options, settings, given)
    with (
        _store(options, settings) as store,
        open_log(settings.log_file, verbose=options.verbose) as log,
        _progress(options, settings) as progress,
        opener(replace(settings, approve=False)) as solver,
    ):
        for line in solver.notices:
            progress.say(line)
        if store is not None:
            solver.keep_in(store)
        if problem is None:
            events, task_id = solver.resume(options.thread), options.thread
        else:
            _say_what_is_amiss(problem, progress)
            events, task_id = solver.stream(problem, thread=options.thread), problem.task_id
        found = _search(solver, events, progress, EventLog(log, task_id, lambda: solver.span))
    if found.answer is None:
        raise found.failure or KeyboardInterrupt
    answer = found.answer
    if settings.approve and answer.code and not found.interrupted:
        answer = _approved(answer)
    _deliver(answer, found.failure, settings, options)
    if found.failure and wants_tracebacks():
        raise found.failure
    if found.failure:
        return int(exit_code(found.failure))
    return SIGNALLED + found.interrupted if found.interrupted else int(outcome(answer))


def _say_what_is_amiss(problem: Problem, progress: Progress) -> None:
    """Say before the search what keeps its answer from being verified; `--show-problem` says the rest."""
    if problem.unread or problem.several:
        progress.say(reading_line(problem))


def _show_problem(options: SolveOptions) -> int:
    """Print how a statement was read; 0 where nothing was left unread."""
    problem = read_problem(problem_source(options.argument, stdin=options.stdin))
    print(json.dumps(asdict(problem)) if options.json else printable(whole_reading(problem)))
    return int(Exit.NOT_VERIFIED if problem.unread else Exit.VERIFIED)


def _check(options: SolveOptions, settings: Settings) -> None:
    """Refuse before the search what would fail after it."""
    if options.save and (options.save.is_dir() or not options.save.absolute().parent.is_dir()):
        raise UsageError(f"{options.save}: is no place for a file; give -o the name of a file in an existing folder")
    if settings.approve and not (sys.stdin.isatty() and not options.stdin):
        raise UsageError("the setting approve asks a person, so it needs a terminal on standard input")


def _progress(options: SolveOptions, settings: Settings) -> Progress:
    console = Console(stderr=True, highlight=False)
    if console.is_terminal and not options.verbose:
        return Screen(console, settings)
    return Quiet() if options.json else Lines(console, settings)


@contextmanager
def _store(options: SolveOptions, settings: Settings) -> Iterator[BaseCheckpointSaver[str] | None]:
    """Yield the store of a search that has a name, None for one that has not."""
    if not options.thread:
        yield None
        return
    from graphs.threads import open_store, thread_id

    thread_id(options.thread)
    with open_store(thread_file(settings)) as store:
        yield store


def _search(solver: OpenSolver, events: Iterator[Event], progress: Progress, log: EventLog) -> _Found:
    """Follow one search to its end. The only place that shows and logs events."""
    found = _Found()
    with _signals_cancel(solver) as caught:
        try:
            for event in events:
                if caught:  # a signal that came before the search began had nothing to cancel
                    solver.cancel()
                progress.tell(event)
                log.write(event)
                if isinstance(event, Finished):
                    found = replace(found, answer=event.answer)
        except (ModelError, SandboxUnavailableError) as error:
            found = replace(found, failure=error)
    return replace(found, interrupted=caught[0] if caught else 0)


@contextmanager
def _signals_cancel(solver: OpenSolver) -> Iterator[list[int]]:
    """Let the first Ctrl-C (or SIGTERM) end the search with what it has, and the second end it at once."""
    caught: list[int] = []

    def on_signal(number: int, frame: FrameType | None) -> None:
        if caught:
            raise KeyboardInterrupt
        caught.append(number)
        solver.cancel()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _approved(answer: Answer) -> Answer:
    """Ask the person at the terminal."""
    show(answer, Console(stderr=True, highlight=False))
    return replace(answer, approved=typer.confirm("Release this answer?", err=True))


def _deliver(answer: Answer, failure: Exception | None, settings: Settings, options: SolveOptions) -> None:
    """Print and save an answer, and say what broke on the way to it."""
    if options.json:
        print(as_json(answer, settings, one_line(failure) if failure else None))
    elif answer.approved is not False:
        show(answer, Console(highlight=False))
    if options.save and answer.code and answer.approved is not False:
        _save(answer.code, options.save)
    if failure:
        _complain(one_line(failure))


def _save(code: str, path: Path) -> None:
    try:
        path.write_text(code.rstrip("\n") + "\n", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"{path}: the program could not be saved ({error.strerror})") from error
