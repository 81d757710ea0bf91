"""Run programs in boxes: what all back ends have in common, which is all but how a box is made.

One fresh box per program, all of its inputs in it; another one when the runner reports something it could not clean.
The host only compares and counts: it never parses, compiles or opens anything that a program wrote.

Limits: see sandbox/base.py. A timeout is run again alone among the sandboxes of this user; others may be busy.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from sandbox.base import Execution, Limits, Program
from sandbox.languages import PYTHON, Language
from sandbox.pool import Pool
from sandbox.protocol import Box, CancelledError
from sandbox.questions import Terms, check_inputs, questions, standard_input
from sandbox.selftest import Wall
from sandbox.turns import Turns, folder_of_user
from sandbox.visit import Visit

_LOADED = 0.05
"""Share of its wall time that a program waited for a core, from which on its timeout counts as one under load."""

_EMPTY = Execution(status="runtime_error", error="the program is empty")


class BoxedSandbox:
    """A `Sandbox` over pools of boxes, one pool for each language that has been asked for."""

    def __init__(
        self,
        name: str,
        make: Callable[[Language], Box],
        *,
        workers: int,
        notice: str = "",
        terms: Terms = Terms(),
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        """Start to make boxes for Python.

        Args:
            name: back end, as reports name it.
            make: returns a new box for a language, whose runner has said hello.
            workers: programs that may run at the same time, and idle boxes to keep.
            notice: one line for people.
            terms: what the back end asks of every program, and how it makes boxes.
            on_close: called once all boxes are dead.
        """
        self.name = name
        self.notice = notice
        self.workers = workers
        self.walls: tuple[Wall, ...] = ()
        """What the self-test proved in a real box; empty when there was none."""
        self._make = make
        self._terms = terms
        self._pools = {PYTHON.name: Pool(lambda: make(PYTHON), workers, terms.makers)}
        self._lock = threading.Lock()
        self._slots = threading.Semaphore(workers)
        self._turns = Turns(folder_of_user())
        self._running: set[Visit] = set()
        self._on_close = on_close

    @property
    def exact(self) -> bool:
        """Whether the kernel bounds the memory of a whole box and counts its processor time; else they are watched."""
        return self._terms.exact()

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
        return tuple(self.stream(program, inputs, limits, cancelled=cancelled))

    def stream(
        self,
        program: Program,
        inputs: Sequence[str],
        limits: Limits = Limits(),
        *,
        cancelled: Callable[[], bool] | None = None,
    ) -> Generator[Execution, None, None]:
        """Yield each execution as soon as it has ended; closing the iterator kills the box.

        Raises:
            ValueError: see `Sandbox.run`.
            SandboxUnavailableError: see `Sandbox.run`.
        """
        asked = questions(program, limits, self._terms)
        check_inputs(inputs)
        visit = Visit(self._pool(asked.language), self.name, asked, cancelled or (lambda: False))
        if visit.cancelled():
            return
        with self._lock:
            self._running.add(visit)
        try:
            with self._slot(visit.cancelled):
                failure = None if program.source.strip() else _EMPTY
                for number, text in enumerate(inputs, start=1):
                    yield failure or self._run_one(visit, program, text, more=number < len(inputs))
        except CancelledError:
            return
        finally:
            with self._lock:
                self._running.discard(visit)
            visit.end()

    def close(self) -> None:
        """Remove every box; safe to call twice."""
        with self._lock:
            running, pools = tuple(self._running), tuple(self._pools.values())
        for pool in pools:
            pool.stop()
        for visit in running:
            visit.kill()
        for pool in pools:
            pool.close()
        self._turns.close()
        self._on_close()

    def borrow(self) -> Box:
        """Return a warm box for Python, to be closed by the caller; for measuring how long one waits for it.

        Raises:
            SandboxUnavailableError: no box can be made.
        """
        return self._pools[PYTHON.name].take(lambda: False)

    def _pool(self, language: Language) -> Pool:
        with self._lock:
            if language.name not in self._pools:
                self._pools[language.name] = Pool(lambda: self._make(language), self.workers, self._terms.makers)
            return self._pools[language.name]

    def _run_one(self, visit: Visit, program: Program, text: str, *, more: bool) -> Execution:
        try:
            stdin = standard_input(program, text)
        except ValueError as error:
            return Execution(status="runtime_error", error=f"the input cannot be used: {error}")
        with self._turns.together(visit.cancelled):
            execution = visit.test(stdin, more=more)
        loaded = visit.is_patient and execution.waited_s >= _LOADED * execution.wall_s
        if execution.status != "timeout" or not loaded or visit.has_been_alone:
            return execution
        visit.has_been_alone = True
        with self._turns.alone(visit.cancelled):
            # It holds everybody up, and gets no more than its own limit.
            return visit.test(stdin, more=more, patience=1)

    @contextmanager
    def _slot(self, cancelled: Callable[[], bool]) -> Iterator[None]:
        while not self._slots.acquire(timeout=0.05):
            if cancelled():
                raise CancelledError
        try:
            yield
        finally:
            self._slots.release()
