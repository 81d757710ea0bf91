"""Read the header of a GGUF file without trusting it, before llama.cpp sees the file.

llama.cpp ends the whole process on some broken files (an assertion, not an error), so what can be known from the header
is checked here: magic, version, sizes, the type of every field, duplicate token texts, and that each tensor's bytes lie
inside the file. Every count is bounded, and every read is checked against the file's end.

Limits: a file that was built to attack llama.cpp's own parser is not stopped by this; it guards against files that are
truncated, mislabelled or damaged. Of a model in several files only the first is checked. Of arrays the vocabulary and
short lists of numbers (one per layer, say) are kept, the others are measured.
"""

from __future__ import annotations

import hashlib
import mmap
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, LlamaFileType

from inference.base import ModelError

Value = str | int | float | bool

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_SCALARS = {0: "B", 1: "b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9
_KEPT_ARRAYS = ("tokenizer.ggml.tokens", "tokenizer.ggml.token_type")
_MOST_ENTRIES = 65_536
_MOST_ELEMENTS = 1 << 24
_MOST_NAME_BYTES = 4_096
_MOST_STRING_BYTES = 1 << 22
_MOST_KEPT_NUMBERS = 1_024
_MOST_BLOCKS = 1_024
_SAMPLE_BYTES = 1 << 20


class BrokenModelFileError(ModelError):
    """The file is no usable GGUF model."""


class HeaderGoesOnError(ModelError):
    """The header does not end within the bytes that are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """One array of weights, as the header describes it."""

    offset: int
    """Where it starts, in bytes after the header."""
    size: int
    """Bytes in the file."""
    elements: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufHeader:
    """What a GGUF file says about itself."""

    metadata: Mapping[str, Value]
    """Keys with scalar or string values."""
    tokens: tuple[bytes, ...]
    """Vocabulary, in llama.cpp's spelling (byte-level or with a space mark), as raw UTF-8."""
    token_types: tuple[int, ...]
    """One per token: 1 normal, 3 control, 4 user-defined, 6 byte; empty when the file has none."""
    lists: Mapping[str, tuple[Value, ...]]
    """Keys with short arrays of numbers."""
    tensors: Mapping[str, Tensor]
    """By name."""
    fingerprint: str
    """SHA-256 over the header, the file's size and the first and last MiB of its tensors; hashing all of a 9 GB file
    at every start would cost longer than the answer. Empty where only the header is known."""

    @property
    def parameters(self) -> int:
        """Elements of all tensors."""
        return sum(tensor.elements for tensor in self.tensors.values())

    @property
    def architecture(self) -> str:
        """Name of the architecture, such as `qwen3`."""
        return self.text("general.architecture")

    @property
    def context_length(self) -> int:
        """Longest context the model was trained for, in tokens; 0 when the file does not say."""
        return self.number(f"{self.architecture}.context_length")

    @property
    def file_type(self) -> str:
        """Name of the quantisation, such as `MOSTLY_Q4_K_M`; `unknown` when the file does not say."""
        value = self.number("general.file_type", -1)
        return LlamaFileType(value).name if value in set(LlamaFileType) else "unknown"

    def text(self, key: str, default: str = "") -> str:
        """Return a string value; the default when the key is absent or of another type."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else default

    def number(self, key: str, default: int = 0) -> int:
        """Return an integer value; the default when the key is absent or of another type."""
        value = self.metadata.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else default


def read_header(path: Path) -> GgufHeader:
    """Read and check a GGUF file's header; the tensors are not read.

    Raises:
        BrokenModelFileError: the file cannot be read, is no GGUF file, is damaged, or would abort llama.cpp.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise BrokenModelFileError(f"model file {path} {what}: give the path of a .gguf file")
    try:
        with path.open("rb") as file:
            _check_magic(path, file.read(8))
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _Reader(path, data, len(data)).header()
    except OSError as error:
        raise BrokenModelFileError(f"model file {path} cannot be read: {error.strerror or error}") from error


def read_start(name: str, start: bytes, size: int) -> GgufHeader:
    """Read and check the header of a file of `size` bytes of which only the first ones are known.

    Raises:
        HeaderGoesOnError: more of the file is needed.
        BrokenModelFileError: as for `read_header`.
    """
    path = Path(name)
    _check_magic(path, start[:8])
    return _Reader(path, start, size).header()


def _check_magic(path: Path, start: bytes) -> None:
    if not start:
        raise BrokenModelFileError(f"model file {path} is empty: download it again")
    if len(start) < 8 or start[:4] != _MAGIC:
        raise BrokenModelFileError(f"model file {path} is not a GGUF file: convert the model to GGUF or pick another")
    version = int.from_bytes(start[4:8], "little")
    if version not in _VERSIONS:
        raise BrokenModelFileError(
            f"model file {path} has GGUF version {version}, readable are {_VERSIONS}: convert it again"
        )


class _Reader:
    """A cursor over a file, of which the beginning may be all that is there; every step is checked against its end."""

    def __init__(self, path: Path, data: mmap.mmap | bytes, size: int) -> None:
        self._path = path
        self._data = data
        self._size = size
        self._at = len(_MAGIC) + 4

    def header(self) -> GgufHeader:
        """Return the header of the whole file."""
        count = self._bounded(self._scalar("<Q"), _MOST_ENTRIES, "tensors")
        entries = self._bounded(self._scalar("<Q"), _MOST_ENTRIES, "metadata entries")
        metadata, arrays, lengths = self._metadata(entries)
        tensors = self._tensors(count, metadata.get("general.alignment", 32))
        tokens = tuple(value for value in arrays.get(_KEPT_ARRAYS[0], ()) if isinstance(value, bytes))
        types = tuple(value for value in arrays.get(_KEPT_ARRAYS[1], ()) if isinstance(value, int))
        self._check_vocabulary(tokens, lengths)
        architecture = metadata.get("general.architecture")
        if not isinstance(architecture, str):
            raise self._broken("names no architecture")
        blocks = metadata.get(f"{architecture}.block_count")
        self._bounded(blocks if isinstance(blocks, int) else 0, _MOST_BLOCKS, "blocks")
        return GgufHeader(
            metadata=metadata,
            tokens=tokens,
            token_types=types if len(types) == len(tokens) else (),
            lists={
                key: tuple(value for value in values if not isinstance(value, bytes))
                for key, values in arrays.items()
                if key not in _KEPT_ARRAYS and values
            },
            tensors=tensors,
            fingerprint=self._fingerprint(),
        )

    def _metadata(self, entries: int) -> tuple[dict[str, Value], dict[str, list[Value | bytes]], dict[str, int]]:
        metadata: dict[str, Value] = {}
        arrays: dict[str, list[Value | bytes]] = {}
        lengths: dict[str, int] = {}
        for _ in range(entries):
            key = self._string(_MOST_NAME_BYTES).decode("utf-8", "replace")
            kind = self._scalar("<I")
            if kind == _ARRAY:
                arrays[key], lengths[key] = self._array(keep=key in _KEPT_ARRAYS)
            elif kind == _STRING:
                metadata[key] = self._string(_MOST_STRING_BYTES).decode("utf-8", "replace")
            else:
                metadata[key] = self._value(kind)
        return metadata, arrays, lengths

    def _array(self, *, keep: bool) -> tuple[list[Value | bytes], int]:
        kind = self._scalar("<I")
        count = self._bounded(self._scalar("<Q"), _MOST_ELEMENTS, "array elements")
        if kind == _STRING:
            strings = [text for text in self._strings(count) if keep]
            return list(strings), count
        if kind not in _SCALARS:
            raise self._broken(f"has an array of unknown type {kind}")
        code = _SCALARS[kind].removeprefix("<")
        start = self._skip(count * struct.calcsize(f"<{code}"))
        keep = keep or count <= _MOST_KEPT_NUMBERS
        return (list(struct.unpack_from(f"<{count}{code}", self._data, start)) if keep else []), count

    def _strings(self, count: int) -> Iterator[bytes]:
        for _ in range(count):
            yield self._string(_MOST_STRING_BYTES)

    def _tensors(self, count: int, alignment: Value) -> dict[str, Tensor]:
        if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1):
            raise self._broken(f"has a bad alignment {alignment!r}")
        tensors = dict(self._tensor() for _ in range(count))
        if len(tensors) != count:
            raise self._broken("has two tensors of the same name")
        self._tensor_start = -(-self._at // alignment) * alignment
        end = max((self._tensor_start + tensor.offset + tensor.size for tensor in tensors.values()), default=0)
        if end > self._size:
            raise BrokenModelFileError(
                f"model file {self._path} is truncated: {self._size} of at least {end} bytes; download it again"
            )
        return tensors

    def _tensor(self) -> tuple[str, Tensor]:
        name = self._string(_MOST_NAME_BYTES).decode("utf-8", "replace")
        shape = [self._scalar("<Q") for _ in range(self._bounded(self._scalar("<I"), 4, "dimensions"))]
        kind, offset = self._scalar("<I"), self._scalar("<Q")
        if kind not in set(GGMLQuantizationType):
            raise self._broken(f"has a tensor of unknown type {kind}")
        block, block_bytes = GGML_QUANT_SIZES[GGMLQuantizationType(kind)]
        elements = prod(shape)
        if shape and shape[0] % block:
            raise self._broken(f"has a row of {shape[0]} elements that blocks of {block} do not divide")
        return name, Tensor(offset=offset, size=elements // block * block_bytes, elements=elements)

    def _check_vocabulary(self, tokens: tuple[bytes, ...], lengths: Mapping[str, int]) -> None:
        if len(set(tokens)) != len(tokens):
            raise self._broken("has the same token text twice")
        for key in ("tokenizer.ggml.token_type", "tokenizer.ggml.scores"):
            if lengths.get(key, len(tokens)) != len(tokens):
                raise self._broken(f"has {len(tokens)} tokens and {lengths[key]} entries of {key}")

    def _fingerprint(self) -> str:
        if len(self._data) < self._size:
            return ""
        digest = hashlib.sha256(self._data[: self._at])
        digest.update(struct.pack("<Q", self._size))
        digest.update(self._data[self._tensor_start : self._tensor_start + _SAMPLE_BYTES])
        digest.update(self._data[max(self._tensor_start, self._size - _SAMPLE_BYTES) :])
        return digest.hexdigest()

    def _value(self, kind: int) -> Value:
        if kind not in _SCALARS:
            raise self._broken(f"has a value of unknown type {kind}")
        code = _SCALARS[kind]
        value: Value = struct.unpack_from(code, self._data, self._skip(struct.calcsize(code)))[0]
        return value

    def _scalar(self, code: str) -> int:
        number: int = struct.unpack_from(code, self._data, self._skip(struct.calcsize(code)))[0]
        return number

    def _string(self, most: int) -> bytes:
        length = self._bounded(self._scalar("<Q"), most, "bytes in a string")
        start = self._skip(length)
        return self._data[start : start + length]

    def _skip(self, length: int) -> int:
        """Move on by `length` bytes and return where they start."""
        start = self._at
        if length > self._size - start:
            raise BrokenModelFileError(
                f"model file {self._path} is truncated: its header ends at byte {self._size}; download it again"
            )
        if length > len(self._data) - start:
            raise HeaderGoesOnError(f"the header of {self._path} goes on after byte {len(self._data)}")
        self._at = start + length
        return start

    def _bounded(self, count: int, most: int, what: str) -> int:
        if count > most:
            raise self._broken(f"claims {count} {what}, at most {most} are accepted")
        return count

    def _broken(self, what: str) -> BrokenModelFileError:
        return BrokenModelFileError(f"model file {self._path} is damaged: it {what}; download or convert it again")
