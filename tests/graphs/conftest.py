"""A scripted programmer and one real sandbox, so that the real graph runs as it does for a person."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from graphs.policies import POLICIES
from graphs.running import run_config
from graphs.solver import build_solver
from inference.scripted import ScriptedModel
from nodes.context import Context
from nodes.problem_text import read_problem
from nodes.settings import Settings
from nodes.state import Answer, Problem, SolveInput, SolveState
from tests.graphs.programmer import Talk, kind_of


@pytest.fixture(scope="session")
def sandbox():
    from sandbox.choice import open_sandbox

    with open_sandbox("bubblewrap", workers=2) as opened:
        yield opened


@dataclass
class Run:
    """What a run left behind."""

    state: SolveState
    model: ScriptedModel

    @property
    def answer(self) -> Answer:
        assert self.state.answer is not None
        return self.state.answer

    @property
    def asked(self) -> list[str]:
        return [kind_of(request) for request in self.model.requests]


@pytest.fixture
def make_context(sandbox):
    def make(model: ScriptedModel, *, cancelled: Callable[[], bool] = lambda: False, **settings) -> Context:
        chosen = Settings(**{"k": 4, "test_generations": 2, **settings})
        return Context(
            model=model, sandbox=sandbox, policy=POLICIES[chosen.policy], settings=chosen, cancelled=cancelled
        )

    return make


@pytest.fixture
def run(make_context):
    """Run the whole figure once."""

    def go(problem: str | Problem, script=None, *, cancelled=lambda: False, profile="full", **settings) -> Run:
        asked = read_problem(problem) if isinstance(problem, str) else problem
        model = ScriptedModel(Talk(script or {}) if not callable(script) else script, profile=profile)
        context = make_context(model, cancelled=cancelled, **settings)
        end = build_solver().invoke(SolveInput(problem=asked), run_config(context), context=context)
        state = end if isinstance(end, SolveState) else SolveState(**end)
        return Run(state=state, model=model)

    return go


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for another thread.

    Raises:
        TimeoutError: it did not happen.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.005)
