"""The progress bar of the long commands, on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmark.processes import OnProgress


@contextmanager
def progress_bar(title: str) -> Iterator[OnProgress]:
    """Show a bar with tasks done, elapsed and remaining time; yields what moves it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        bar = progress.add_task(title, total=None)
        yield lambda done, whole: progress.update(bar, completed=done, total=whole)
