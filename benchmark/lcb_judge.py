"""LiveCodeBench's verdicts: its prelude, its comparison, one process per test.

The official grader runs all tests of a program in one process, with standard input replaced and the program wrapped
into a function. Programs that start a thread they do not join, mix `read` with `readline`, read `sys.stdin.buffer`,
change globals or keep state between tests may therefore get another verdict there than here.

The tolerant reading is for problems with several right answers or with floats: numbers within 1e-6, any white space,
lines (or items of a list) in any order. It cannot know every right answer: it is a second figure, never the score.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from math import isclose

from benchmark.task import Task
from benchmark.verdict import Verdict
from nodes.granted import MODULES
from sandbox.base import Execution, Limits, Mode, Program, Sandbox
from sandbox.compare import same_output
from sandbox.languages import with_its_packages
from sandbox.literals import parse
from sandbox.values import Node, key

FIRST_LOOK = 2
"""Tests after which a wrong program has mostly shown itself; the rest is run only for those that pass them."""
TOLERANCE = 1e-6
PRELUDE = "".join(
    [
        *(f"from {name} import *\n" for name in MODULES),
        *(f"import {name}\n" for name in MODULES),
        "sys.setrecursionlimit(50000)\nsys.set_int_max_str_digits(50000)\n",
    ]
)
_FUTURE = re.compile(r"^from __future__ import [^\n]*\n", re.MULTILINE)


def judge_of(task: Task, sandbox: Sandbox, limits: Limits) -> Callable[[str], Verdict]:
    """Return a function from a program to its official-like verdict, with the tolerant reading where rules ask for it.

    Raises:
        SandboxUnavailableError: from the function; the sandbox failed.
    """
    tests = [(t.input, t.expected) for t in task.hidden]
    problem = task.problem

    def judge(code: str) -> Verdict:
        # The official grader's Python has NumPy.
        language = with_its_packages(problem.language, code)
        program = Program(
            source=with_prelude(code), mode=problem.mode, entry_point=problem.entry_point, language=language
        )
        status: str = "passed"
        tolerated = True
        for part in (tests[:FIRST_LOOK], tests[FIRST_LOOK:]):
            runs = sandbox.run(program, [given for given, _ in part], limits) if part else ()
            for run, (_, expected) in zip(runs, part, strict=True):
                status = _worse(status, run, same_output(task.problem.mode, run.output, expected))
                tolerated = tolerated and task.rules.tolerant and _is_tolerable(task.problem.mode, run, expected)
            if status != "passed" and not tolerated:
                break
        readings = (("tolerant", status == "passed" or tolerated),) if task.rules.tolerant else ()
        return Verdict(right=status == "passed", status=status, readings=readings)  # type: ignore[arg-type]

    return judge


def with_prelude(code: str) -> str:
    """Return a program with the imports that the official grader gives it; imports from the future stay in front."""
    future = "".join(_FUTURE.findall(code))
    return future + PRELUDE + _FUTURE.sub("\n", code)


def tolerable(mode: Mode, actual: str, expected: str) -> bool:
    """Return whether an output is the expected one but for small errors of numbers, white space and order."""
    if mode == "stdio":
        mine, theirs = ([line.split() for line in text.splitlines() if line.split()] for text in (actual, expected))
        return _near_lines(mine, theirs) or _near_lines(sorted(mine), sorted(theirs))
    try:
        nodes = parse(actual), parse(expected)
        return _near(*nodes) or _near(*map(_sorted_items, nodes))
    except ValueError:
        return False


def _worse(status: str, run: Execution, same: bool) -> str:
    if status != "passed":
        return status
    if run.status != "completed":
        return run.status
    return "passed" if same else "wrong_answer"


def _is_tolerable(mode: Mode, run: Execution, expected: str) -> bool:
    return run.status == "completed" and tolerable(mode, run.output, expected)


def _near_lines(mine: list[list[str]], theirs: list[list[str]]) -> bool:
    flat = [[token for line in lines for token in line] for lines in (mine, theirs)]
    return len(flat[0]) == len(flat[1]) and all(map(_near_tokens, *flat))


def _near_tokens(mine: str, theirs: str) -> bool:
    if mine == theirs:
        return True
    try:
        return isclose(float(mine), float(theirs), rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    except ValueError:
        return False


def _near(mine: Node, theirs: Node) -> bool:
    mine, theirs = _plain(mine), _plain(theirs)
    if isinstance(mine, list) and isinstance(theirs, list):
        return len(mine) == len(theirs) and all(map(_near, mine, theirs))
    if isinstance(mine, int | float) and isinstance(theirs, int | float):
        return isclose(mine, theirs, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return key(mine) == key(theirs)


def _plain(node: Node) -> Node:
    return node["tuple"] if isinstance(node, dict) and "tuple" in node else node


def _sorted_items(node: Node) -> Node:
    plain = _plain(node)
    return sorted(plain, key=key) if isinstance(plain, list) else plain
