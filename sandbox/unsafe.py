"""`unsafe-no-isolation`: the runner as a plain process of this machine. Nothing is isolated.

For machines that have neither Docker nor bubblewrap and hold nothing of worth, such as a container that is thrown away.
A program can read and write all that its user can, use the network, outlive its test and reach the host's processes.
Limits of CPU time, memory, output and files still hold for a program that does not mean harm. Never chosen by `auto`,
never taken from a settings file, named in every report.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from sandbox.base import UNSAFE, SandboxUnavailableError
from sandbox.boxed import BoxedSandbox
from sandbox.inside import INSIDE_FILES, USER_ID
from sandbox.languages import PYTHON, Language
from sandbox.process_box import ProcessBox
from sandbox.protocol import BoxDiedError, ask
from sandbox.python import system_python
from sandbox.sweeping import FOLDER_PREFIX, mark_folder

_NOTICE = (
    "sandbox: UNSAFE, NO ISOLATION: model-written programs run as plain processes of this machine, with its files and "
    "its network"
)
_START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from sandbox.runner import main; main(sys.argv[1:])"
_HELLO_S = 20.0


class Unsafe:
    """Where the runner lies; each box gets a folder of its own beside it."""

    def __init__(self) -> None:
        self._python = system_python()
        self._directory = tempfile.TemporaryDirectory(prefix=FOLDER_PREFIX, ignore_cleanup_errors=True)
        self._root = Path(self._directory.name)
        mark_folder(self._root)
        package = self._root / "sandbox"
        for name in INSIDE_FILES:
            (package / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path(__file__).parent / name, package / name)
        for path in (self._root, *(path for path in self._root.rglob("*") if path.is_dir())):
            path.chmod(0o755)

    def make(self, language: Language = PYTHON) -> ProcessBox:
        """Return a new runner in a new folder; what needs /build finds no place here.

        Raises:
            SandboxUnavailableError: the runner does not start, or the language needs more than an interpreter.
        """
        if language.compile:
            raise SandboxUnavailableError(f"{UNSAFE} runs no compiled languages: use Docker or bubblewrap")
        if language.shelf:
            raise SandboxUnavailableError(f"{UNSAFE} has no packages for {language.name}: use Docker or bubblewrap")
        folder = Path(tempfile.mkdtemp(dir=self._root))
        wiped = [folder / name for name in ("box", "tmp")]
        for path in (folder, *wiped):
            path.mkdir(exist_ok=True)
            if os.geteuid() == 0:
                os.chown(path, USER_ID, USER_ID)
        harness = self._root / "sandbox" / "harness.py"
        start = [self._python, "-I", "-S", "-B", "-c", _START, str(self._root), str(harness), *map(str, wiped)]
        box = ProcessBox(start, cwd=str(wiped[0]), on_close=lambda: shutil.rmtree(folder, ignore_errors=True))
        try:
            ask(box, {"kind": "hello"}, wait_s=_HELLO_S)
        except BoxDiedError as error:
            complaint = box.complaint() or str(error)
            box.close()
            raise SandboxUnavailableError(f"the runner does not start ({complaint}): run `atlas doctor`") from error
        return box

    def close(self) -> None:
        """Remove the folder."""
        self._directory.cleanup()


def open_unsafe(workers: int) -> BoxedSandbox:
    """Return a sandbox that is none; see this module.

    Raises:
        SandboxUnavailableError: there is no interpreter under /usr.
    """
    unsafe = Unsafe()
    return BoxedSandbox(UNSAFE, unsafe.make, workers=workers, notice=_NOTICE, on_close=unsafe.close)
