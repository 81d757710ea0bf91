"""A folder's hidden tests in every form grade as what they say; one that cannot be read is named."""

from __future__ import annotations

import pytest

from benchmark.folder import load_folder
from benchmark.task import TaskError
from sandbox.base import Program
from sandbox.choice import open_sandbox
from sandbox.compare import same_output

TESTS = """assert double(1) == 2
assert not double(0)
assert abs(double(0.5) - 1.0) < 1e-9
double(3) == 6
>>> double(None)
Traceback (most recent call last):
TypeError: ...
>>> double(double(1))
4
assert sorted(double([2, 1])) == sorted([1, 2, 2, 1])
"""
RIGHT = "def double(x): return x * 2"


def folder(path, tests: str):
    (path / "a.md").write_text("Write a function `double(x)`.\n", encoding="utf-8")
    (path / "a.tests.md").write_text(tests, encoding="utf-8")
    return load_folder(path)


@pytest.mark.bubblewrap
@pytest.mark.parametrize(
    ("source", "passed"),
    [(RIGHT, 7), ("def double(x): return x + 1", 2), ("def double(x): return [x]", 0)],
)
def test_every_test_grades(tmp_path, source, passed):
    (task,) = folder(tmp_path, TESTS)
    assert len(task.hidden) == 7
    with open_sandbox("bubblewrap", workers=1) as sandbox:
        program = Program(source=source, mode="function", entry_point="double")
        runs = sandbox.run(program, [test.input for test in task.hidden])
    right = [
        run.status == "completed" and same_output("function", run.output, test.expected)
        for run, test in zip(runs, task.hidden, strict=True)
    ]
    assert sum(right) == passed, [(t.input, r.output, r.error) for t, r in zip(task.hidden, runs, strict=True)]


@pytest.mark.parametrize(("line", "number"), [("double(5) gives six", 8), ("assert double(3) == six", 8)])
def test_a_line_that_cannot_be_read_is_named(tmp_path, line, number):
    with pytest.raises(TaskError, match=rf"a\.tests\.md: line {number}: "):
        folder(tmp_path, TESTS.replace(">>> double(double", f"{line}\n>>> double(double"))
