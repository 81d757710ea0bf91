"""`atlas doctor`: look at the machine and say in plain words what is there, what is missing and what mends it."""

from __future__ import annotations

import os

from rich.console import Console
from rich.text import Text

from cli.checks import Check, all_checks, can_solve
from cli.exits import Exit, one_line
from cli.printable import printable
from graphs.configuration import SettingsError, load_settings

NAME_WIDTH = 18


def run_doctor() -> int:
    """Print one line per check, and the verdict; return 0 when ATLAS can solve, else 1, or 2 for bad settings."""
    console = Console(highlight=False)
    try:
        settings = load_settings(None, os.environ, {})
    except SettingsError as error:
        console.print(Text(f"atlas: {one_line(error)}"), soft_wrap=True)
        return int(Exit.USAGE)
    checks = []
    for look in all_checks(settings):
        checks.append(look())
        _print(checks[-1], console)
    ready = can_solve(checks)
    verdict = "ATLAS can solve here." if ready else "ATLAS cannot solve here yet."
    console.print(Text(verdict, style="bold green" if ready else "bold red"))
    return 0 if ready else 1


def _print(check: Check, console: Console) -> None:
    mark = ("ok     ", "green") if check.ok else ("missing", "yellow")
    line = Text.assemble(mark, f" {check.name:<{NAME_WIDTH}} {printable(' '.join(check.detail.split()))}")
    console.print(line, soft_wrap=True)
    for part in check.parts:
        console.print(Text(f"        {'':<{NAME_WIDTH}} {printable(part)}", style="dim"), soft_wrap=True)
    if check.mend:
        console.print(Text(f"        {'':<{NAME_WIDTH}} mend it with: {check.mend}", style="bold"), soft_wrap=True)
