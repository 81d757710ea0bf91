"""Judges: a task's rules and a sandbox make a function from a program to its verdict. Only the grader asks for one."""

from __future__ import annotations

from collections.abc import Callable

from benchmark import evalplus_judge, lcb_judge, script_judge
from benchmark.task import Task
from benchmark.verdict import Verdict
from sandbox.base import Limits, Program, Sandbox
from sandbox.compare import same_output

Judge = Callable[[str], Verdict]
"""From a program's source, which is not empty, to its verdict; raises `SandboxUnavailableError`."""

FIRST_LOOK = 2
"""Tests after which a wrong program has mostly shown itself; the rest is run only for those that pass them."""


def judge_of(task: Task, sandbox: Sandbox, limits: Limits = Limits()) -> Judge:
    """Return the judge of a task.

    Args:
        task: the problem, its hidden tests and its rules.
        sandbox: where programs run.
        limits: of one test, where the rules set none.

    Raises:
        SandboxUnavailableError: the sandbox failed.
        TaskError: the task cannot be judged here.
    """
    match task.rules.kind:
        case "lcb":
            return lcb_judge.judge_of(task, sandbox, limits)
        case "evalplus":
            return evalplus_judge.judge_of(task, sandbox)
        case "script":
            return script_judge.judge_of(task, sandbox, limits)
        case "choice":
            return lambda code: _by_letter(task, code)
        case _:
            return lambda code: _by_tests(task, code, sandbox, limits)


def _by_letter(task: Task, answer: str) -> Verdict:
    right = answer == task.hidden[0].expected
    return Verdict(right=right, status="passed" if right else "wrong_answer")


def _by_tests(task: Task, code: str, sandbox: Sandbox, limits: Limits) -> Verdict:
    """Run the hidden tests, then the public ones; a program is right when it passes all."""
    tests = [(t.input, t.expected) for t in task.hidden] + [(t.input, t.expected) for t in task.problem.tests]
    problem = task.problem
    program = Program(source=code, mode=problem.mode, entry_point=problem.entry_point, language=problem.language)
    for part in (tests[:FIRST_LOOK], tests[FIRST_LOOK:]):
        runs = sandbox.run(program, [given for given, _ in part], limits) if part else ()
        for run, (_, expected) in zip(runs, part, strict=True):
            if run.status != "completed":
                return Verdict(right=False, status=run.status)
            if not same_output(task.problem.mode, run.output, expected):
                return Verdict(right=False, status="wrong_answer")
    return Verdict(right=True, status="passed")
