import pytest

from benchmark.embedded.grading import Grader
from benchmark.embedded.problems import tuning
from sandbox.base import Execution


class CountingSandbox:
    """Answers every input with itself and remembers what it was asked."""

    name, notice, workers = "counting", "", 1

    def __init__(self, status="completed"):
        self.asked = []
        self.status = status

    def run(self, program, inputs, limits=None, *, cancelled=None):
        self.asked += inputs
        return tuple(Execution(status=self.status, output=text) for text in inputs)

    def close(self):
        pass


TASK = next(task for task in tuning(20, 1) if task.mode == "function")


def test_every_input_runs_once():
    sandbox = CountingSandbox()
    grader = Grader(sandbox)
    assert [run.output for run in grader.run(TASK, "code", ["1", "2", "1"])] == ["1", "2", "1"]
    grader.run(TASK, "code", ["2", "3"])
    assert sandbox.asked == ["1", "2", "3"]


def test_equal_outputs_pass():
    assert Grader(CountingSandbox()).passes(TASK, "code", [("[1,2]", "[1, 2]")])
    assert not Grader(CountingSandbox()).passes(TASK, "code", [("1", "1"), ("1", "2")])


def test_a_failed_run_never_passes():
    assert not Grader(CountingSandbox("runtime_error")).passes(TASK, "code", [("1", "1")])


def test_no_program_and_no_pairs_never_pass():
    assert not Grader(CountingSandbox()).passes(TASK, None, [("1", "1")])
    assert not Grader(CountingSandbox()).passes(TASK, "code", [])


@pytest.mark.bubblewrap
def test_references_solve_their_tasks_in_the_sandbox():
    from sandbox.choice import open_sandbox

    sandbox = open_sandbox("bubblewrap", workers=1)
    try:
        grader = Grader(sandbox)
        assert all(grader.solves(task, task.reference) for task in tuning(8, 2))
        assert not grader.solves(TASK, "def wrong():\n    return None")
    finally:
        sandbox.close()
