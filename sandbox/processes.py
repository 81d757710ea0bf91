"""Runs inside the box: watch a test, then kill and bury every process of it.

Limits: standard library only. Outside a PID namespace (in the runner's own tests) only the program's process group is
killed, so a daemon would survive there; in a box nothing does.
"""

# Every box pays for the import of signal.

from __future__ import annotations

import os
import time
from _signal import SIGKILL  # type: ignore[import-not-found]

from sandbox.meters import Meter, Watched, waited_for_a_core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TICK_S = 0.02
STARVED_FACTOR = 4
"""A program that waits for a core gets that wall time back, up to so many times its limit."""
_REAP_S = 5.0


class Watch:
    """Why a test must be ended: its wall clock, or the CPU or memory of all its processes and files together."""

    def __init__(self, program: int, meter: Meter, request: dict[str, Any]) -> None:
        """Begin to count.

        Args:
            program: the process whose waiting for a core is measured.
            meter: what tells the processor time and the memory of the test.
            request: of it `wall_s`, `patience`, `cpu_s` and `memory_bytes`.
        """
        self._program = program
        self._meter = meter
        self._waited_before = waited_for_a_core(program)
        self._started = self._looked = time.monotonic()
        self._wall_s = request["wall_s"]
        self._patience = request["patience"]
        self._cpu_s = request["cpu_s"]
        self._memory_bytes = request["memory_bytes"]
        self.peak_bytes = 0

    def elapsed(self) -> float:
        """Return the wall seconds since the test began."""
        return time.monotonic() - self._started

    def waited(self) -> float:
        """Return the seconds of these in which the program had no core though it could have run.

        At a time when the test's own processes had one it waited for those, and has only itself to blame.
        """
        waited = waited_for_a_core(self._program) - self._waited_before
        return max(0.0, min(waited, self.elapsed() - self._meter.cpu_s()))

    def reason(self) -> str:
        """Return `deadline`, `cpu`, `memory`, or an empty text when the test may go on."""
        now = time.monotonic()
        over = now - self._started - self._wall_s
        if over >= 0 and over >= min(self.waited(), (self._patience - 1) * self._wall_s):
            return "deadline"
        if now - self._looked < TICK_S:
            return ""
        held = self._held()
        self._looked = time.monotonic()
        self.peak_bytes = max(self.peak_bytes, held)
        if held > self._memory_bytes:
            return "memory"
        return "cpu" if self._meter.cpu_s() >= self._cpu_s else ""

    def _held(self) -> int:
        held = self._meter.memory()
        if held > self._memory_bytes and isinstance(self._meter, Watched):
            return self._meter.proportional()
        return held


def kill_all(program: int) -> None:
    """Kill every process of the box in one call, which no fork bomb outruns."""
    try:
        if os.getpid() == 1:
            os.kill(-1, SIGKILL)
        else:
            os.killpg(program, SIGKILL)
    except ProcessLookupError:
        return


def bury_all(program: int) -> dict[str, float]:
    """Kill and reap everything.

    Returns:
        `code` (negative: a signal), `cpu_s` and `peak_kb` of all that was reaped, `left` (how many beside the
        program), `stuck` (1 when something did not die in time).
    """
    facts = {"code": 0.0, "cpu_s": 0.0, "peak_kb": 0.0, "left": -1.0, "stuck": 0.0}
    give_up = time.monotonic() + _REAP_S
    while True:
        kill_all(program)
        try:
            gone, status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return facts
        if gone:
            facts["code"] = os.waitstatus_to_exitcode(status) if gone == program else facts["code"]
            facts["left"] += 1
            facts["cpu_s"] += usage.ru_utime + usage.ru_stime
            facts["peak_kb"] = max(facts["peak_kb"], usage.ru_maxrss)
        elif time.monotonic() > give_up:
            return facts | {"stuck": 1.0}
        else:
            time.sleep(0.0005)
