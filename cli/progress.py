"""Show a search while it runs: a live view on a terminal, plain lines elsewhere. Both only read events."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from graphs.events import BoxFinished, BoxStarted, CandidateArrived, CandidateRan, Event, Spent, TextsGrew
from nodes.settings import Settings

ROWS = 12
"""Candidates shown at once in the live view; older ones scroll away."""

RATE_SECONDS = 5.0
"""What the speed in the live view is a mean over."""

_LOADING = "loading the model; the first time, how fast this machine decodes is measured as well"
WORK = {
    "lens_routing": "weighing the evidence",
    "plan_search": "looking for plans",
    "diversity_sampling": "choosing what makes the programs differ",
    "budgeted_generation": "writing programs",
    "self_test_synthesis": "writing tests",
    "sandbox_execution": "running programs",
    "self_verification": "comparing what they did",
    "distinguish": "separating programs that differ",
    "repair": "repairing",
    "release": "handing out the answer",
}


class Progress(Protocol):
    """A view of a search; a context manager."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop showing."""

    def tell(self, event: Event) -> None:
        """Show one event."""

    def say(self, text: str) -> None:
        """Show one line that is no event."""


class Quiet:
    """Shows nothing."""

    def __enter__(self) -> Self:
        """Begin nothing."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop nothing."""

    def tell(self, event: Event) -> None:
        """Ignore it."""

    def say(self, text: str) -> None:
        """Ignore it."""


def line_of(event: Event) -> str:
    """Return an event in one line; empty for those that a person would not want to read in a log."""
    match event:
        case BoxFinished() if event.tokens or event.box == "sandbox_execution":
            rate = f" ({event.tokens / event.seconds:.0f} a second)" if event.tokens and event.seconds >= 1 else ""
            tokens = f"{event.tokens} tokens{rate}, " if event.tokens else ""
            return f"{event.box}: {tokens}{event.seconds:.1f} s"
        case CandidateArrived():
            return f"program {event.id} ({event.origin}): {event.tokens} tokens"
        case CandidateRan():
            return f"program {event.id}: {did(event)}"
        case _:
            return ""


class Lines(Quiet):
    """One plain line per event that a person would want to read in a log."""

    def __init__(self, console: Console, settings: Settings) -> None:
        """Print to `console`, against the budgets of `settings`."""
        self._console = console
        self._settings = settings
        self._told = 0

    def tell(self, event: Event) -> None:
        """Print a line for a box that worked with the model, a program, what it did, and what has been spent."""
        if line := line_of(event):
            self.say(line)
        if isinstance(event, Spent) and event.tokens > self._told:
            self._told = event.tokens
            tokens, seconds = self._settings.budget_tokens, self._settings.budget_seconds
            self.say(f"spent: {event.tokens} of {tokens} tokens, {event.seconds:.0f} of {seconds:.0f} seconds")

    def say(self, text: str) -> None:
        """Print one line."""
        self._console.print(Text(text), soft_wrap=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A candidate in the live view."""

    arrived: CandidateArrived
    ran: CandidateRan | None = None


class Screen(Quiet):
    """The live view: budget, the box that is working, the programs with what they did."""

    def __init__(self, console: Console, settings: Settings) -> None:
        """Draw on `console`, against the budgets of `settings`."""
        self._settings = settings
        self._began = time.monotonic()
        self._tokens = 0
        self._growing = 0
        """Tokens of texts that are still being written."""
        self._grown: deque[tuple[float, int]] = deque()
        self._boxes: dict[str, None] = {}
        self._rows: dict[str, _Row] = {}
        self._spinner = Spinner("dots")
        self._live = Live(console=console, get_renderable=self._view, refresh_per_second=8, transient=True)

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._began = time.monotonic()
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""
        self._live.stop()

    def tell(self, event: Event) -> None:
        """Take the event in; the next refresh shows it."""
        match event:
            case BoxStarted():
                self._boxes[event.box] = None
            case BoxFinished():
                self._boxes.pop(event.box, None)
            case CandidateArrived():
                self._rows[event.id] = _Row(arrived=event)
            case CandidateRan() if event.id in self._rows:
                self._rows[event.id] = replace(self._rows[event.id], ran=event)
            case TextsGrew():
                self._growing += event.tokens
                self._grown.append((time.monotonic(), event.tokens))
            case Spent():
                self._tokens, self._growing = event.tokens, 0
            case _:
                pass

    def say(self, text: str) -> None:
        """Print one line above the view."""
        self._live.console.print(Text(text))

    def _view(self) -> RenderableType:
        at_work = [f"{box}: {WORK.get(box, 'at work')}" for box in self._boxes] or [_LOADING]
        self._spinner.update(text=Text(", ".join(at_work), style="bold"))
        return Group(self._budgets(), self._spinner, *([self._programs()] if self._rows else []))

    def _budgets(self) -> Table:
        table = Table.grid(padding=(0, 1))
        seconds, settings = time.monotonic() - self._began, self._settings
        speed = f", {rate:.0f} tokens a second" if (rate := self._rate()) else ""
        for name, spent, most, more in (
            ("tokens", float(self._tokens + self._growing), float(settings.budget_tokens), speed),
            ("seconds", seconds, settings.budget_seconds, ""),
        ):
            bar = ProgressBar(total=max(most, 1.0), completed=min(spent, most), width=30)
            table.add_row(Text(name), bar, Text(f"{spent:.0f} of {most:.0f}{more}"))
        return table

    def _rate(self) -> float:
        """Return the tokens a second of the last few seconds; 0 while nothing is written."""
        now = time.monotonic()
        while self._grown and now - self._grown[0][0] > RATE_SECONDS:
            self._grown.popleft()
        since = min(RATE_SECONDS, max(now - self._began, 1.0))
        return sum(tokens for _, tokens in self._grown) / since

    def _programs(self) -> Table:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for title in ("program", "origin", "tokens", "examples"):
            table.add_column(title, justify="right" if title == "tokens" else "left")
        for row in list(self._rows.values())[-ROWS:]:
            arrived, ran = row.arrived, row.ran
            table.add_row(arrived.id, arrived.origin, str(arrived.tokens), _result(ran))
        return table


def did(ran: CandidateRan) -> str:
    """Return in words what a program did on the examples."""
    if not ran.total:
        return f"{ran.status.replace('_', ' ')} (no examples)"
    passed = f"passes {ran.passed} of {ran.total} examples"
    return passed if ran.status == "passed" else f"{passed} ({ran.status.replace('_', ' ')})"


def _result(ran: CandidateRan | None) -> Text:
    if ran is None:
        return Text("…", style="dim")
    return Text(did(ran), style="green" if ran.total and ran.passed == ran.total else "yellow")
