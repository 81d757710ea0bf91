"""A base image without a registry: this machine's Python, its standard library and the libraries they load.

Limits: no shell, no package manager, no time zones; only what `ldd` finds is copied.
"""

from __future__ import annotations

import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from sandbox.python import system_python

_LEFT_OUT = {"__pycache__", "test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip", "pydoc_data"}
_LEFT_OUT |= {"dist-packages", "site-packages"}
# Loaded by name while running, so that `ldd` does not show them: threads that end, and host names.
_LOADED_LATER = ("libgcc_s.so.1", "libnss_files.so.2")
_QUESTION = "import sys, sysconfig; print(sys.executable, sysconfig.get_paths()['stdlib'], sys.version.split()[0])"
_LIBRARY = re.compile(r"(/\S+) \(0x")


def local_rootfs() -> tuple[IO[bytes], str]:
    """Return a temporary tar file with the root file system (46 MB, two seconds), and Python's version.

    Raises:
        SandboxUnavailableError: there is no usable Python under /usr.
    """
    python = system_python()
    answer = subprocess.run([python, "-I", "-S", "-c", _QUESTION], check=True, capture_output=True, text=True)
    executable, library, version = answer.stdout.split()
    stream = tempfile.NamedTemporaryFile(suffix=".tar")  # noqa: SIM115 - the caller closes it
    with tarfile.open(fileobj=stream, mode="w") as archive:
        _add_links(archive, Path(executable))
        for path in sorted(_files(Path(executable).resolve(), Path(library))):
            archive.add(path.resolve(), arcname=str(path.parent.resolve() / path.name))
        _add_text(archive, "etc/passwd", "sandbox:x:65532:65532::/box:/bin/false\n")
        _add_text(archive, "etc/group", "sandbox:x:65532:\n")
    stream.flush()
    return stream, version


def _files(executable: Path, library: Path) -> Iterator[Path]:
    found = {executable}
    for path in library.rglob("*"):
        parts = path.relative_to(library).parts
        if path.is_file() and not _LEFT_OUT & set(parts) and not parts[0].startswith("config-"):
            found.add(path)
    loaded = _closure([executable, *(path for path in found if path.suffix == ".so")])
    extra = [folder / name for folder in {path.parent for path in loaded} for name in _LOADED_LATER]
    yield from found | loaded | {path for path in extra if path.is_file()}


def _closure(binaries: list[Path]) -> set[Path]:
    answer = subprocess.run(["ldd", *map(str, binaries)], check=False, capture_output=True, text=True)
    return {Path(name) for name in _LIBRARY.findall(answer.stdout)}


def _add_links(archive: tarfile.TarFile, executable: Path) -> None:
    for name in ("bin", "sbin", "lib", "lib64"):
        if (path := Path("/") / name).is_symlink():
            _add_link(archive, name, str(path.readlink()))
    if executable.name != "python3" or executable.is_symlink():
        _add_link(archive, "usr/bin/python3", str(executable.resolve()))


def _add_link(archive: tarfile.TarFile, name: str, target: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    archive.addfile(entry)


def _add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    with tempfile.NamedTemporaryFile("w") as stream:
        stream.write(text)
        stream.flush()
        archive.add(stream.name, arcname=name)
