"""Python packages for scientific programs: a folder of its own that boxes show read-only, if somebody asked for it.

`python -m sandbox.science` downloads what image/science.lock pins, by hash, as wheels: NumPy, SciPy, SymPy, Matplotlib
and what these need. Programs of the language `python-science` see this folder and nothing else of the machine's own
packages; other programs do not see it.

Limits: compiled code runs in the box like any program, under the same walls. SciPy is older where Python is older than
3.13, since published programs import names that it has dropped.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from sandbox.base import SandboxUnavailableError
from sandbox.python import system_python

LOCK = Path(__file__).parent / "image" / "science.lock"
BUILD_COMMAND = "make science"
_SYSTEM_CACHE = Path("/var/cache/atlas")
_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


def version_of(python: str) -> str:
    """Return the version of an interpreter that packages are made for, such as `3.11`."""
    return subprocess.run(
        [python, "-I", "-S", "-c", _VERSION], check=True, capture_output=True, text=True
    ).stdout.strip()


def folder(version: str) -> Path:
    """Return where the packages for a version of Python lie, or will lie.

    Root's boxes run as another user, who cannot look into root's home.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "atlas"
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    return (_SYSTEM_CACHE if os.geteuid() == 0 else home) / f"science-{digest}-{version}"


def find(version: str) -> Path:
    """Return the folder with the packages for a version of Python.

    Raises:
        SandboxUnavailableError: nobody has built it.
    """
    path = folder(version)
    if not path.is_dir():
        words = f"the packages for scientific programs are not there for Python {version}: run `{BUILD_COMMAND}`"
        raise SandboxUnavailableError(words)
    return path


def build(version: str) -> Path:
    """Download the packages unless they are there, and return their folder; nobody ever sees half of one.

    Raises:
        SandboxUnavailableError: a download fails, has another hash, or the disk is full; one line says why.
    """
    path = folder(version)
    if path.is_dir():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f"{path.name}-", dir=path.parent))
    except OSError as error:
        raise SandboxUnavailableError(f"{path} cannot be made ({error})") from error
    try:
        _install(version, partial)
        partial.chmod(0o755)
        partial.rename(path)
    except OSError as error:
        raise SandboxUnavailableError(f"{path} cannot be filled ({error}): run `{BUILD_COMMAND}` again") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return path


def _install(version: str, target: Path) -> None:
    wheels = ("--only-binary", ":all:", "--implementation", "cp", "--python-version", version)
    # All that is needed stands in the lock, so that nothing is to be resolved.
    asked = ("--quiet", "--no-deps", "--no-compile", "--require-hashes", "--requirement", str(LOCK))
    command = [sys.executable, "-m", "pip", "install", *asked, *wheels, "--target", str(target)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        words = " ".join((done.stderr.strip() or "pip is missing").splitlines()[-1].split())[-300:]
        raise SandboxUnavailableError(f"the packages for scientific programs cannot be downloaded: {words}")
    if version_of(python := system_python()) == version:
        # Boxes cannot write: without this they would compile SciPy anew in each.
        subprocess.run([python, "-I", "-m", "compileall", "-q", str(target)], check=False, capture_output=True)


def main() -> int:
    """Build the folder for this machine's boxes and print its path; return the exit code."""
    try:
        sys.stdout.write(f"{build(version_of(system_python()))}\n")
    except SandboxUnavailableError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
