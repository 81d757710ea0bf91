"""Where events are written down: JSON lines in a file, readable lines on standard error when asked, else nowhere.

No prompt, no program and no secret is logged: only names, counts and seconds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from cli.exits import UsageError
from graphs.events import BoxFinished, BoxStarted, CandidateRan, Event, Finished
from graphs.tracing import SpanIds


class _Tee:
    """The last processor: writes each event to every place that was asked for, then drops it."""

    def __init__(self, file: TextIO | None, terminal: TextIO | None) -> None:
        self._file, self._terminal = file, terminal
        self._json = structlog.processors.JSONRenderer()
        self._plain = structlog.processors.KeyValueRenderer(key_order=["event"])

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> str:
        if self._file:
            print(self._json(logger, method, dict(event)), file=self._file, flush=True)
        if self._terminal:
            event.pop("at", None)
            print("log:", self._plain(logger, method, event), file=self._terminal, flush=True)
        raise structlog.DropEvent


@contextmanager
def open_log(path: str, *, verbose: bool) -> Iterator[FilteringBoundLogger]:
    """Yield the logger of one command; a line in the file is one event.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        file = Path(path).open("a", encoding="utf-8") if path else None  # noqa: SIM115 - closed below
    except OSError as error:
        raise UsageError(f"log file {path}: cannot be written ({error.strerror})") from error
    stamp: Processor = structlog.processors.TimeStamper(fmt="iso", utc=True, key="at")
    structlog.configure(processors=[stamp, _Tee(file, sys.stderr if verbose else None)])
    try:
        yield cast("FilteringBoundLogger", structlog.get_logger())
    finally:
        structlog.reset_defaults()
        if file:
            file.close()


class EventLog:
    """Writes the events of one search: one line per box, with task, round, tokens and seconds."""

    def __init__(self, log: FilteringBoundLogger, task: str, span: Callable[[], SpanIds | None] = lambda: None) -> None:
        """Bind every line to the task and to a span.

        Args:
            log: where lines go.
            task: a name made from the problem's content, or that of its thread.
            span: returns the ids of the span that the last event belongs to, where spans are recorded.
        """
        self._log = log.bind(task=task)
        self._span = span
        self._round = 0

    def write(self, event: Event) -> None:
        """Log what deserves a line; progress that others sum up does not."""
        span = self._span()
        log = self._log.bind(**asdict(span)) if span else self._log
        match event:
            case BoxStarted(box="lens_routing"):
                self._round += 1
            case BoxFinished():
                log.info("box", box=event.box, round=self._round, tokens=event.tokens, seconds=round(event.seconds, 4))
            case CandidateRan():
                log.info("ran", candidate=event.id, passed=event.passed, total=event.total, status=event.status)
            case Finished(answer=answer):
                log.info(
                    "answer",
                    verified=answer.verified,
                    stop=answer.stop,
                    confidence=answer.confidence,
                    tokens=sum(cost.spent for cost in answer.cost),
                    seconds=answer.seconds,
                    model=answer.model,
                    sandbox=answer.sandbox,
                )
            case _:
                pass
