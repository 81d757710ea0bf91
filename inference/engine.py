"""The engine: one thread that owns a back end and its scheduler, and callers in any number of threads and event loops.

Commands reach the thread through one queue, as functions that it runs between two steps; results leave by the
callbacks of the jobs, which run in the engine's thread and must be short. What a callback raises ends its own job and
reaches the caller of that job; what the back end raises ends every job.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

from inference.backend import Backend
from inference.base import ModelError
from inference.guard import Guard
from inference.job import Job
from inference.scheduler import Scheduler

T = TypeVar("T")


class Engine:
    """A running scheduler."""

    def __init__(self, backend: Backend, scheduler: Scheduler, *, name: str) -> None:
        """Start the thread; the engine closes the back end when it ends."""
        self._backend = backend
        self._scheduler = scheduler
        self._name = name
        self._commands: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._after_step: list[Callable[[], None]] = []
        self._gate = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"atlas-engine {name}", daemon=True)
        self._thread.start()

    @property
    def closed(self) -> bool:
        """Whether the engine takes no more work."""
        return self._closed

    def submit(self, jobs: Iterable[Job]) -> None:
        """Queue jobs, in order.

        Raises:
            ModelError: the engine is closed.
        """
        batch = list(jobs)

        def run() -> None:
            for job in batch:
                self._scheduler.submit(job)

        try:
            self._post(run)
        except ModelError:
            for job in batch:
                job.controller.close()
            raise

    def cancel(self, jobs: Iterable[Job]) -> None:
        """End jobs within one step; those that have ended are left alone. A closed engine has ended them all."""
        batch = list(jobs)

        def run() -> None:
            for job in batch:
                self._scheduler.cancel(job)

        with self._gate:
            if not self._closed:
                self._commands.put(run)

    def ask(self, question: Callable[[Scheduler], T]) -> T:
        """Run a function of the scheduler between two steps and return what it returns.

        Raises:
            ModelError: the engine is closed.
        """
        answer: Future[T] = Future()

        def run() -> None:
            guard = Guard()
            with guard:
                answer.set_result(question(self._scheduler))
            if guard.error is not None:
                answer.set_exception(guard.error)

        self._post(run)
        return answer.result()

    def after_step(self, deliver: Callable[[], None]) -> None:
        """Call a function once after the current step; for the engine's thread only."""
        self._after_step.append(deliver)

    def close(self) -> None:
        """End all jobs with an error, free the back end, and wait for the thread; a second call does nothing."""
        with self._gate:
            first, self._closed = not self._closed, True
        if first:
            self._commands.put(lambda: None)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _post(self, command: Callable[[], object]) -> None:
        with self._gate:
            if self._closed:
                raise self._refusal()
            self._commands.put(command)

    def _refusal(self) -> ModelError:
        return ModelError(f"{self._name} is closed: open the model again")

    def _run(self) -> None:
        while not self._closed:
            guard = Guard()
            with guard:
                self._take_commands()
                if not self._closed:
                    self._scheduler.step()
            if guard.error is not None:
                self._scheduler.fail(guard.error)
            self._deliver()
        while not self._commands.empty():
            self._commands.get()()
        self._scheduler.fail(self._refusal())
        self._deliver()
        self._backend.close()

    def _take_commands(self) -> None:
        """Run what waits; wait for something when there is nothing else to do."""
        if not self._scheduler.busy:
            self._commands.get()()
        while not self._commands.empty():
            self._commands.get()()

    def _deliver(self) -> None:
        due, self._after_step = self._after_step, []
        for deliver in due:
            deliver()
