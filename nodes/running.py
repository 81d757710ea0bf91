"""Run a program on tests: what the boxes share that do so, and what keeps one program from running twice at a time."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from langgraph.types import StreamWriter

from nodes.judging import outcome_of, outcome_of_example
from nodes.shares import Shares
from nodes.state import Candidate, Outcome, Problem, PublicTest, SelfTest
from sandbox.base import Limits, Program, Sandbox
from sandbox.languages import with_its_packages


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One program with the inputs that it has not run on."""

    candidate: Candidate
    tests: tuple[PublicTest | SelfTest, ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        """What the box is handed, in the order of the tests."""
        return tuple(test.given if isinstance(test, PublicTest) else test.input for test in self.tests)


@dataclass(slots=True)
class EarlyRuns:
    """What the programs of a run do on the examples as soon as they are written, and what it costs; for any thread.

    A wave is the programs of one widening, named by the time at which it must end. Equal programs of a wave run once,
    and all of them are told what came of it: who is first is up to chance, and must not show in any result.
    """

    _runs: dict[tuple[float, str], Future[tuple[Outcome, ...]]] = field(default_factory=dict)
    _seconds: dict[float, float] = field(default_factory=lambda: defaultdict(float))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _clock: Shares = field(default_factory=Shares)

    def once(
        self, wave: float, program_id: str, run: Callable[[], tuple[Outcome, ...]]
    ) -> tuple[tuple[Outcome, ...], float | None]:
        """Return what a program of a wave did, and the seconds that its run took; others wait for the first one.

        Of runs at the same moment each counts its part of the seconds. None for a caller that waited for its equal.

        Raises:
            SandboxUnavailableError: as `run` does, for everybody.
        """
        with self._lock:
            is_first = (wave, program_id) not in self._runs
            future = self._runs.setdefault((wave, program_id), Future())
        if not is_first:
            return future.result(), None
        try:
            with self._clock.part() as seconds:
                future.set_result(run())
                return future.result(), seconds()
        except BaseException as error:
            future.set_exception(error)
            raise

    def spend(self, wave: float, seconds: float) -> None:
        """Note CPU seconds."""
        with self._lock:
            self._seconds[wave] += seconds

    def spent(self, wave: float) -> float:
        """Return the CPU seconds of a wave so far."""
        with self._lock:
            return self._seconds[wave]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where programs run, within which limits, and who is told."""

    sandbox: Sandbox
    limits: Limits
    science: bool
    cancelled: Callable[[], bool]
    writer: StreamWriter


def run_on_tests(job: Job, problem: Problem, place: Place) -> tuple[Outcome, ...]:
    """Run one program until it must end, and tell how it does on a person's examples.

    Raises:
        SandboxUnavailableError: the sandbox failed; nothing is known about the program.
    """
    code, language = job.candidate.code, problem.language
    if place.science:
        language = with_its_packages(language, code)
    program = Program(source=code, mode=problem.mode, entry_point=problem.entry_point, language=language)
    done = place.sandbox.run(program, job.inputs, place.limits, cancelled=place.cancelled)
    examples = {test.id: test for test in problem.tests}
    outcomes = tuple(
        outcome_of_example(job.candidate.program_id, problem.mode, examples[test.id], run)
        if test.id in examples
        else outcome_of(job.candidate.program_id, problem.mode, test.input, run, None, unordered=problem.in_any_order)
        for test, run in zip(job.tests, done, strict=False)
    )
    judged = [o for o in outcomes if o.input_id in examples]
    if judged and job.candidate.index >= 0:
        worst = next((o.status for o in judged if o.status != "passed"), "passed")
        passed = sum(o.status == "passed" for o in judged)
        told = {"kind": "ran", "program_id": job.candidate.program_id, "passed": passed, "total": len(judged)}
        place.writer({**told, "status": worst})
    return outcomes
