"""A model file on its way into the models folder: partial, for one process at a time, checked, and only then named.

The partial file outlives the process, whatever ends it, and the next pull goes on with it, from the same source or from
another: its name holds the hash that the whole must have, so that bytes of two versions never mix.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from inference.base import ModelError
from inference.pulled import Pulled, Record, keep_record, place, read_record, sha256_of

MAGIC = b"GGUF"


class DamagedFileError(ModelError):
    """What arrived is not the file that was announced; nothing of it is left."""


def partial_of(folder: Path, record: Record) -> Path:
    """Return where a file lies while it is on its way."""
    path = place(folder, record.repository, record.file)
    return path.with_name(f"{path.name}.{record.sha256[:16]}.part")


def bring(
    record: Record,
    folder: Path,
    fetch: Callable[[BinaryIO], None],
    *,
    on_check: Callable[[int], None] | None = None,
) -> Pulled:
    """Bring a file into the models folder, or find it there.

    Args:
        record: what the file must be.
        folder: the models folder.
        fetch: writes what is missing to the partial file, which is handed over at its end.
        on_check: called with the bytes of each piece that was hashed.

    Raises:
        DamagedFileError: the bytes are not those of the record; they are thrown away.
        ModelError: the fetching failed, and what arrived stays for the next pull; or the disk is full, or another
            process is bringing the same file.
    """
    path = place(folder, record.repository, record.file)
    found = Pulled(path=path, record=record)
    if path.is_file() and _is_this(path, record, on_check):
        keep_record(path, record)
        return found
    partial = partial_of(folder, record)
    with _storing(), _opened(partial) as file:
        if found.here:  # Another process has brought it since.
            partial.unlink()
            return found
        _check_room(partial, record)
        _fill(file, record, fetch)
        if sha256_of(partial, on_check) != record.sha256:
            partial.unlink()
            raise DamagedFileError(
                f"{record.file} arrived damaged: pull it again (its SHA-256 is not {record.sha256[:12]}..., so all of "
                "it was thrown away)"
            )
        partial.replace(path)
        keep_record(path, record)
    return found


def _fill(file: BinaryIO, record: Record, fetch: Callable[[BinaryIO], None]) -> None:
    """Let the rest be fetched; what does not begin as a model file, such as a login page, is not kept."""
    if file.tell() > record.size:
        file.seek(0)
        file.truncate()
    try:
        fetch(file)
        file.flush()
        os.fsync(file.fileno())
    except BaseException:
        file.flush()
        file.seek(0)
        if not MAGIC.startswith(file.read(len(MAGIC))):
            file.truncate(0)
        raise


def _is_this(path: Path, record: Record, on_check: Callable[[int], None] | None) -> bool:
    """Say whether a file is the wanted one; what was pulled as such is believed, anything else is hashed."""
    if path.stat().st_size != record.size:
        return False
    try:
        return read_record(path).sha256 == record.sha256
    except ModelError:
        return sha256_of(path, on_check) == record.sha256


@contextmanager
def _opened(partial: Path) -> Iterator[BinaryIO]:
    """Open a partial file at its end, for one process at a time."""
    partial.parent.mkdir(parents=True, exist_ok=True)
    with partial.open("ab"):
        pass
    with partial.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ModelError(f"another process is pulling {partial.name}: wait for it") from error
        if not partial.exists() or not os.path.samestat(os.fstat(file.fileno()), partial.stat()):
            # Between opening and locking the file got its final name; its bytes are no longer ours to write.
            raise ModelError(f"another process has just pulled {partial.name}: run the same command again")
        file.seek(0, os.SEEK_END)
        yield file


@contextmanager
def _storing() -> Iterator[None]:
    """Turn what the disk refuses into one line."""
    try:
        yield
    except OSError as error:
        what = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "check the disk and the folder"
        raise ModelError(
            f"the model cannot be stored ({error.strerror or error}): {what}; free some room or set models_folder to "
            "another disk, and pull again, which goes on where it was"
        ) from error


def _check_room(partial: Path, record: Record) -> None:
    missing = record.size - partial.stat().st_size
    free = shutil.disk_usage(partial.parent).free
    if missing > free:
        raise ModelError(
            f"{record.file} needs {missing / 1e9:.1f} GB more on the disk of {partial.parent}, {free / 1e9:.1f} are "
            "free: free some, or set models_folder to another disk"
        )
