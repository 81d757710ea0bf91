"""Model files that were pulled: where they lie, what the hub said of them, and whether they still are what it said.

A file lies at `<folder>/<owner>/<repository>/<file>`; beside it `<file>.json` keeps size, SHA-256 and commit as the hub
told them when the file was pulled. Nothing is unpickled and no file is changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from inference.base import ModelError
from inference.catalogue import CATALOGUE, Entry, Reference, UnknownModelError, entry, nearest, reference
from inference.gguf_file import GgufHeader, read_header

_CHUNK = 1 << 22
_PART = re.compile(r"(.*)-([0-9]{5})-of-([0-9]{5})\.gguf", re.IGNORECASE)


class ModelNotPulledError(ModelError):
    """The model is known and not here; the message is the command that pulls it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the hub said of a file when it was pulled."""

    repository: str
    file: str
    revision: str
    """The commit."""
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """A file in the models folder."""

    path: Path
    record: Record

    @property
    def here(self) -> bool:
        """Whether the file is there in its full size."""
        return self.path.is_file() and self.path.stat().st_size == self.record.size


def default_folder() -> Path:
    """Return where models go when the settings name no folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "atlas" / "models"


def place(folder: Path, repository: str, file: str) -> Path:
    """Return where a file of a repository lies.

    Raises:
        ModelError: the names would lead out of the folder.
    """
    path = folder / repository / file
    if ".." in Path(repository, file).parts or Path(file).is_absolute():
        raise ModelError(f"{repository}/{file} is no name of a model file: give org/repo/file.gguf")
    return path


def keep_record(path: Path, record: Record) -> None:
    """Write what the hub said beside the file."""
    beside(path).write_text(json.dumps(asdict(record), indent=1) + "\n", encoding="utf-8")


def beside(path: Path) -> Path:
    """Return the place of a file's record."""
    return path.with_name(path.name + ".json")


def read_record(path: Path) -> Record:
    """Return what the hub said of a file.

    Raises:
        ModelError: there is no record, or it is damaged.
    """
    try:
        values = json.loads(beside(path).read_text(encoding="utf-8"))
        record = Record(**values)
        sound = isinstance(record.size, int) and re.fullmatch("[0-9a-f]{64}", record.sha256)
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"{beside(path)} is missing or damaged: pull the model again") from error
    if not sound:
        raise ModelError(f"{beside(path)} is damaged: pull the model again")
    return record


def pulled_files(folder: Path) -> Iterator[Pulled]:
    """Find every pulled file, in the order of their paths; a damaged record is no pulled file."""
    for note in sorted(folder.glob("*/*/**/*.gguf.json")):
        path = note.with_name(note.name.removesuffix(".json"))
        try:
            yield Pulled(path=path, record=read_record(path))
        except ModelError:
            continue


def pulled_of(folder: Path, known: Entry) -> dict[str, Pulled]:
    """Return the pulled files of a catalogue entry by quantisation, the preferred first; of parts, the first part."""
    files = {
        whole_name(one.record.file).lower(): one
        for one in pulled_files(folder)
        if one.record.repository == known.repository and one.here and is_first(one.record.file)
    }
    names = {quantisation: known.file.format(quantisation).lower() for quantisation in known.quantisations}
    return {quantisation: files[name] for quantisation, name in names.items() if name in files}


def whole_name(file: str) -> str:
    """Return what a model would be called in one file; `a-00001-of-00003.gguf` is part of `a.gguf`."""
    part = _PART.fullmatch(file)
    return f"{part[1]}.gguf" if part else file


def is_first(file: str) -> bool:
    """Whether a file is a whole model or the first part of one."""
    part = _PART.fullmatch(file)
    return part is None or int(part[2]) == 1


def parts(path: Path) -> tuple[Path, ...]:
    """Return all files of a model that is kept in several, or the one file."""
    part = _PART.fullmatch(path.name)
    if part is None:
        return (path,)
    return tuple(path.with_name(f"{part[1]}-{at:05d}-of-{part[3]}.gguf") for at in range(1, int(part[3]) + 1))


def size_of(one: Pulled) -> int:
    """Return the bytes of a model, of all its files."""
    return sum(path.stat().st_size for path in parts(one.path) if path.is_file())


def whole_header(path: Path) -> GgufHeader:
    """Return the header of a model with the tensors of all its files.

    Raises:
        BrokenModelFileError: a file is missing or damaged.
    """
    first, *others = parts(path)
    header = read_header(first)
    tensors = dict(header.tensors)
    for other in others:
        tensors |= read_header(other).tensors
    return replace(header, tensors=tensors)


def locate(name: str, folder: Path) -> Path:
    """Return the file that `--model` names: a path, a name of the catalogue, or `org/repo/file.gguf` that was pulled.

    Raises:
        ModelNotPulledError: the name is known and the file is not here.
        UnknownModelError: there is neither such a file nor such a name.
    """
    path = Path(name).expanduser()
    if path.exists():
        return path
    if entry(name) is None and not _looks_remote(name):
        if path.suffix or len(path.parts) > 1:
            return path
        near = nearest(name, (known.name for known in CATALOGUE))
        raise UnknownModelError(f"there is no file and no model {name}; the nearest is {near} (atlas models list)")
    found = _find(name, folder)
    if found is None:
        raise ModelNotPulledError(f"{name} is not here: run atlas models pull {name}")
    return found.path


def _looks_remote(name: str) -> bool:
    return name.count("/") >= 2 and name.endswith(".gguf") and not name.startswith(("/", ".", "~"))


def _find(name: str, folder: Path) -> Pulled | None:
    """Find what a pull of this name brings, or any quantisation in the catalogue where the name asks for none."""
    known = entry(name)
    if known is not None and ":" not in name and (here := pulled_of(folder, known)):
        return next(iter(here.values()))
    wanted = reference(name)
    return next((one for one in pulled_files(folder) if _is(one, wanted) and one.here), None)


def _is(one: Pulled, wanted: Reference) -> bool:
    """Whether a file is the wanted one, or the first part of it."""
    held = one.record
    same = whole_name(held.file).lower() == whole_name(wanted.file).lower()
    return held.repository == wanted.repository and same and is_first(held.file)


def sha256_of(path: Path, on_progress: Callable[[int], None] | None = None) -> str:
    """Return the SHA-256 of a file; `on_progress` is called with the bytes of each piece that was read."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            digest.update(piece)
            if on_progress is not None:
                on_progress(len(piece))
    return digest.hexdigest()


def fault(one: Pulled, on_progress: Callable[[int], None] | None = None) -> str:
    """Return what is wrong with a pulled file, or an empty text.

    Size, SHA-256 and header are checked, in this order: whole bytes are read only where the size is right.
    """
    if not one.path.is_file():
        return "the file is gone"
    size = one.path.stat().st_size
    if size != one.record.size:
        return f"it has {size} bytes, the hub said {one.record.size}"
    found = sha256_of(one.path, on_progress)
    if found != one.record.sha256:
        return f"its SHA-256 is {found[:12]}..., the hub said {one.record.sha256[:12]}..."
    if is_first(one.path.name):
        try:
            read_header(one.path)
        except ModelError as error:
            return str(error)
    return ""
