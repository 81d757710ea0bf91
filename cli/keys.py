"""`atlas keys`: make, list and revoke the bearer keys of `atlas serve`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit
from cli.printable import printable
from graphs.configuration import state_folder

if TYPE_CHECKING:
    from cli.serving.keys import KeyFile

Name = Annotated[str, typer.Argument(metavar="NAME", help="Who or what the key is for.")]
File = Annotated[Path | None, typer.Option("--keys", metavar="FILE", help="File of the keys, if not the usual one.")]

app = typer.Typer(
    name="keys",
    help="Make, list and revoke the bearer keys of `atlas serve`. Once one was made, every request needs one.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def key_file(path: Path | None) -> Path:
    """Return the file of the keys."""
    return path or state_folder(os.environ) / "keys.sqlite"


@app.command()
def create(
    name: Name,
    requests: Annotated[int, typer.Option(min=0, help="Most requests a minute; 0 is any number.")] = 0,
    tokens: Annotated[int, typer.Option(min=0, help="Most prompt and generated tokens a minute; 0: any number.")] = 0,
    keys: File = None,
) -> None:
    """Make a key and print it, for the only time: only its hash is stored."""
    _run(keys, lambda file: print(file.create(name, requests_per_minute=requests, tokens_per_minute=tokens)))


@app.command("list")
def list_(keys: File = None) -> None:
    """Show all keys, with what they may use and whether they are in force."""
    _run(keys, _show)


@app.command()
def revoke(name: Name, keys: File = None) -> None:
    """Refuse a key from now on; servers that run notice it at once."""
    _run(keys, lambda file: file.revoke(name))


def _run(path: Path | None, act: Callable[[KeyFile], object]) -> None:
    from cli.serving.keys import KeyFile, KeyFileError

    try:
        act(KeyFile(key_file(path)))
    except KeyFileError as error:
        print(f"atlas: {printable(str(error))}", file=sys.stderr)
        raise typer.Exit(int(Exit.USAGE)) from None


def _show(file: KeyFile) -> None:
    from rich.console import Console
    from rich.table import Table

    keys = file.all()
    if not keys:
        print("there are no keys: `atlas keys create NAME` makes one")
        return
    table = Table("name", "made (UTC)", "requests/min", "tokens/min", "state", box=None, pad_edge=False)
    for key in keys:
        limits = (str(most) if most else "any" for most in (key.requests_per_minute, key.tokens_per_minute))
        state = f"revoked {key.revoked:%Y-%m-%d %H:%M}" if key.revoked else "in force"
        table.add_row(printable(key.name), f"{key.created:%Y-%m-%d %H:%M}", *limits, state)
    Console(highlight=False, markup=False).print(table)
