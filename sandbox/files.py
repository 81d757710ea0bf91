"""Runs inside the box: the files of one program, written before each test and wiped after it.

Limits: standard library only; no link is followed, since a program may have left one.
"""

# Every box pays for the import of pathlib.
# ruff: noqa: PTH108, PTH123

import os
import stat

_BRIEFLY = ".input"
_WIPE_DEPTH = 64
_MOST_ARTIFACT = 64 << 20


def wipe(directory: int, depth: int = 0) -> bool:
    """Empty an open directory without following a link; return True when nothing is left in it."""
    clean = True
    for name in os.listdir(directory):
        try:
            if stat.S_ISDIR(os.lstat(name, dir_fd=directory).st_mode):
                clean = _wipe_inner(name, directory, depth) and clean
            else:
                os.unlink(name, dir_fd=directory)
        except OSError:
            clean = False
    return clean


def _wipe_inner(name: str, directory: int, depth: int) -> bool:
    if depth >= _WIPE_DEPTH:
        return False
    os.chmod(name, 0o700, dir_fd=directory)
    inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        clean = wipe(inner, depth + 1)
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=directory)
    return clean


def write_anew(files: dict[str, bytes]) -> None:
    """Write what a program consists of, since the last test may have changed it."""
    for path, data in files.items():
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o700)
        with open(fd, "wb") as stream:
            stream.write(data)


def read_artifact(path: str) -> bytes:
    """Return what a compiler made, or nothing when it is no plain file or too large."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    with open(fd, "rb") as stream:
        seen = os.fstat(fd)
        return stream.read() if stat.S_ISREG(seen.st_mode) and seen.st_size <= _MOST_ARTIFACT else b""


def unnamed() -> int:
    """Return a new open file without a name in the working directory."""
    try:
        return os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:
        # gVisor makes no file without a name.
        fd = os.open(_BRIEFLY, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        os.unlink(_BRIEFLY)
        return fd
