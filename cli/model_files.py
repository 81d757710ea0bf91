"""What `atlas models` does: list, pull, describe and check model files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from cli.exits import EXPECTED, Exit, UsageError, exit_code, one_line, wants_tracebacks
from cli.model_report import Described, description, model_here
from cli.printable import printable
from graphs.configuration import load_settings
from graphs.factory import model_path, models_folder
from inference.base import ModelError
from inference.catalogue import CATALOGUE, Entry, reference
from inference.pulled import (
    ModelNotPulledError,
    Pulled,
    fault,
    locate,
    parts,
    pulled_files,
    pulled_of,
    read_record,
    whole_name,
)
from nodes.settings import Settings

GB = 1e9
_NOT_HERE = "not here yet"


def run_list(config: Path | None) -> int:
    """Print the catalogue and what of it is here; return the exit code."""
    with _ends_in_a_line() as ended:
        folder = models_folder(_settings(config))
        console = Console(highlight=False)
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("name", "quantisations", "thinks", "here", "note"):
            table.add_column(title, overflow="fold")
        listed: set[Path] = set()
        for known in CATALOGUE:
            here = pulled_of(folder, known)
            listed |= {one.path for one in here.values()}
            table.add_row(*_row(known, here))
        console.print(table)
        for one in pulled_files(folder):
            if one.here and one.path not in listed:
                console.print(
                    Text(f"also here: {one.record.repository}/{one.record.file}, {_size(one)}"), soft_wrap=True
                )
        console.print(Text(f"models folder: {folder}"), soft_wrap=True)
    return ended()


def run_pull(names: Sequence[str], config: Path | None) -> int:
    """Pull models one after another; return the exit code."""
    with _ends_in_a_line("interrupted; the same command goes on where this one stopped") as ended:
        folder = models_folder(_settings(config))
        wanted = [(name, reference(name)) for name in names]
        from inference.hub import listing, pull
        from inference.hub import wanted as files_of

        console = Console(highlight=False)
        for name, ref in wanted:
            records = files_of(ref, listing(ref.repository))
            total = sum(record.size for record in records)
            _say(f"pulling {ref.repository}/{whole_name(records[0].file)}, {total / GB:.2f} GB")
            for record in records:
                with _progress(f"checking {Path(record.file).name}", record.size) as advance:
                    pulled = pull(record, folder, on_check=advance)
            console.print(Text(f"{pulled.path}"), soft_wrap=True)
            _say(f"its SHA-256 is what the hub announced; use it with: atlas solve --model {name}")
    return ended()


def run_info(name: str, flags: Mapping[str, object], config: Path | None) -> int:
    """Print what a model is and whether it fits; return 0 when it does, 1 when not."""
    fits = True
    with _ends_in_a_line() as ended:
        settings = _settings(config, {**flags, "model": name})
        try:
            model = model_here(name, model_path(settings))
        except ModelNotPulledError as error:
            model = _on_the_hub(name, error)
        lines, fits = description(model, settings)
        console = Console(highlight=False)
        for line in lines:
            console.print(line, soft_wrap=True)
        if model.where.startswith(_NOT_HERE):
            console.print(Text(f"fetch it with: atlas models pull {name}"), soft_wrap=True)
    return ended() or (0 if fits else 1)


def _on_the_hub(name: str, not_pulled: ModelNotPulledError) -> Described:
    """Return a model whose header is read from the hub.

    Raises:
        ModelError: it is not pulled, and the hub does not tell its header either.
    """
    from inference.hub import HubError, header_there, listing, wanted

    _say(f"{name} is not here; reading its header from the hub")
    ref = reference(name)
    try:
        records = wanted(ref, listing(ref.repository))
        header = header_there(records)
    except HubError as error:
        raise ModelError(f"{not_pulled}; its header cannot be read from the hub ({error})") from error
    first = records[0]
    return Described(
        name=name,
        where=f"{_NOT_HERE}, {first.repository}/{first.file} on the hub",
        file=first.file,
        sizes=tuple(record.size for record in records),
        header=header,
    )


def run_verify(names: Sequence[str], config: Path | None) -> int:
    """Check pulled files; return 0 when all are sound."""
    damaged = False
    with _ends_in_a_line() as ended:
        folder = models_folder(_settings(config))
        chosen = [one for name in names for one in _files(name, folder)] if names else list(pulled_files(folder))
        if not chosen:
            raise UsageError(f"there is no pulled model in {folder}; atlas models pull NAME brings one")
        console = Console(highlight=False)
        for one in chosen:
            with _progress(f"checking {one.path.name}", one.record.size) as advance:
                wrong = fault(one, advance)
            damaged = damaged or bool(wrong)
            shown = f"{one.record.repository}/{one.record.file}"
            again = f"damaged: {wrong}; mend it with: rm '{one.path}' && atlas models pull {shown}"
            console.print(Text(f"{shown}: {printable(again) if wrong else 'sound'}"), soft_wrap=True)
    return ended() or (int(Exit.MODEL) if damaged else 0)


def _settings(config: Path | None, flags: Mapping[str, object] | None = None) -> Settings:
    return load_settings(config, os.environ, flags or {})


def _row(known: Entry, here: Mapping[str, Pulled]) -> tuple[str, ...]:
    held = ", ".join(f"{quantisation} {_size(one)}" for quantisation, one in here.items())
    return known.name, " ".join(known.quantisations), "yes" if known.thinks else "no", held or "-", known.note


def _size(one: Pulled) -> str:
    size = sum(path.stat().st_size for path in parts(one.path) if path.is_file())
    return f"{size / GB:.2f} GB"


def _files(name: str, folder: Path) -> list[Pulled]:
    """Return all files of a pulled model, also where they have another size than they should."""
    wanted = reference(name)
    found = [
        one
        for one in pulled_files(folder)
        if (one.record.repository, whole_name(one.record.file).lower())
        == (wanted.repository, whole_name(wanted.file).lower())
    ]
    if found:
        return found
    first = locate(name, folder)
    return [Pulled(path=path, record=read_record(path)) for path in parts(first)]


@contextmanager
def _ends_in_a_line(interrupted: str = "interrupted") -> Iterator[Callable[[], int]]:
    """Turn expected failures and Ctrl-C into one line; what it yields gives the exit code afterwards."""
    code = 0
    try:
        yield lambda: code
    except EXPECTED as error:
        if wants_tracebacks():
            raise
        _say(f"atlas: {printable(one_line(error))}")
        code = int(exit_code(error))
    except KeyboardInterrupt:
        _say(f"atlas: {interrupted}")
        code = int(Exit.INTERRUPTED)


@contextmanager
def _progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show how far a file has been read, on a terminal only; yields what takes the bytes of each piece."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=total, start=False, visible=False)

        def advance(size: int) -> None:
            progress.start_task(task)
            progress.update(task, advance=size, visible=True)

        yield advance


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
