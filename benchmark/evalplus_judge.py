"""EvalPlus's verdicts: the reference says what is right, one process per program and set of inputs.

Per input max(4 s, 4 times the reference's time), per set min(60 s, their sum) and 1 s more, 4 GiB. A program is right
when both sets pass. A program that imports NumPy and the like runs where they are, or nowhere (sandbox/science.py).
Seconds are CPU seconds, where the official evaluator takes wall time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

from benchmark.batch import OUTPUT_BYTES, Batch, Calls, calls, run_batches
from benchmark.evalplus_compare import all_equal
from benchmark.task import Task, TaskError
from benchmark.verdict import Verdict
from sandbox.base import Limits, Program, RunStatus, Sandbox
from sandbox.languages import with_its_packages
from sandbox.literals import parse_arguments
from sandbox.values import Node

LEAST_S = 4.0
REFERENCE_FACTOR = 4.0
WHOLE_S = 60.0
MEMORY_MB = 4096
REFERENCE_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSet:
    """One set of inputs, such as `base`, with what the reference returned on them."""

    group: str
    calls: Calls
    expected: tuple[Node, ...]
    seconds: float
    """CPU seconds that all of it may take."""


def judge_of(task: Task, sandbox: Sandbox) -> Callable[[str], Verdict]:
    """Return a function from a program to its verdict, with one reading per set of inputs.

    Raises:
        SandboxUnavailableError: the sandbox failed.
        TaskError: the reference does not run here.
    """
    sets = _with_reference(task, sandbox)
    whole = _limits(max(one.seconds for one in sets))

    def judge(code: str) -> Verdict:
        program = _program(task, code)
        batches = run_batches(sandbox, program, [one.calls for one in sets], whole)
        ends: dict[str, str | RunStatus] = dict.fromkeys(task.rules.groups, "passed")
        ends |= {one.group: _end(task, one, batch) for one, batch in zip(sets, batches, strict=True)}
        status = next((end for end in ends.values() if end != "passed"), "passed")
        readings = tuple((group, end == "passed") for group, end in ends.items())
        return Verdict(right=status == "passed", status=status, readings=readings)  # type: ignore[arg-type]

    return judge


def _program(task: Task, code: str) -> Program:
    """Return a program as it must run: the official evaluator's Python has NumPy, a plain box has not."""
    language = with_its_packages(task.problem.language, code)
    return Program(source=code, mode="function", entry_point=task.problem.entry_point, language=language)


def _with_reference(task: Task, sandbox: Sandbox) -> list[InputSet]:
    """Run the reference on every set; it says what is right and how long it may take."""
    groups = {group: tuple(tests) for group, tests in groupby(task.hidden, lambda test: test.group)}
    arguments = {group: [parse_arguments(test.input) for test in tests] for group, tests in groups.items()}
    program = _program(task, task.reference)
    asked = [calls(nodes, [REFERENCE_S] * len(nodes)) for nodes in arguments.values()]
    batches = run_batches(sandbox, program, asked, _limits(REFERENCE_S))
    return [_input_set(task, group, arguments[group], batch) for group, batch in zip(groups, batches, strict=True)]


def _input_set(task: Task, group: str, arguments: list[Node], batch: Batch) -> InputSet:
    if batch.status != "completed":
        raise TaskError(f"{task.name}: its own reference ends with {batch.status} on input {len(batch.values) + 1}")
    limits = [max(LEAST_S, REFERENCE_FACTOR * seconds) for seconds in batch.seconds]
    return InputSet(
        group=group,
        calls=calls(arguments, limits),
        expected=batch.values,
        seconds=min(WHOLE_S, sum(limits)) + 1,
    )


def _limits(seconds: float) -> Limits:
    return Limits(cpu_s=seconds, memory_mb=MEMORY_MB, output_bytes=OUTPUT_BYTES)


def _end(task: Task, one: InputSet, batch: Batch) -> str | RunStatus:
    if batch.status != "completed":
        return batch.status
    equal = all_equal(task.rules.oracle, task.rules.atol, one.calls.arguments, batch.values, one.expected)
    return "passed" if equal else "wrong_answer"
