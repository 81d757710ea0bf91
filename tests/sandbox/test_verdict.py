"""The golden table of verdicts; its last test counts that every branch was taken."""

from __future__ import annotations

import inspect
import sys

import pytest

from sandbox import verdict
from sandbox.verdict import Facts, judge

GOLDEN = [
    ("output-beats-everything", Facts(ended="output", code=-9, oom_kills=1, cpu_s=9), "output_limit"),
    ("the-watch-saw-memory", Facts(ended="memory", code=-9), "memory"),
    ("the-kernel-saw-memory", Facts(ended="exit", code=-9, oom_kills=1), "memory"),
    ("a-lost-child-does-not-spoil-success", Facts(ended="exit", code=0, oom_kills=1), "completed"),
    ("memory-beats-deadline", Facts(ended="deadline", code=-9, oom_kills=2), "memory"),
    ("wall-clock", Facts(ended="deadline", code=-9), "timeout"),
    ("cpu-of-all-processes", Facts(ended="cpu", code=-9), "timeout"),
    ("cpu-signal", Facts(ended="exit", code=-24, cpu_s=2), "timeout"),
    ("killed-at-its-cpu-limit", Facts(ended="exit", code=-9, cpu_s=2), "timeout"),
    ("killed-before-its-cpu-limit", Facts(ended="exit", code=-9, cpu_s=1), "runtime_error"),
    ("ended-well", Facts(ended="exit"), "completed"),
    ("ended-well-past-the-limit", Facts(ended="exit", cpu_s=2.01), "completed"),
    ("no-value", Facts(ended="exit", value_missing=True), "runtime_error"),
    ("no-value-but-a-word", Facts(ended="exit", value_missing=True, last_error_line="MemoryError"), "runtime_error"),
    ("memory-error", Facts(ended="exit", code=1, last_error_line="MemoryError"), "memory"),
    ("memory-error-with-words", Facts(ended="exit", code=1, last_error_line="MemoryError: of 8 GB"), "memory"),
    ("a-signal-is-no-memory-error", Facts(ended="exit", code=-11, last_error_line="MemoryError"), "runtime_error"),
    ("exit-code", Facts(ended="exit", code=3, last_error_line="ValueError"), "runtime_error"),
]


@pytest.mark.parametrize(("facts", "status"), [pytest.param(facts, status, id=name) for name, facts, status in GOLDEN])
def test_golden_table(facts, status):
    assert judge(facts, 2.0) == status


def test_the_table_takes_every_line():
    taken = set()

    def trace(frame, event, _):
        if frame.f_code.co_filename != verdict.__file__:
            return None
        taken.add(frame.f_lineno)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for _, facts, _ in GOLDEN:
            judge(facts, 2.0)
    finally:
        sys.settrace(before)
    for function in (judge, verdict._killed_for_cpu):
        lines = {line for *_, line in function.__code__.co_lines() if line and line != function.__code__.co_firstlineno}
        assert lines <= taken, inspect.getsource(function)
