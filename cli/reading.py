"""Find the text of the problem: an argument, a file, or standard input."""

from __future__ import annotations

import sys
from pathlib import Path

from cli.exits import UsageError

FILE_ENDINGS = {".md", ".markdown", ".txt"}
MOST_BYTES = 4_000_000


def problem_source(argument: str | None, *, stdin: bool) -> str:
    """Return the text of the problem.

    Args:
        argument: a problem in words, or the path of a file.
        stdin: read standard input instead.

    Raises:
        UsageError: there is no text or there are two, or the file cannot be read.
    """
    if stdin == (argument is not None):
        raise UsageError("give a problem as text, as a file such as problem.md, or on standard input with --stdin")
    if argument is None:
        return _decoded(sys.stdin.buffer.read(MOST_BYTES + 1), "standard input")
    path = _as_path(argument)
    return argument if path is None else _decoded(_bytes_of(path), str(path))


def _as_path(argument: str) -> Path | None:
    """Return the path that an argument names; None when it is a problem in words."""
    if not argument.strip() or "\n" in argument or len(argument) > 1000 or "\0" in argument:
        return None
    path = Path(argument)
    looks_like_file = path.suffix.lower() in FILE_ENDINGS and not any(c.isspace() for c in argument)
    return path if looks_like_file or path.exists() else None


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error


def _decoded(content: bytes, name: str) -> str:
    if len(content) > MOST_BYTES:
        raise UsageError(f"{name}: longer than {MOST_BYTES} bytes, which is no problem statement")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: is not UTF-8 text (byte {error.start})") from error
