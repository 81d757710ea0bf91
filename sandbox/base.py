"""The `Sandbox` protocol and its frozen records: run one program on many inputs, report what happened.

Expected outputs never enter a sandbox: it reports facts, the caller compares. A program's failure is a result; a
sandbox's failure is an exception and says nothing about the program.

Not covered: the kernel is shared, so a kernel exploit leaves the box; for that use a virtual machine or gVisor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

Mode = Literal["function", "stdio"]
RunStatus = Literal["completed", "runtime_error", "timeout", "memory", "output_limit"]
UNSAFE: Final = "unsafe-no-isolation"
SandboxChoice = Literal["auto", "docker", "bubblewrap", "unsafe-no-isolation"]


class SandboxUnavailableError(RuntimeError):
    """The sandbox itself failed; says nothing about the program. The message is one line that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One program to be run."""

    source: str
    mode: Mode
    entry_point: str = ""
    """Function (or method of `class Solution`) that `function` mode calls; unused in `stdio` mode."""
    language: str = "python"
    """One of sandbox/languages.py; `function` mode is for Python alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one run may use."""

    cpu_s: float = 6.0
    """CPU seconds of one test, of all its processes together."""
    wall_s: float | None = None
    """Wall seconds of one test, a hard bound; None: three times `cpu_s` plus one second, and time spent waiting for a
    core of a machine that others keep busy is given back."""
    memory_mb: int = 512
    output_bytes: int = 1 << 20
    """Most bytes of standard output, or of the returned value's text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """What one run of a program on one input did; no judgement of its output."""

    status: RunStatus
    output: str = ""
    """Standard output (`stdio`), or the returned value as canonical value text (`function`, see sandbox/values.py);
    kept on every kind of end, truncated at the limit."""
    error: str = ""
    """The end of standard error, cut to what a repair can use: the traceback of the program's own frames."""
    cpu_s: float = 0.0
    wall_s: float = 0.0
    waited_s: float = 0.0
    """Part of the wall time in which the program could have run, but the machine had no core for it."""
    peak_mb: float = 0.0


class Sandbox(Protocol):
    """A place where hostile programs run and get nowhere. Use as a context manager or call `close`."""

    @property
    def name(self) -> str:
        """Back end, as every report names it.

        `docker`, `bubblewrap`, `bubblewrap+watched` where no control group bounds a box, or `unsafe-no-isolation`.
        """

    @property
    def notice(self) -> str:
        """One line for people when the choice needs explaining, or an empty text."""

    @property
    def workers(self) -> int:
        """How many programs may run at the same time."""

    def run(
        self,
        program: Program,
        inputs: Sequence[str],
        limits: Limits = Limits(),
        *,
        cancelled: Callable[[], bool] | None = None,
    ) -> tuple[Execution, ...]:
        """Run `program` once on every input, in order, in one fresh box. Callable from several threads at once.

        Args:
            program: what to run.
            inputs: standard input texts (`stdio`) or argument texts such as `[1, 2], 'x'` (`function`); of 48 MB each
                at most, in bytes, and the source of 8 MB.
            limits: per input.
            cancelled: polled while waiting; True kills the box at once and ends with fewer executions than inputs.

        Raises:
            ValueError: no such language, or one without function mode; a source, an input, a name or a limit that no
                box takes. The message names it, and nothing has been started.
            SandboxUnavailableError: the box could not be made or died twice for reasons of its own.
        """

    def close(self) -> None:
        """Remove every box; safe to call twice."""
