"""Published data files: rows, checksums, download. A file that is not whole is an error that names it."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from benchmark.task import TaskError

Row = dict[str, Any]


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Yield the bytes of a file, unpacked where its name ends in `.gz`.

    Raises:
        TaskError: it cannot be read, or its packed end is missing.
    """
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as stream:
            yield stream  # type: ignore[misc]
    except (OSError, EOFError, zlib.error) as error:
        raise TaskError(f"{path}: cannot be read ({error}); fetch it again") from error


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a file with one JSON object a line, or with one JSON list.

    Raises:
        TaskError: unreadable, or a line is no object.
    """
    with opened(path) as stream:
        data = stream.read()
    if data.lstrip().startswith(b"["):
        return _objects(path, [data])
    return _objects(path, data.splitlines())


def row_of(path: Path, number: int, line: bytes) -> Row:
    """Return the object that a line holds.

    Raises:
        TaskError: it is none.
    """
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise TaskError(f"{path}: line {number} is no JSON ({error}); the file may be cut: fetch it again") from error
    if not isinstance(row, dict):
        raise TaskError(f"{path}: line {number} is no object")
    return row


def md5_of(path: Path) -> str:
    """Return the MD5 of a file's unpacked text, by which data sets name their versions; no protection against malice.

    Raises:
        TaskError: it cannot be read.
    """
    digest = hashlib.md5(usedforsecurity=False)
    with opened(path) as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def text_field(row: Row, name: str, place: str) -> str:
    """Return a field that must be a text.

    Raises:
        TaskError: it is missing or something else.
    """
    value = row.get(name)
    if not isinstance(value, str):
        raise TaskError(f"{place}: the field {name} is {'missing' if name not in row else 'no text'}")
    return value


def find(data: str, names: Sequence[str], what: str) -> Path:
    """Return the data file that a path means: the file itself, or the first of `names` in a folder.

    Raises:
        TaskError: there is none.
    """
    path = Path(data).expanduser()
    if path.is_file():
        return path
    found = [path / name for name in names if (path / name).is_file()]
    if not found:
        raise TaskError(f"{data}: holds no {what}; expected {' or '.join(names)}")
    return found[0]


def fetch(repository: str, names: Sequence[str]) -> tuple[Path, ...]:
    """Return the files of a data set on the Hugging Face hub, downloaded once and verified by its client.

    Raises:
        TaskError: they cannot be had here.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return tuple(Path(hf_hub_download(repository, name, repo_type="dataset")) for name in names)
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = " ".join(str(error).split())[:160]
        raise TaskError(f"{repository} cannot be downloaded ({reason}); name your copy with --data PATH") from error


def _objects(path: Path, lines: Sequence[bytes]) -> list[Row]:
    if len(lines) == 1 and lines[0].lstrip().startswith(b"["):
        try:
            rows = json.loads(lines[0])
        except (ValueError, RecursionError) as error:
            raise TaskError(f"{path}: is no JSON ({error}); the file may be cut: fetch it again") from error
        if not all(isinstance(row, dict) for row in rows):
            raise TaskError(f"{path}: an item is no object")
        return list(rows)
    return [row_of(path, number, line) for number, line in enumerate(lines, start=1) if line.strip()]
