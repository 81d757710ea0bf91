"""Boxes made by bubblewrap: the fallback where no Docker engine answers.

Two layers. Bubblewrap is the outer one, started once for each language: own user, mount, PID, network, IPC and UTS
namespaces, of the host's files /usr alone and read-only. In it sandbox/maker.py forks a box for each program, in
namespaces of its own once more, without a capability and under our system-call filter. Started by root, bubblewrap runs
as an unprivileged user. The interpreter comes from /usr: a home directory or a virtual environment is never shown.

Memory and processor time of a whole box are bounded and accounted for by a control group where one can be had, else
watched by the runner (every 20 ms) over the limits of each process; the notice and `exact` say which of the two it is.
"""

from __future__ import annotations

import os
import shutil
import threading
from functools import partial
from pathlib import Path

from sandbox import science, seccomp
from sandbox.base import Limits, SandboxUnavailableError
from sandbox.boxed import BoxedSandbox
from sandbox.cgroups import Groups, find_home
from sandbox.inside import (
    BUILD,
    BUILD_BYTES,
    HIDDEN_FILES,
    HIDDEN_FOLDERS,
    INSIDE_FILES,
    MB,
    RUNNER_ARGUMENTS,
    SHM_BYTES,
    TMP_BYTES,
    USER_ID,
    WORK_BYTES,
    box_memory,
)
from sandbox.languages import PYTHON, Language
from sandbox.nest import Nest
from sandbox.nested_box import NestedBox
from sandbox.protocol import BoxDiedError, ask
from sandbox.python import system_python
from sandbox.questions import Terms
from sandbox.seccomp import Watching

_NPROC = 48
_HELLO_S = 20.0
_START = "import sys; sys.path[:0] = '/opt/sandbox', '/opt/maker'; from maker import main; main(sys.argv[1:])"
_FIX = "install it with `apt-get install bubblewrap` (0.8 or newer), or start a Docker engine"


class Bubblewrap:
    """The command line of bubblewrap, and what runs in it: one maker for each language that was asked for."""

    def __init__(self, *, grouped: bool = True) -> None:
        """Find what is needed; nothing is started yet.

        Args:
            grouped: whether to look for control groups; without, the limits of a box are watched.

        Raises:
            SandboxUnavailableError: bubblewrap or the interpreter is missing, or the machine has no filter.
        """
        kind = seccomp.machine()
        bwrap = shutil.which("bwrap", path="/usr/local/bin:/usr/bin:/bin")
        if not bwrap:
            raise SandboxUnavailableError(f"bubblewrap is not installed: {_FIX}")
        self._bwrap = bwrap
        self._python = system_python()
        home = find_home() if grouped else None
        self._groups = Groups(home) if home else None
        self._filters = {watched: seccomp.bpf_filter(kind, watched=watched) for watched in seccomp.WATCHED}
        self._nests: dict[str, Nest] = {}
        self._lock = threading.Lock()
        self._closed = False

    @property
    def exact(self) -> bool:
        """Whether the kernel bounds the memory of a whole box and counts its processor time."""
        return self._groups is not None

    @property
    def notes(self) -> str:
        """Say in a few words what holds the limits of a whole box."""
        if self._groups:
            return f"memory and CPU time of a box by cgroup v{self._groups.version}"
        return "memory and CPU time of a box watched, since no cgroup can be had"

    def make(self, language: Language = PYTHON) -> NestedBox:
        """Return a new box whose runner has said hello.

        Raises:
            SandboxUnavailableError: bubblewrap refused, in its own words, the language is not there, or this is closed.
        """
        if language.program and not Path(language.program).is_file():
            words = f"{language.name} needs {language.program}: `apt-get install {' '.join(language.packages)}`"
            raise SandboxUnavailableError(words)
        nest = self._nest(language)
        room = partial(box_memory, builds=bool(language.compile))
        box = nest.make(_request(language), room, Limits().memory_mb * MB)
        try:
            ask(box, {"kind": "hello"}, wait_s=_HELLO_S)
        except BoxDiedError as error:
            complaint = nest.complaint() or str(error)
            box.close()
            raise SandboxUnavailableError(f"bubblewrap cannot make a box ({complaint}): {_FIX}") from error
        return box

    def close(self) -> None:
        """End every box."""
        with self._lock:
            self._closed = True
            nests, self._nests = self._nests, {}
        for nest in nests.values():
            nest.close()
        if self._groups:
            self._groups.close()

    def _nest(self, language: Language) -> Nest:
        shelf = str(self._shelf()) if language.shelf else ""
        with self._lock:
            if self._closed:
                raise SandboxUnavailableError("this sandbox is closed")
            if language.name not in self._nests:
                # What a parent does with its children's end is the business of these runtimes.
                watched: Watching = "" if self.exact else "strictly" if language.address_space else "loosely"
                steps = self._filters[watched]
                self._nests[language.name] = Nest(partial(self._command, language, shelf), steps, self._groups)
            return self._nests[language.name]

    def _shelf(self) -> Path:
        """Return the folder of the packages for scientific programs.

        Raises:
            SandboxUnavailableError: nobody has built it.
        """
        return science.find(science.version_of(self._python))

    def _command(self, language: Language, shelf: str, door: int, steps: int, shown: list[int]) -> list[str]:
        build = ("--dir", BUILD) if language.compile else ()
        # Mapped for all to see, this device is shared memory that nobody counts.
        no_zeros = () if self.exact else ("--ro-bind", "/dev/null", "/dev/zero")
        return [
            *(self._bwrap, "--unshare-all", "--unshare-user", "--die-with-parent"),
            *("--new-session", "--as-pid-1", "--clearenv", "--cap-add", "ALL", "--hostname", "sandbox"),
            *("--uid", str(USER_ID), "--gid", str(USER_ID)),
            *("--ro-bind", "/usr", "/usr", *_system_directories()),
            *("--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"),
            *("--ro-bind-try", "/etc/alternatives", "/etc/alternatives"),
            *("--proc", "/proc", "--dev", "/dev", *no_zeros, "--remount-ro", "/dev"),
            *("--dir", "/box", "--dir", "/tmp", *build),
            *(("--ro-bind", shelf, language.shelf) if shelf else ()),
            *_own_files(shown),
            *("--chdir", "/", "--"),
            *(self._python, "-I", "-S", "-B", "-c", _START, str(door), str(steps), RUNNER_ARGUMENTS[0]),
        ]


def open_bubblewrap(workers: int, why: str = "", *, grouped: bool = True) -> BoxedSandbox:
    """Return a sandbox whose boxes bubblewrap makes; not yet self-tested.

    Args:
        workers: programs that may run at the same time.
        why: what the notice gives as the reason.
        grouped: whether to look for control groups.

    Raises:
        SandboxUnavailableError: something it needs is missing.
    """
    bubblewrap = Bubblewrap(grouped=grouped)
    return BoxedSandbox(
        "bubblewrap" if bubblewrap.exact else "bubblewrap+watched",
        bubblewrap.make,
        workers=workers,
        notice=f"sandbox: bubblewrap ({bubblewrap.notes}){why}",
        terms=Terms(rlimits={"NPROC": _NPROC}, exact=lambda: bubblewrap.exact),
        on_close=bubblewrap.close,
    )


def _request(language: Language) -> dict[str, object]:
    """Return what sandbox/maker.py is asked for."""
    built = [(BUILD, BUILD_BYTES, True)] if language.compile else []
    return {
        "tmpfs": [("/box", WORK_BYTES, False), ("/tmp", TMP_BYTES, False), ("/dev/shm", SHM_BYTES, False), *built],
        "arguments": [*RUNNER_ARGUMENTS, *((BUILD,) if built else ())],
        "hidden_files": HIDDEN_FILES,
        "hidden_folders": HIDDEN_FOLDERS,
    }


def _own_files(shown: list[int]) -> list[str]:
    """Return the arguments that write the runner's files into the maker's own memory: no folder is left behind."""
    arguments = []
    places = {name: f"/opt/sandbox/sandbox/{name}" for name in INSIDE_FILES} | {"maker.py": "/opt/maker/maker.py"}
    for name, place in places.items():
        fd = os.memfd_create(name)
        os.write(fd, (Path(__file__).parent / name).read_bytes())
        os.lseek(fd, 0, os.SEEK_SET)
        shown.append(fd)
        arguments += ["--perms", "0444", "--file", str(fd), place]
    return arguments


def _system_directories() -> list[str]:
    """Return the arguments that show /lib and the like as this machine has them."""
    arguments = []
    for path in (Path("/bin"), Path("/sbin"), Path("/lib"), Path("/lib64")):
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    return arguments
