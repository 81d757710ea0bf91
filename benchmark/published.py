"""Published data files: rows, checksums, download. A file that is not whole is an error that names it."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
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


def fetch(repository: str, names: Sequence[str], endpoint: str | None = None) -> tuple[Path, ...]:
    """Return the files of a data set on the Hugging Face hub, downloaded once, with the hashes that the hub announces.

    Args:
        repository: `owner/name` of the data set.
        names: files in it.
        endpoint: address of the hub; None: what `HF_ENDPOINT` names, else the public one.

    Raises:
        TaskError: they cannot be had here, or are not what the hub announced.
    """
    return tuple(_fetched(repository, name, endpoint) for name in names)


def _fetched(repository: str, name: str, endpoint: str | None) -> Path:
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    is_new = not isinstance(try_to_load_from_cache(repository, name, repo_type="dataset"), str)
    try:
        path = Path(hf_hub_download(repository, name, repo_type="dataset", endpoint=endpoint))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = " ".join(str(error).split())[:160]
        raise TaskError(f"{repository} cannot be downloaded ({reason}); name your copy with --data PATH") from error
    blob = path.resolve()
    if is_new and not _is_announced(blob):
        blob.unlink()
        path.unlink(missing_ok=True)
        raise TaskError(f"{repository}: {name} came with another hash than the hub announced; fetch it again")
    return path


def _is_announced(blob: Path) -> bool:
    """Return whether a file of the hub's cache, which is named by its hash, has that hash.

    The client compares sizes only. Large files are named by SHA-256, others by git's SHA-1; where links cannot be made
    the cache names no hash, and the size has to do.
    """
    if re.fullmatch("[0-9a-f]{64}", blob.name):
        digest = hashlib.sha256()
    elif re.fullmatch("[0-9a-f]{40}", blob.name):
        digest = hashlib.sha1(b"blob %d\0" % blob.stat().st_size, usedforsecurity=False)
    else:
        return True
    with blob.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest() == blob.name


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
