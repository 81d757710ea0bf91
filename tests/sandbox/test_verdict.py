"""The golden table of verdicts; its last test counts that every branch was taken."""

from __future__ import annotations

import inspect
import sys
from itertools import product

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
    ("no-value-but-a-word", Facts(ended="exit", value_missing=True, says_memory=True), "runtime_error"),
    ("memory-error", Facts(ended="exit", code=1, says_memory=True), "memory"),
    ("memory-error-of-a-runtime-that-aborts", Facts(ended="exit", code=-6, says_memory=True), "memory"),
    ("says-memory-but-ends-well", Facts(ended="exit", says_memory=True), "completed"),
    ("exit-code", Facts(ended="exit", code=3), "runtime_error"),
]


@pytest.mark.parametrize(("facts", "status"), [pytest.param(facts, status, id=name) for name, facts, status in GOLDEN])
def test_golden_table(facts, status):
    assert judge(facts, 2.0) == status


ENDS = ("exit", "deadline", "cpu", "memory", "output")


def by_the_words_of_the_issue(facts):
    """The order of precedence, said once more as a list of conditions of which the first that holds decides."""
    well = facts.ended == "exit" and facts.code == 0
    killed_for_cpu = facts.code == -24 or (facts.code == -9 and facts.cpu_s >= 2.0)
    return next(
        status
        for status, holds in [
            ("output_limit", facts.ended == "output"),
            ("memory", facts.ended == "memory"),
            ("memory", facts.oom_kills > 0 and not well),
            ("timeout", facts.ended in ("deadline", "cpu")),
            ("timeout", killed_for_cpu),
            ("completed", well and not facts.value_missing),
            ("memory", facts.says_memory and facts.code != 0),
            ("runtime_error", True),
        ]
        if holds
    )


def test_every_combination_of_facts_has_the_one_status():
    codes = (0, 1, 3, -6, -9, -11, -24)
    table = product(ENDS, codes, (0.0, 1.99, 2.0, 9.0), (0, 1), (False, True), (False, True))
    names = ("ended", "code", "cpu_s", "oom_kills", "says_memory", "value_missing")
    for row in table:
        facts = Facts(**dict(zip(names, row, strict=True)))
        assert judge(facts, 2.0) == by_the_words_of_the_issue(facts), facts


def test_the_golden_table_decides_every_condition_both_ways():
    """Branch coverage: each condition of `judge` and its helper is both true and false for some golden row."""
    seen = {name: set() for name in CONDITIONS}
    for _, facts, _ in GOLDEN:
        for name, condition in CONDITIONS.items():
            seen[name].add(condition(facts))
    assert all(values == {True, False} for values in seen.values()), seen


CONDITIONS = {
    "output": lambda facts: facts.ended == "output",
    "ended by itself": lambda facts: facts.ended == "exit",
    "code 0": lambda facts: facts.code == 0,
    "the watch saw memory": lambda facts: facts.ended == "memory",
    "the kernel killed": lambda facts: facts.oom_kills > 0,
    "a clock": lambda facts: facts.ended in ("deadline", "cpu"),
    "SIGXCPU": lambda facts: facts.code == -24,
    "SIGKILL": lambda facts: facts.code == -9,
    "past its CPU limit": lambda facts: facts.cpu_s >= 2.0,
    "no value": lambda facts: facts.value_missing,
    "says memory": lambda facts: facts.says_memory,
}


def test_the_golden_table_takes_every_line():
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
