"""Choose the back end: Docker where its preflight passes, else bubblewrap, else nothing at all.

Running without a sandbox is a choice of its own with a name that says so; nothing else leads to it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from sandbox.base import UNSAFE, SandboxChoice, SandboxUnavailableError
from sandbox.boxed import BoxedSandbox
from sandbox.bubblewrap import open_bubblewrap
from sandbox.docker import open_docker
from sandbox.selftest import self_test
from sandbox.sweeping import sweep_folders
from sandbox.unsafe import open_unsafe


def open_sandbox(choice: SandboxChoice = "auto", *, workers: int = 2, runtime: str = "") -> BoxedSandbox:
    """Return a sandbox that has passed its self-test in a real box.

    Args:
        choice: `docker` or `bubblewrap` insist; `auto` takes Docker, else bubblewrap with a notice why;
            `unsafe-no-isolation` runs programs as plain processes and tests nothing.
        workers: programs that may run at the same time; no more than there are cores.
        runtime: OCI runtime that Docker shall use, such as `runsc`; empty for the engine's default. One that is
            named is insisted on, so that `auto` then means Docker.

    Raises:
        SandboxUnavailableError: no back end may be used; one line names the cause and the next command.
    """
    # Whatever a run that was killed has left, any start removes.
    sweep_folders(Path(tempfile.gettempdir()))
    if choice == UNSAFE:
        return open_unsafe(workers)
    if choice == "docker" or (runtime and choice == "auto"):
        return tested(open_docker(workers, runtime=runtime))
    if choice == "bubblewrap":
        return tested(open_bubblewrap(workers))
    try:
        return tested(open_docker(workers, runtime=runtime))
    except SandboxUnavailableError as error:
        docker_failed = str(error)
    try:
        return tested(open_bubblewrap(workers, f", since Docker failed: {docker_failed}"))
    except SandboxUnavailableError as error:
        raise SandboxUnavailableError(f"no sandbox: Docker: {docker_failed}; bubblewrap: {error}") from error


def tested(sandbox: BoxedSandbox) -> BoxedSandbox:
    """Return a sandbox whose walls were proved in a real box.

    Raises:
        SandboxUnavailableError: one does not stand; the sandbox is closed.
    """
    try:
        sandbox.walls = self_test(sandbox)
    except BaseException:
        sandbox.close()
        raise
    return sandbox
