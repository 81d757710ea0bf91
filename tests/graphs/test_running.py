"""`OpenSolver`: typed events, cancelling, failures in the middle, and one answer whatever happens."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from graphs.events import BoxFinished, BoxStarted, CandidateArrived, CandidateRan, Finished, Spent
from graphs.policies import POLICIES
from graphs.running import OpenSolver, run_config
from inference.base import Completion, ModelError
from inference.scripted import ScriptedModel
from nodes.problem_text import ProblemError
from nodes.settings import Settings
from nodes.state import Answer
from sandbox.base import SandboxUnavailableError
from tests.graphs.conftest import wait_until
from tests.graphs.programmer import FUNCTION, Talk, fenced, kind_of

pytestmark = pytest.mark.bubblewrap


@pytest.fixture
def open_with(sandbox):
    def make(script, **settings) -> OpenSolver:
        return OpenSolver(Settings(**{"k": 4, "test_generations": 2, **settings}), ScriptedModel(script), sandbox)

    return make


def keep(stream, events: list) -> None:
    """Keep the events that came before an error."""
    for event in stream:
        events.append(event)


@pytest.mark.parametrize(("least", "can_think", "told"), [(64, False, 1), (64, True, 0), (0, False, 0)])
def test_minimum_of_thinking_without_effect_is_told(sandbox, least, can_think, told):
    solver = OpenSolver(Settings(thinking_min_tokens=least), ScriptedModel([], can_think=can_think), sandbox)
    assert sum("thinking_min_tokens has no effect: scripted" in line for line in solver.notices) == told


def test_stream_ends_with_the_answer(open_with):
    events = list(open_with(Talk()).stream(FUNCTION))
    assert [type(event) for event in events].count(Finished) == 1
    assert isinstance(events[-1], Finished)
    assert events[-1].answer.verified


def test_events_tell_the_whole_story(open_with):
    events = list(open_with(Talk()).stream(FUNCTION))
    answer = events[-1].answer
    begun = [e.box for e in events if isinstance(e, BoxStarted)]
    ended = [e.box for e in events if isinstance(e, BoxFinished)]
    assert begun == ended
    assert begun[:2] == ["lens_routing", "plan_search"]
    arrived = [e.id for e in events if isinstance(e, CandidateArrived)]
    assert len(arrived) == len(set(arrived)) == 4
    assert {e.id for e in events if isinstance(e, CandidateRan)} == set(arrived)
    assert {(e.passed, e.total) for e in events if isinstance(e, CandidateRan)} == {(2, 2)}
    kinds = [(type(e), getattr(e, "box", "")) for e in events]
    assert kinds.index((CandidateRan, "")) < kinds.index((BoxFinished, "budgeted_generation"))
    spent = sum(cost.spent for cost in answer.cost)
    assert sum(e.tokens for e in events if isinstance(e, BoxFinished)) == spent
    assert [e.tokens for e in events if isinstance(e, Spent)][-1] == spent


def test_solver_serves_one_problem_after_another(open_with):
    solver = open_with(Talk())
    assert [solver.solve(FUNCTION).verified for _ in range(2)] == [True, True]


def test_settings_of_a_full_answer(open_with):
    answer = open_with(Talk()).solve(FUNCTION)
    assert (answer.sandbox, answer.model, answer.approved) == ("bubblewrap", "scripted", None)
    assert answer.seconds > 0
    assert 0.5 < answer.confidence <= 1.0


@pytest.mark.parametrize("kind", ["observe", "code", "tests"])
def test_cancelling_ends_soon_with_what_was_found(open_with, kind):
    reached = threading.Event()

    def dawdle(request) -> Completion | str:
        if kind_of(request) == kind:
            reached.set()
            wait_until(lambda: solver._cancelled.is_set())
        return Talk()(request)

    solver = open_with(dawdle, policy="full")
    found: list[Finished] = []
    thread = threading.Thread(
        target=lambda: found.extend(e for e in solver.stream(FUNCTION) if isinstance(e, Finished))
    )
    thread.start()
    assert reached.wait(10)
    began = time.monotonic()
    solver.cancel()
    thread.join(10)
    assert time.monotonic() - began < 2.0
    assert [event.answer.stop for event in found] == ["cancelled"]
    assert bool(found[0].answer.code) == (kind != "observe")


def test_cancelling_kills_a_running_program(open_with):
    solver = open_with(Talk({"code": fenced("def second(xs):\n    while True: pass")}), test_cpu_seconds=60.0)
    found: list[Finished] = []
    thread = threading.Thread(
        target=lambda: found.extend(e for e in solver.stream(FUNCTION) if isinstance(e, Finished))
    )
    thread.start()
    wait_until(lambda: sum(kind_of(r) == "code" for r in solver.model.requests) == 4)
    time.sleep(0.5)
    began = time.monotonic()
    solver.cancel()
    thread.join(10)
    assert time.monotonic() - began < 2.0
    assert [event.answer.stop for event in found] == ["cancelled"]


def test_failing_model_leaves_the_best_so_far(open_with):
    def fail_at_tests(request) -> str:
        if kind_of(request) == "tests":
            raise ModelError("the server went away: start it again")
        return str(Talk()(request))

    stream = open_with(fail_at_tests).stream(FUNCTION)
    events = []
    with pytest.raises(ModelError, match="went away"):
        keep(stream, events)
    assert isinstance(events[-1], Finished)
    assert (events[-1].answer.stop, events[-1].answer.verified) == ("failed", False)
    assert "sorted" in events[-1].answer.code


def test_failing_model_before_any_program_only_raises(open_with):
    def fail(request) -> str:
        raise ModelError("no such server")

    events = []
    with pytest.raises(ModelError):
        keep(open_with(fail).stream(FUNCTION), events)
    assert not [event for event in events if isinstance(event, Finished)]


def test_failing_branch_does_not_lose_its_siblings(open_with):
    """One slot of the fan-out fails after the others were written."""
    others = threading.Barrier(4)

    def fail_once(request) -> str:
        if kind_of(request) == "code":
            others.wait(10)
            if "Follow this plan" not in request.messages[1].content:
                time.sleep(0.3)
                raise ModelError("out of memory")
        return str(Talk()(request))

    events = []
    with pytest.raises(ModelError):
        keep(open_with(fail_once, policy="full").stream(FUNCTION), events)
    assert isinstance(events[-1], Finished)
    assert "sorted" in events[-1].answer.code


class LostSandbox:
    """A sandbox whose engine went away."""

    name, notice, workers = "lost", "", 2

    def __init__(self, failures: int, real) -> None:
        self.failures, self.real = failures, real

    def run(self, *args, **options):
        self.failures -= 1
        if self.failures >= 0:
            raise SandboxUnavailableError("the engine does not answer: start it")
        return self.real.run(*args, **options)

    def close(self) -> None:
        """Nothing to close."""


def test_sandbox_is_tried_twice(sandbox):
    solver = OpenSolver(Settings(k=2, policy="phase1"), ScriptedModel(Talk()), LostSandbox(1, sandbox))
    assert solver.solve(FUNCTION).code


def test_lost_sandbox_leaves_the_programs(sandbox):
    solver = OpenSolver(Settings(k=2), ScriptedModel(Talk()), LostSandbox(100, sandbox))
    events = []
    with pytest.raises(SandboxUnavailableError, match="does not answer"):
        keep(solver.stream(FUNCTION), events)
    assert isinstance(events[-1], Finished)
    assert (events[-1].answer.verified, events[-1].answer.reason) == (False, "the program was not run on any test")


def test_empty_problem_is_refused(open_with):
    with pytest.raises(ProblemError, match="empty"):
        open_with(Talk()).solve(" \n ")


def test_approval_cannot_be_skipped(open_with):
    """Without a checkpointer nobody can be asked: no answer may slip through."""
    with pytest.raises(ValueError, match="approve"):
        open_with(Talk(), approve=True).solve(FUNCTION)


def test_failure_after_a_program_is_an_answer_that_says_so(open_with):
    def fail_at_tests(request) -> str:
        if kind_of(request) == "tests":
            raise ModelError("the server went away: start it again")
        return str(Talk()(request))

    answer = open_with(fail_at_tests).solve(FUNCTION)
    assert (answer.stop, answer.verified) == ("failed", False)


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_fits_the_step_limit(make_context, policy):
    """The longest possible schedule ends by itself before LangGraph's limit."""
    context = make_context(ScriptedModel([]), policy=policy)
    schedule = context.policy.schedule
    longest = sum(step.times for step in schedule) or context.settings.max_rounds
    assert run_config(context)["recursion_limit"] > 7 * longest


def test_event_loop_goes_on_while_it_solves(open_with):
    async def both() -> tuple[Answer, int]:
        ticks = 0
        solving = asyncio.create_task(open_with(Talk()).asolve(FUNCTION))
        while not solving.done():
            ticks += 1
            await asyncio.sleep(0.01)
        return await solving, ticks

    answer, ticks = asyncio.run(both())
    assert answer.verified
    assert ticks > 5


def test_async_stream_tells_the_same_story(open_with):
    async def story() -> list[str]:
        return [type(event).__name__ async for event in open_with(Talk()).astream(FUNCTION)]

    told = asyncio.run(story())
    assert sorted(told) == sorted(type(event).__name__ for event in open_with(Talk()).stream(FUNCTION))
    assert told[-1] == "Finished"


def test_cancelled_task_ends_the_search(open_with):
    reached = threading.Event()

    def dawdle(request) -> str:
        reached.set()
        wait_until(lambda: solver._cancelled.is_set())
        return fenced("def total(xs): return 0")

    solver = open_with(dawdle)

    async def give_up() -> float:
        task = asyncio.create_task(solver.asolve(FUNCTION))
        await asyncio.to_thread(reached.wait, 30)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - began

    assert asyncio.run(give_up()) < 5.0
    assert solver._cancelled.is_set()
