"""Show how far a benchmark run is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from datetime import timedelta
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmark.bench import Standing

LINE_EVERY_S = 30.0


class BenchProgress(Protocol):
    """A view of a run; a context manager."""

    def tell(self, standing: Standing) -> None:
        """Show how far the run is."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the screen as it was."""


def in_words(standing: Standing) -> str:
    """Return passed tasks per policy, tokens, what is at work and how fast, and the time that is left."""
    passed = ", ".join(f"{name} {count}" for name, count in standing.passed)
    left = "?" if standing.seconds_left is None else str(timedelta(seconds=round(standing.seconds_left)))
    speed = "" if standing.tokens_per_s is None else f" at {standing.tokens_per_s:.0f} tokens/s"
    work = f"{standing.at_work} at work{speed}; " if standing.at_work else ""
    return f"passed of {standing.graded}: {passed}; {standing.tokens} tokens; {work}{left} left"


class Bar:
    """A live bar."""

    def __init__(self, console: Console, title: str) -> None:
        """Prepare the bar; entering shows it."""
        columns = (BarColumn(bar_width=20), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
        self._progress = Progress(TextColumn(title), *columns, console=console)
        self._bar = self._progress.add_task("loading the model", total=None)

    def tell(self, standing: Standing) -> None:
        """Move the bar."""
        self._progress.update(self._bar, completed=standing.done, total=standing.whole, description=in_words(standing))

    def __enter__(self) -> Self:
        """Begin to show."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last state on the screen."""
        self._progress.stop()


class Lines:
    """A line at the start, every half minute, and at the end."""

    def __init__(self, console: Console, every_s: float = LINE_EVERY_S) -> None:
        """Keep where lines go, and how often."""
        self._console = console
        self._every_s = every_s
        self._next = 0.0
        self._last: Standing | None = None

    def tell(self, standing: Standing) -> None:
        """Print a line when it is time."""
        self._last = standing
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._every_s
            self._print(standing)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Print where it ended."""
        if self._last is not None:
            self._print(self._last)

    def _print(self, standing: Standing) -> None:
        self._console.print(f"{standing.done}/{standing.whole} tasks, {in_words(standing)}", soft_wrap=True)
