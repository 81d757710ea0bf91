"""A base image without a registry: this machine's Python, its standard library and the libraries they load.

Other languages add their Debian packages as they are installed here, with all that these depend on.

Limits: no shell, no package manager, no time zones; of Python only what `ldd` finds is copied.
"""

from __future__ import annotations

import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from sandbox.base import SandboxUnavailableError
from sandbox.languages import Language
from sandbox.python import system_python

_LEFT_OUT = {"__pycache__", "test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip", "pydoc_data"}
_LEFT_OUT |= {"dist-packages", "site-packages"}
# Loaded by name while running, so that `ldd` does not show them: threads that end, and host names.
_LOADED_LATER = ("libgcc_s.so.1", "libnss_files.so.2")
_QUESTION = "import sys, sysconfig; print(sys.executable, sysconfig.get_paths()['stdlib'], sys.version.split()[0])"
_FIELD = "${db:Status-Status}\\t${Package}\\t${Provides}\\t${Pre-Depends}, ${Depends}\\n"
# What a compiler's packages depend on for installing themselves, or for tools that no program is compiled with.
_NOT_NEEDED = re.compile(
    r"python3|perl|debconf|dpkg|tar$|openssl|ca-certificates|lsb-|install-info|adduser|gcc-12-base"
)
_NO_PROGRAM = re.compile(r"/usr/share/(doc|man|info|locale|lintian|bug)/|/usr/lib/node_modules/(npm|corepack)/")
_LIBRARY = re.compile(r"(/\S+) \(0x")


def local_rootfs(language: Language) -> tuple[IO[bytes], str]:
    """Return a temporary tar file with the root file system (Python: 46 MB, two seconds), and Python's version.

    Raises:
        SandboxUnavailableError: there is no usable Python under /usr, or a package is not installed.
        OSError: the disk is full.
    """
    python = system_python()
    packaged = package_files(language) if language.packages else set()
    answer = subprocess.run([python, "-I", "-S", "-c", _QUESTION], check=True, capture_output=True, text=True)
    executable, library, version = answer.stdout.split()
    entries = {_place(path): path for path in packaged}
    entries |= {_place(path): path.resolve() for path in _files(Path(executable).resolve(), Path(library))}
    stream = tempfile.NamedTemporaryFile(suffix=".tar")  # noqa: SIM115 - the caller closes it
    try:
        _write(stream, entries, Path(executable))
        stream.flush()
    except OSError:
        # What is still in its buffer cannot be written now either.
        with suppress(OSError):
            stream.close()
        raise
    return stream, version


def _write(stream: IO[bytes], entries: dict[str, Path], executable: Path) -> None:
    with tarfile.open(fileobj=stream, mode="w") as archive:
        _add_links(archive, executable)
        for place, path in sorted(entries.items()):
            archive.add(path, arcname=place, recursive=False)
        _add_text(archive, "etc/passwd", "sandbox:x:65532:65532::/box:/bin/false\n")
        _add_text(archive, "etc/group", "sandbox:x:65532:\n")


def _place(path: Path) -> str:
    """Return where a file goes: under its real folder, since /lib and /bin are links."""
    return str(path.parent.resolve() / path.name)


def _files(executable: Path, library: Path) -> Iterator[Path]:
    found = {executable}
    for path in library.rglob("*"):
        parts = path.relative_to(library).parts
        if path.is_file() and not _LEFT_OUT & set(parts) and not parts[0].startswith("config-"):
            found.add(path)
    loaded = _closure([executable, *(path for path in found if path.suffix == ".so")])
    extra = [folder / name for folder in {path.parent for path in loaded} for name in _LOADED_LATER]
    yield from found | loaded | {path for path in extra if path.is_file()}


def package_files(language: Language) -> set[Path]:
    """Return the files and links of a language's Debian packages and of all that they depend on.

    Raises:
        SandboxUnavailableError: a package is not installed here.
    """
    try:
        answer = subprocess.run(["dpkg-query", "-W", "-f", _FIELD], check=True, capture_output=True, text=True)
        depends, installed = _dependencies(answer.stdout)
        if missing := [name for name in language.packages if name not in depends]:
            words = f"{language.name} needs packages that are not installed here: `apt-get install {' '.join(missing)}`"
            raise SandboxUnavailableError(words)
        names = _all_needed(language.packages, depends) & installed
        answer = subprocess.run(["dpkg-query", "-L", *sorted(names)], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        words = f"the packages of {language.name} cannot be read ({error}): take `--base registry`"
        raise SandboxUnavailableError(words) from error
    paths = {Path(line) for line in answer.stdout.splitlines() if line.startswith("/") and not _NO_PROGRAM.match(line)}
    # A package that was made before /bin became a link still lists it; the links at the root are added by themselves.
    return {path for path in paths if len(path.parts) > 2 and (path.is_symlink() or path.is_file())}


def _dependencies(listing: str) -> tuple[dict[str, set[str]], set[str]]:
    """Return what each installed package, and each name that one provides, needs; and the installed packages."""
    depends: dict[str, set[str]] = {}
    packages = set()
    for line in listing.splitlines():
        status, name, provides, needs = line.split("\t")
        if status == "installed":
            wanted = _names(needs)
            packages.add(name)
            depends[name] = depends.get(name, set()) | wanted
            for provided in _names(provides):
                depends.setdefault(provided, set()).add(name)
    return depends, packages


def _names(relation: str) -> set[str]:
    return {word.strip().split(" ")[0].split(":")[0] for word in re.split(r"[,|]", relation) if word.strip()}


def _all_needed(wanted: tuple[str, ...], depends: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name not in found and name in depends and not _NOT_NEEDED.match(name):
            found.add(name)
            waiting += depends[name]
    return found


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
