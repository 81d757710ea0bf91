"""Run hostile programs from your own code: `async with Sandbox() as box`, or its twin `with SyncSandbox() as box`.

    async with Sandbox() as box:
        program = Program(source="print(sum(map(int, input().split())))", mode="stdio")
        async for result in box.run(program, [Case(input="1 2", expected="3"), Case(input="2 2", expected="5")]):
            print(result.verdict)

Results come as tests finish. Leaving the loop for good (`aclose`, `break` under `contextlib.aclosing`, a cancelled
task, or `close` of the sync generator) kills the box at once, with every process in it. A sandbox that fails raises;
only what the program did becomes a verdict. Expected outputs stay in this process.

Text that a program printed is handed over as it came, with every escape sequence in it: it has to be compared. Whoever
prints it spells them out first, as `repr` does.

Not isolated, in no back end:

- The kernel is shared, so a kernel exploit leaves the box.
- Time and heat are shared: a program can slow others down and can tell that others run, from how long it takes, from
  `sysinfo` (load, uptime, free memory) and from /proc/meminfo and /proc/cpuinfo.
- Between the tests of one program pass the numbers that the kernel counts up for the box: process ids, inode numbers of
  its tmpfs. A later test can tell how many processes and files an earlier one has made, and no more than that.
- Between boxes that run at the same time pass what the kernel counts by user: the memory of pipes (no more than 64 MB
  for all, then pipes get small). In bubblewrap also locks on files under /usr, which all boxes see.
- /proc/self/mountinfo names the host's disk, with Docker also the folder of the image's layers.

How exact a limit is depends on what the machine has: `exact` and `atlas doctor` tell. Without a control group
(`bubblewrap+watched`) memory and CPU time of all processes together are looked at every 20 ms, `mmap` of shared memory
without a file is refused, and so is a handler for SIGCHLD in Python, C, C++ and Rust. `unsafe-no-isolation` isolates
nothing at all.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from sandbox.base import Execution, Limits, Program, SandboxChoice
from sandbox.boxed import BoxedSandbox
from sandbox.choice import open_sandbox
from sandbox.compare import Verdict, verdict_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test of a program."""

    input: str
    """Standard input, or a list of arguments such as `[1, 2], 'x'` in `function` mode."""
    expected: str | None = None
    """What is right; None where nobody knows, and the verdict of a program that ends well is `completed`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a program did on one test, and whether that was right."""

    case: Case
    verdict: Verdict
    execution: Execution


class SyncSandbox:
    """A sandbox for programs of a thread; a context manager. Callable from several threads at once."""

    def __init__(self, choice: SandboxChoice = "auto", *, workers: int = 0, runtime: str = "") -> None:
        """Open it and prove its walls.

        Args:
            choice: back end, see sandbox/choice.py.
            workers: programs that may run at the same time; 0 is one per core.
            runtime: OCI runtime that Docker shall use.

        Raises:
            SandboxUnavailableError: no back end may be used; one line names the cause and the next command.
        """
        self._boxes = open_sandbox(choice, workers=workers or _cores(), runtime=runtime)

    @property
    def name(self) -> str:
        """The back end that was chosen."""
        return self._boxes.name

    @property
    def exact(self) -> bool:
        """Whether the kernel bounds the memory of a whole box and counts its CPU time; else they are watched."""
        return self._boxes.exact

    def run(self, program: Program, tests: Sequence[Case], limits: Limits = Limits()) -> Iterator[Result]:
        """Yield the result of each test as soon as it is there, in order.

        Raises:
            ValueError: see sandbox/base.py; the message names the argument, and nothing has been started.
            SandboxUnavailableError: the sandbox failed; says nothing about the program.
        """
        with closing(self._boxes.stream(program, [case.input for case in tests], limits)) as executions:
            for case, execution in zip(tests, executions, strict=True):
                yield _result(program, case, execution)

    def close(self) -> None:
        """Kill every box; safe to call twice."""
        self._boxes.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Kill every box."""
        self.close()


class Sandbox:
    """The same for an event loop: nothing in it blocks the loop."""

    def __init__(self, choice: SandboxChoice = "auto", *, workers: int = 0, runtime: str = "") -> None:
        """Note what to open; `async with` opens it. The arguments are those of `SyncSandbox`."""
        self._choice: SandboxChoice = choice
        self._workers = workers or _cores()
        self._runtime = runtime
        self._boxes: BoxedSandbox | None = None
        self._threads = ThreadPoolExecutor(self._workers, thread_name_prefix="sandbox")

    @property
    def name(self) -> str:
        """The back end that was chosen."""
        return self._opened().name

    @property
    def exact(self) -> bool:
        """Whether the kernel bounds the memory of a whole box and counts its CPU time; else they are watched."""
        return self._opened().exact

    async def run(self, program: Program, tests: Sequence[Case], limits: Limits = Limits()) -> AsyncIterator[Result]:
        """Yield the result of each test as soon as it is there, in order; see `SyncSandbox.run`."""
        boxes, loop = self._opened(), asyncio.get_running_loop()
        arrived: asyncio.Queue[Execution | None] = asyncio.Queue()
        stop = threading.Event()

        def work() -> None:
            try:
                for execution in boxes.stream(program, [case.input for case in tests], limits, cancelled=stop.is_set):
                    loop.call_soon_threadsafe(arrived.put_nowait, execution)
            finally:
                loop.call_soon_threadsafe(arrived.put_nowait, None)

        job = self._threads.submit(work)
        try:
            for case in tests:
                execution = await arrived.get()
                if execution is None:
                    break
                yield _result(program, case, execution)
        finally:
            stop.set()
            if not job.cancel():
                ended = asyncio.wrap_future(job)
                await asyncio.wait([ended])
                ended.exception()
        if not job.cancelled():
            job.result()

    async def __aenter__(self) -> Self:
        """Open the sandbox and prove its walls.

        Raises:
            SandboxUnavailableError: no back end may be used.
        """

        def opened() -> BoxedSandbox:
            return open_sandbox(self._choice, workers=self._workers, runtime=self._runtime)

        self._boxes = await asyncio.get_running_loop().run_in_executor(self._threads, opened)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Kill every box."""
        await asyncio.to_thread(self._opened().close)
        self._threads.shutdown(wait=False)

    def _opened(self) -> BoxedSandbox:
        if self._boxes is None:
            raise RuntimeError("the sandbox is not open: use `async with Sandbox() as box`")
        return self._boxes


def _result(program: Program, case: Case, execution: Execution) -> Result:
    return Result(case=case, verdict=verdict_of(program.mode, execution, case.expected), execution=execution)


def _cores() -> int:
    return len(os.sched_getaffinity(0))
