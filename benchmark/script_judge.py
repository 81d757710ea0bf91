"""Verdicts by assertions: the program and each test text in one script; ending well is a pass.

That is how HumanEval, MBPP and SciCode were published. The assertions stand in the program's own process, so a program
written to cheat could read or skip them: a run counts only when the script reached its last line, which prints a fresh
word, but this stops accidents such as `sys.exit(0)`, not malice.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace

from benchmark.task import HiddenTest, Task
from benchmark.verdict import Verdict
from sandbox.base import Limits, Program, Sandbox
from sandbox.languages import with_its_packages


def judge_of(task: Task, sandbox: Sandbox, limits: Limits) -> Callable[[str], Verdict]:
    """Return a function from a program to its verdict; a hidden test's `expected` is the text that follows the program.

    Tests with a group all run and are readings of the verdict; without groups the first failure ends it.

    Raises:
        SandboxUnavailableError: from the function; the sandbox failed, or lacks the packages that the tests need.
    """
    rules = task.rules
    limits = replace(limits, memory_mb=rules.memory_mb or limits.memory_mb, cpu_s=rules.cpu_s or limits.cpu_s)

    def judge(code: str) -> Verdict:
        ends: dict[str, str] = {}
        for test in task.hidden:
            ends[test.group] = end = _end(task, code, test, sandbox, limits)
            if end != "passed" and not test.group:
                break
        status = next((end for end in ends.values() if end != "passed"), "passed")
        readings = tuple((group, end == "passed") for group, end in ends.items() if group)
        return Verdict(right=status == "passed", status=status, readings=readings)  # type: ignore[arg-type]

    return judge


def _end(task: Task, code: str, test: HiddenTest, sandbox: Sandbox, limits: Limits) -> str:
    word = secrets.token_hex(16)
    source = f"{task.rules.setup}\n\n{code}\n\n{test.expected}\n\nprint('\\n{word}')\n"
    program = Program(source=source, mode="stdio", language=with_its_packages(task.problem.language, source))
    (run,) = sandbox.run(program, [test.input], limits)
    if run.status != "completed":
        return "wrong_answer" if "AssertionError" in run.error.rpartition("\n")[2] else run.status
    return "passed" if run.output.rstrip().endswith(word) else "wrong_answer"
