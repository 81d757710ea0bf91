"""From what a box saw to what it means: one pure function, in one fixed order.

Limits: no output is compared here; a program that ended well has only `completed`.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Literal

from sandbox.base import RunStatus

Ended = Literal["exit", "deadline", "cpu", "memory", "output"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the runner saw of one test, judged by nobody yet."""

    ended: Ended
    """`exit` by itself or by a signal; else what the runner ended it for: wall clock, CPU, memory, output."""
    code: int = 0
    """Exit code, or minus the signal's number."""
    cpu_s: float = 0.0
    """CPU seconds of all of the test's processes."""
    oom_kills: int = 0
    """Processes that the kernel killed in the box for lack of memory."""
    says_memory: bool = False
    """Standard error says, in the language's own words, that memory ran out."""
    value_missing: bool = False
    """In `function` mode: no readable value came back."""


def judge(facts: Facts, cpu_limit_s: float) -> RunStatus:
    """Return the status that the facts of one test amount to.

    Args:
        facts: what the runner saw.
        cpu_limit_s: CPU seconds that the test was allowed.
    """
    if facts.ended == "output":
        return "output_limit"
    ended_well = facts.ended == "exit" and facts.code == 0
    if facts.ended == "memory" or (facts.oom_kills > 0 and not ended_well):
        return "memory"
    if facts.ended in ("deadline", "cpu") or _killed_for_cpu(facts, cpu_limit_s):
        return "timeout"
    if ended_well and not facts.value_missing:
        return "completed"
    return "memory" if facts.code != 0 and facts.says_memory else "runtime_error"


def _killed_for_cpu(facts: Facts, cpu_limit_s: float) -> bool:
    return facts.code == -signal.SIGXCPU or (facts.code == -signal.SIGKILL and facts.cpu_s >= cpu_limit_s)
