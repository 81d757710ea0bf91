"""Boxes made by bubblewrap: the fallback where no Docker engine answers.

Own user, mount, PID, network, IPC and UTS namespaces, no capability, our system-call filter, /usr read-only and three
small tmpfs; the same runner as PID 1 as in Docker. Started by root, bubblewrap runs as an unprivileged user, because
limits on the number of processes do not bind root. The interpreter comes from /usr: a home directory or a virtual
environment is never shown to a program.

Not covered: no cgroup bounds the box as a whole. Memory and CPU of all processes together are held by the runner's
watch (every 20 ms) over the limits of each process, so a program can overshoot for a moment.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from sandbox import science, seccomp
from sandbox.base import SandboxUnavailableError
from sandbox.boxed import BoxedSandbox
from sandbox.inside import (
    BUILD,
    BUILD_BYTES,
    INSIDE_FILES,
    RUNNER_ARGUMENTS,
    RUNNER_OPTIONS,
    SHM_BYTES,
    TMP_BYTES,
    USER_ID,
    WORK_BYTES,
)
from sandbox.languages import PYTHON, Language
from sandbox.process_box import ProcessBox
from sandbox.protocol import BoxDiedError, ask
from sandbox.python import system_python
from sandbox.questions import Terms
from sandbox.sweeping import FOLDER_PREFIX, mark_folder, sweep_folders

_NPROC = 48
_HELLO_S = 20.0
_NOTICE = "sandbox: bubblewrap, whose boxes no cgroup bounds as a whole"
_FIX = "install it with `apt-get install bubblewrap` (0.8 or newer), or start a Docker engine"


class Bubblewrap:
    """The command line of a box, and the files that it shows: built once, used for every box."""

    def __init__(self) -> None:
        """Copy the runner to where an unprivileged user can read it.

        Raises:
            SandboxUnavailableError: bubblewrap or the interpreter is missing, or the machine has no filter.
        """
        self._kind = seccomp.machine()
        bwrap = shutil.which("bwrap", path="/usr/local/bin:/usr/bin:/bin")
        if not bwrap:
            raise SandboxUnavailableError(f"bubblewrap is not installed: {_FIX}")
        self._bwrap = bwrap
        self._python = system_python()
        sweep_folders(Path(tempfile.gettempdir()))
        self._directory = tempfile.TemporaryDirectory(prefix=FOLDER_PREFIX)
        self.folder = f"{self._directory.name}/shown"
        try:
            mark_folder(Path(self._directory.name))
            self._copy_runner(Path(self.folder))
        except (OSError, subprocess.CalledProcessError) as error:
            self._directory.cleanup()
            reason = f"the runner cannot be copied to {self.folder} ({error}): free some disk, or set TMPDIR"
            raise SandboxUnavailableError(" ".join(reason.split())) from error

    def _copy_runner(self, directory: Path) -> None:
        package = directory / "sandbox"
        package.mkdir(parents=True)
        for name in INSIDE_FILES:
            shutil.copyfile(Path(__file__).parent / name, package / name)
        # Compiled once for all boxes; a test in function mode is three milliseconds faster.
        named = ("-s", str(directory), "-p", "/opt/sandbox")
        subprocess.run([self._python, "-I", "-m", "compileall", "-q", *named, package], check=True, cwd="/")
        for path in (directory.parent, directory, package, package / "__pycache__"):
            path.chmod(0o755)

    def make(self, language: Language = PYTHON) -> ProcessBox:
        """Return a new box whose runner has said hello.

        Raises:
            SandboxUnavailableError: bubblewrap refused, in its own words, or the language is not there.
        """
        if language.program and not Path(language.program).is_file():
            words = f"{language.name} needs {language.program}: `apt-get install {' '.join(language.packages)}`"
            raise SandboxUnavailableError(words)
        filter_fd = os.memfd_create("seccomp")
        try:
            os.write(filter_fd, seccomp.bpf_filter(self._kind))
            os.lseek(filter_fd, 0, os.SEEK_SET)
            box = ProcessBox(self._command(language, filter_fd), fds=(filter_fd,))
        finally:
            os.close(filter_fd)
        try:
            ask(box, {"kind": "hello"}, wait_s=_HELLO_S)
        except BoxDiedError as error:
            complaint = box.complaint() or str(error)
            box.close()
            raise SandboxUnavailableError(f"bubblewrap cannot make a box ({complaint}): {_FIX}") from error
        return box

    def close(self) -> None:
        """Remove the copied files."""
        self._directory.cleanup()

    def _shelf(self) -> Path:
        """Return the folder of the packages for scientific programs.

        Raises:
            SandboxUnavailableError: nobody has built it.
        """
        return science.find(science.version_of(self._python))

    def _command(self, language: Language, filter_fd: int) -> list[str]:
        compiles = bool(language.compile)
        building = ("--perms", "0700", "--size", str(BUILD_BYTES), "--tmpfs", BUILD) if compiles else ()
        shelf = ("--ro-bind", str(self._shelf()), language.shelf) if language.shelf else ()
        return [
            *(self._bwrap, "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent"),
            *("--new-session", "--as-pid-1", "--clearenv", "--cap-drop", "ALL", "--hostname", "sandbox"),
            *("--uid", str(USER_ID), "--gid", str(USER_ID)),
            *("--ro-bind", "/usr", "/usr", *_system_directories()),
            *("--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"),
            *("--ro-bind-try", "/etc/alternatives", "/etc/alternatives"),
            *("--proc", "/proc", "--dev", "/dev"),
            *("--size", str(SHM_BYTES), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"),
            *("--perms", "0700", "--size", str(WORK_BYTES), "--tmpfs", "/box"),
            *("--perms", "0700", "--size", str(TMP_BYTES), "--tmpfs", "/tmp"),
            *building,
            *shelf,
            *("--ro-bind", self.folder, "/opt/sandbox", "--remount-ro", "/"),
            *("--chdir", "/box", "--seccomp", str(filter_fd), "--"),
            *(self._python, *RUNNER_OPTIONS, *RUNNER_ARGUMENTS, *((BUILD,) if compiles else ())),
        ]


def open_bubblewrap(workers: int, notice: str = _NOTICE) -> BoxedSandbox:
    """Return a sandbox whose boxes bubblewrap makes; not yet self-tested.

    Raises:
        SandboxUnavailableError: something it needs is missing.
    """
    bubblewrap = Bubblewrap()
    return BoxedSandbox(
        "bubblewrap",
        bubblewrap.make,
        workers=workers,
        notice=notice,
        terms=Terms(rlimits={"NPROC": _NPROC}),
        on_close=bubblewrap.close,
    )


def _system_directories() -> list[str]:
    """Return the arguments that show /lib and the like as this machine has them."""
    arguments = []
    for path in (Path("/bin"), Path("/sbin"), Path("/lib"), Path("/lib64")):
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    return arguments
