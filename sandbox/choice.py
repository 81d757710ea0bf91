"""Choose the back end: Docker where its preflight passes, else bubblewrap, else nothing at all.

Limits: there is no unsandboxed choice here.
"""

from __future__ import annotations

from sandbox.base import Sandbox, SandboxChoice, SandboxUnavailableError
from sandbox.boxed import BoxedSandbox
from sandbox.bubblewrap import open_bubblewrap
from sandbox.selftest import self_test


def open_sandbox(choice: SandboxChoice = "auto", *, workers: int = 2) -> Sandbox:
    """Return a sandbox that has passed its self-test.

    Args:
        choice: `docker` or `bubblewrap` insist; `auto` takes Docker, else bubblewrap with a notice why.
        workers: programs that may run at the same time.

    Raises:
        SandboxUnavailableError: no back end may be used; one line names the cause and the next command.
    """
    if choice == "docker":
        raise SandboxUnavailableError("no Docker engine answers: start one with `bash deploy/docker-engine.sh`")
    notice = "sandbox: bubblewrap (no Docker engine answers)" if choice == "auto" else ""
    return _tested(open_bubblewrap(workers, notice))


def _tested(sandbox: BoxedSandbox) -> Sandbox:
    try:
        self_test(sandbox)
    except BaseException:
        sandbox.close()
        raise
    return sandbox
