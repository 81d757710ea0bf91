"""Each (program, input) pair runs once; what fails an example is not run on self-tests."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from nodes.sandbox_execution import public_jobs, sandbox_execution, self_test_jobs
from nodes.state import Cost, PublicTest, SolveState
from sandbox.base import Execution
from tests.nodes.records import candidate, problem, ran, self_test

STATE = SolveState(
    problem=problem(PublicTest(input="0", expected="0"), PublicTest(input="1", expected="1")),
    candidates=(candidate("a", 0), candidate("b", 1), candidate("a", 2)),
    self_tests=(self_test("5", "5"), self_test("0", "0")),
)


def pairs(jobs) -> list[tuple[str, tuple[str, ...]]]:
    return [(job.candidate.code, job.inputs) for job in jobs]


def test_equal_programs_run_once_on_all_examples():
    assert pairs(public_jobs(STATE)) == [("a", ("0", "1")), ("b", ("0", "1"))]


def test_what_ran_does_not_run_again():
    state = replace(STATE, outcomes=(ran("a", "0", "0", "0"),))
    assert pairs(public_jobs(state)) == [("a", ("1",)), ("b", ("0", "1"))]


def test_only_survivors_face_self_tests():
    outcomes = (ran("a", "0", "0", "0"), ran("a", "1", "1", "1"), ran("b", "0", "9", "0"), ran("b", "1", "1", "1"))
    assert pairs(self_test_jobs(STATE, outcomes)) == [("a", ("5",))]


def test_oracle_runs_on_examples_and_self_tests():
    state = replace(STATE, candidates=(), oracles=(candidate("slow", -1),))
    assert pairs(public_jobs(state)) == [("slow", ("0", "1"))]
    assert pairs(self_test_jobs(state, (ran("slow", "0", "0", "0"),))) == [("slow", ("5",))]
    assert self_test_jobs(state, (ran("slow", "0", "9", "0"),)) == []


def test_without_examples_every_program_faces_self_tests():
    state = replace(STATE, problem=problem())
    assert public_jobs(state) == []
    assert [code for code, _ in pairs(self_test_jobs(state, ()))] == ["a", "b"]


@dataclass
class Echo:
    """A sandbox that returns each input, for a second of CPU time each."""

    name: str = "echo"
    notice: str = ""
    workers: int = 1
    ran: list[tuple[str, str]] = field(default_factory=list)

    def run(self, program, inputs, limits, *, cancelled):
        self.ran += [(program.source, text) for text in inputs]
        return tuple(Execution(status="completed", output=text, cpu_s=1.0) for text in inputs)

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def echo(ride):
    def make(**options):
        runtime = ride(**options)
        runtime.context = replace(runtime.context, sandbox=Echo())
        return runtime

    return make


def test_box_returns_outcomes_in_the_order_of_programs(echo):
    update = sandbox_execution(STATE, echo())
    assert [o.status for o in update["outcomes"]] == ["passed"] * 4 + ["completed"] * 2
    assert update["costs"][0].programs_run == 2
    assert update["costs"][0].sandbox_seconds == 6.0


def test_no_program_starts_beyond_the_cpu_budget(echo):
    runtime = echo(budget_sandbox_seconds=2.0)
    sandbox_execution(STATE, runtime)
    assert runtime.context.sandbox.ran == [("a", "0"), ("a", "1")]


@pytest.mark.parametrize(
    ("settings", "state"),
    [
        ({"cancelled": lambda: True}, STATE),
        ({"budget_seconds": 5.0}, replace(STATE, started=1.0)),
        ({"budget_sandbox_seconds": 2.0}, replace(STATE, costs=(Cost(box="x", sandbox_seconds=2.0),))),
    ],
)
def test_run_that_must_end_runs_nothing(echo, settings, state):
    runtime = echo(**settings)
    assert sandbox_execution(state, runtime)["outcomes"] == ()
    assert runtime.context.sandbox.ran == []


def test_only_examples_are_told_as_passed_or_failed(echo):
    runtime = echo()
    sandbox_execution(STATE, runtime)
    assert [(told["passed"], told["total"], told["status"]) for told in runtime.told] == [(2, 2, "passed")] * 2


def test_program_stopped_half_way_is_tried_again(echo):
    """A cancelled box returns fewer executions than inputs."""

    @dataclass
    class Tired(Echo):
        def run(self, program, inputs, limits, *, cancelled):
            return super().run(program, inputs[:1], limits, cancelled=cancelled)

    runtime = echo()
    runtime.context = replace(runtime.context, sandbox=Tired())
    update = sandbox_execution(replace(STATE, self_tests=()), runtime)
    assert len(update["outcomes"]) == 2
    assert pairs(public_jobs(replace(STATE, outcomes=update["outcomes"]))) == [("a", ("1",)), ("b", ("1",))]
