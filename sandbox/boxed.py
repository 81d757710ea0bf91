"""Run programs in boxes: what Docker and bubblewrap have in common, which is all but how a box is made.

One fresh box per program, all of its inputs in it; another one when the runner reports something it could not clean.
The host only compares and counts: it never parses, compiles or opens anything that a program wrote.

Limits: see sandbox/base.py; an input is at most 48 MB, the size of the box's own file system less some room.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, get_args

from sandbox.base import Execution, Limits, Program, SandboxUnavailableError
from sandbox.inside import MB
from sandbox.literals import parse_arguments
from sandbox.pool import Pool
from sandbox.processes import STARVED_FACTOR
from sandbox.protocol import Box, BoxDiedError, CancelledError, ask
from sandbox.runner import STDERR_TAIL
from sandbox.trace import last_line, own_frames
from sandbox.values import read_node, render
from sandbox.verdict import Ended, Facts, judge

_MAX_INPUT = 48 * MB
_SLACK_S = 15.0
# Address space beyond the memory limit: the interpreter, its libraries, and thread stacks that are never filled.
_ADDRESS_ROOM = 512 * MB
_RLIMITS = {"CORE": 0, "FSIZE": 64 * MB, "NOFILE": 256, "STACK": 64 * MB, "MEMLOCK": 0, "MSGQUEUE": 0}
_ENDED: dict[str, Ended] = {ended: ended for ended in get_args(Ended)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What one back end asks of every program beside the caller's limits."""

    rlimits: dict[str, int] = field(default_factory=dict)
    """Resource limits beside the common ones, by the name after `RLIMIT_`."""
    nice: int = 0
    """Priority below the runner's; only for boxes in whose cgroup it counts among themselves alone."""


class BoxedSandbox:
    """A `Sandbox` over a pool of boxes."""

    def __init__(
        self,
        name: str,
        make: Callable[[], Box],
        *,
        workers: int,
        notice: str = "",
        terms: Terms = Terms(),
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        """Start to make boxes.

        Args:
            name: back end, as reports name it.
            make: returns a new box whose runner has said hello.
            workers: programs that may run at the same time, and idle boxes to keep.
            notice: one line for people.
            terms: what the back end asks of every program.
            on_close: called once all boxes are dead.
        """
        self.name = name
        self.notice = notice
        self.workers = workers
        self._terms = terms
        self._pool = Pool(make, workers)
        self._slots = threading.Semaphore(workers)
        self._running: set[_Visit] = set()
        self._on_close = on_close

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def run(
        self,
        program: Program,
        inputs: Sequence[str],
        limits: Limits = Limits(),
        *,
        cancelled: Callable[[], bool] | None = None,
    ) -> tuple[Execution, ...]:
        """Run `program` once on every input, in order, in one fresh box; see `Sandbox.run`."""
        executions: list[Execution] = []
        visit = _Visit(self._pool, self.name, cancelled or (lambda: False))
        request = _request(program, limits, self._terms)
        self._running.add(visit)
        try:
            with self._slot(visit.cancelled):
                for text in inputs:
                    executions.append(_run_one(visit, program, text, request))
        except CancelledError:
            pass
        finally:
            self._running.discard(visit)
            visit.end()
        return tuple(executions)

    def close(self) -> None:
        """Remove every box; safe to call twice."""
        for visit in tuple(self._running):
            visit.kill()
        self._pool.close()
        self._on_close()

    @contextmanager
    def _slot(self, cancelled: Callable[[], bool]) -> Iterator[None]:
        while not self._slots.acquire(timeout=0.05):
            if cancelled():
                raise CancelledError
        try:
            yield
        finally:
            self._slots.release()


class _Visit:
    """One program's stay: its current box, and whether that box knows the source already."""

    def __init__(self, pool: Pool, name: str, cancelled: Callable[[], bool]) -> None:
        self.cancelled = cancelled
        self._pool = pool
        self._name = name
        self._box: Box | None = None

    def test(self, source: bytes, stdin: bytes, request: dict[str, Any]) -> Execution:
        """Run one input; a box that dies for reasons of its own is replaced once.

        Raises:
            SandboxUnavailableError: it died twice, or no box can be made.
            CancelledError: the caller gave up.
        """
        reason = ""
        for _ in range(2):
            try:
                return self._ask(source, stdin, request)
            except BoxDiedError as death:
                reason = str(death)
                if self._box and self._box.died_of_memory():
                    self.end()
                    return Execution(status="memory", error="the kernel ended the whole box for lack of memory")
                self.end()
        raise SandboxUnavailableError(f"{self._name}: {reason}, twice in a row; run `atlas doctor`")

    def _ask(self, source: bytes, stdin: bytes, request: dict[str, Any]) -> Execution:
        known = self._box is not None
        if self._box is None:
            self._box = self._pool.take(self.cancelled)
            self._box.reserve(request["memory_bytes"])
        header, body = ask(
            self._box,
            request | {"source_bytes": 0 if known else len(source)},
            stdin if known else source + stdin,
            wait_s=STARVED_FACTOR * request["wall_s"] + _SLACK_S,
            max_body=2 * request["output_bytes"] + STDERR_TAIL,
            cancelled=self.cancelled,
        )
        execution = _execution(request, header, body)
        if header["dirty"]:
            self.end()
        return execution

    def kill(self) -> None:
        """Kill the box under the thread that uses it."""
        if box := self._box:
            box.kill()

    def end(self) -> None:
        """Give the box back for good."""
        box, self._box = self._box, None
        if box:
            box.close()


def _run_one(visit: _Visit, program: Program, text: str, request: dict[str, Any]) -> Execution:
    if not program.source.strip():
        return Execution(status="runtime_error", error="the program is empty")
    try:
        stdin = _stdin(program, text)
    except ValueError as error:
        return Execution(status="runtime_error", error=f"the input cannot be used: {error}")
    return visit.test(program.source.encode("utf-8", "surrogatepass"), stdin, request)


def _request(program: Program, limits: Limits, terms: Terms) -> dict[str, Any]:
    memory_bytes = limits.memory_mb * MB
    return {
        "kind": "test",
        "entry_point": program.entry_point if program.mode == "function" else "",
        "cpu_s": limits.cpu_s,
        "wall_s": 3 * limits.cpu_s + 1,
        "memory_bytes": memory_bytes,
        "output_bytes": limits.output_bytes,
        "nice": terms.nice,
        "rlimits": _RLIMITS | terms.rlimits | {"CPU": math.ceil(limits.cpu_s) + 1, "AS": memory_bytes + _ADDRESS_ROOM},
    }


def _stdin(program: Program, text: str) -> bytes:
    if program.mode == "function" and not program.entry_point:
        raise ValueError("no function is named that could take it")
    data = text if program.mode == "stdio" else json.dumps(parse_arguments(text))
    if len(data) > _MAX_INPUT:
        raise ValueError(f"{len(data)} characters, at most {_MAX_INPUT} fit into a box")
    return data.encode("utf-8", "surrogatepass")


def _execution(request: dict[str, Any], header: dict[str, Any], body: bytes) -> Execution:
    """Return what an answer means.

    Raises:
        BoxDiedError: the answer has another shape than the runner gives it.
    """
    try:
        sizes = _sizes(header["sizes"], 3 if request["entry_point"] else 2, len(body))
        numbers = {name: float(header[name]) for name in ("code", "cpu_s", "wall_s", "peak_kb", "oom_kills")}
        ended = _ENDED[header["ended"]]
        bool(header["dirty"])
    except (KeyError, TypeError, ValueError) as error:
        raise BoxDiedError("the box sent an answer of another shape") from error
    stdout, stderr = body[: sizes[0]], body[sizes[0] : sizes[0] + sizes[1]].decode("utf-8", "replace")
    output, problem = stdout.decode("utf-8", "replace"), ""
    if request["entry_point"]:
        output, problem = _value(body[sizes[0] + sizes[1] :])
    facts = Facts(
        ended=ended,
        code=int(numbers["code"]),
        cpu_s=numbers["cpu_s"],
        oom_kills=int(numbers["oom_kills"]),
        last_error_line=last_line(stderr),
        value_missing=bool(problem),
    )
    status = judge(facts, request["cpu_s"])
    return Execution(
        status=status,
        output=output,
        error=own_frames(stderr, cut=sizes[1] >= STDERR_TAIL)
        or (_explanation(facts, problem) if status == "runtime_error" else ""),
        cpu_s=numbers["cpu_s"],
        wall_s=numbers["wall_s"],
        peak_mb=numbers["peak_kb"] / 1024,
    )


def _sizes(sizes: list[int], count: int, total: int) -> list[int]:
    if len(sizes) != count or min(sizes) < 0 or sum(sizes) != total:
        raise ValueError("pieces of another number or size")
    return sizes


def _value(data: bytes) -> tuple[str, str]:
    """Return the returned value's text, and what was wrong with it."""
    if not data:
        return "", "the program ended without returning a value"
    try:
        return render(read_node(data)), ""
    except ValueError as error:
        return "", f"the returned value cannot be read: {error}"


def _explanation(facts: Facts, problem: str) -> str:
    if facts.code < 0:
        return f"killed by signal {-facts.code}"
    return problem or f"exit code {facts.code}"
