"""`atlas threads`: the searches that are stored under a name, and where they stand."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from cli.exits import EXPECTED, exit_code, one_line
from cli.printable import printable
from graphs.configuration import load_settings, thread_place
from nodes.settings import Settings
from nodes.state import Answer

_SHOWN = 60


def thread_file(settings: Settings) -> Path | str:
    """Return where the searches of this user are stored; see `graphs.configuration.thread_place`."""
    return thread_place(settings, os.environ)


def run_threads(config: Path | None) -> int:
    """Print one line per thread, the one that changed last first, and return the exit code."""
    try:
        return _show(thread_file(load_settings(config, os.environ, {})))
    except EXPECTED as error:
        print(f"atlas: {printable(one_line(error))}", file=sys.stderr)
        return int(exit_code(error))


def _show(place: Path | str) -> int:
    from graphs.threads import open_store, stored_threads

    if isinstance(place, Path) and not place.exists():
        print("no searches are stored: `atlas solve --thread NAME` stores one")
        return 0
    with open_store(place) as store:
        threads = stored_threads(store)
    name = Column("name", no_wrap=True)
    table = Table(name, "where it stands", "tokens", "last step (UTC)", "problem", box=None, pad_edge=False)
    for one in threads:
        first = one.problem.statement.strip().split("\n", maxsplit=1)[0][:_SHOWN]
        when = f"{one.changed:%Y-%m-%d %H:%M}"
        stands = where_it_stands(one.answer, waits=one.waits)
        words = (printable(one.name), stands, str(one.tokens), when, printable(first))
        table.add_row(*(Text(word) for word in words))
    Console(highlight=False).print(table)
    return 0


def where_it_stands(answer: Answer | None, *, waits: bool = False) -> str:
    """Return a thread's state in words."""
    if answer is None:
        return "unfinished"
    if waits:
        return "waits for approval"
    if not answer.code:
        return "no program"
    return "verified" if answer.verified else "not verified"
