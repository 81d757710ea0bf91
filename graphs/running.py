"""Run the figure: open a model and a sandbox once, solve problems, report what happens as typed events."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from langchain_core.runnables import RunnableConfig

from graphs.events import BoxFinished, BoxStarted, CandidateArrived, CandidateRan, Event, Finished, Spent
from graphs.factory import context_for, open_box, open_model
from graphs.solver import Solver, build_solver
from inference.base import Model, ModelError
from nodes.answering import best_answer
from nodes.context import Context
from nodes.problem_text import read_problem
from nodes.settings import Settings
from nodes.state import Answer, Problem, SolveInput, SolveState, add_costs
from sandbox.base import Sandbox, SandboxUnavailableError

_STREAM: dict[str, Any] = {"stream_mode": ["tasks", "custom", "updates", "values"], "version": "v2"}
STEPS_PER_MOVE = 7
"""Super-steps of the longest move (widen), and the hub."""


class OpenSolver:
    """A solver with its model loaded and its sandbox proved; a context manager. One problem at a time."""

    def __init__(self, settings: Settings, model: Model, sandbox: Sandbox) -> None:
        """Keep the collaborators; `open_solver` makes them from settings.

        Raises:
            ValueError: `approve` is set, which pauses a run and so needs a graph with a checkpointer.
        """
        if settings.approve:
            raise ValueError("approve pauses the run: use build_solver(checkpointer=...), or ask once solve() is done")
        self.settings = settings
        self.model = model
        self.sandbox = sandbox
        self._graph: Solver = build_solver()
        self._cancelled = threading.Event()

    @property
    def notices(self) -> tuple[str, ...]:
        """Lines that a person should read before trusting the answers."""
        return tuple(text for text in (self.model.notice, self.sandbox.notice) if text)

    def cancel(self) -> None:
        """End the run soon; its stream still ends with the best answer so far. Safe in a signal handler."""
        self._cancelled.set()

    def solve(self, problem: Problem | str) -> Answer:
        """Return the answer to a problem, given as a record or as its text; its `stop` says how the search ended.

        Raises:
            ProblemError: the text is no problem.
            ModelError: the model failed before a program was found; afterwards `stop` is `failed`.
            SandboxUnavailableError: the sandbox failed, likewise.
        """
        return next(event.answer for event in self.stream(problem) if isinstance(event, Finished))

    def stream(self, problem: Problem | str) -> Iterator[Event]:
        """Yield what happens, ending with `Finished`.

        When the model or the sandbox fails after a program was found, `Finished` carries the best answer so far and
        the error follows.

        Raises:
            ProblemError: the text is no problem.
            ModelError: the model failed.
            SandboxUnavailableError: the sandbox failed.
        """
        teller, context = self._begin(problem)
        try:
            yield from self._follow(teller, context)
        except (ModelError, SandboxUnavailableError):
            if teller.state.candidates:
                yield Finished(answer=best_answer(teller.state, context, "failed"))
            raise
        yield Finished(answer=teller.state.answer or best_answer(teller.state, context, "failed"))

    async def asolve(self, problem: Problem | str) -> Answer:
        """Return the answer to a problem without blocking the event loop; see `solve` and `astream`."""
        answer = Answer(code="", verified=False, reason="the search was not started", confidence=0.0)
        async with aclosing(self.astream(problem)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    answer = event.answer
        return answer

    async def astream(self, problem: Problem | str) -> AsyncGenerator[Event]:
        """Yield what happens without blocking the event loop; see `stream`.

        Closing the generator, or cancelling the task that waits for it, ends the search between two tokens.
        """
        teller, context = self._begin(problem)
        cancelled = self._cancelled
        try:
            parts = self._graph.astream(
                SolveInput(problem=teller.state.problem), run_config(context), context=context, **_STREAM
            )
            async for part in parts:
                for event in teller.tell(part):
                    yield event
        except (ModelError, SandboxUnavailableError):
            if teller.state.candidates:
                yield Finished(answer=best_answer(teller.state, context, "failed"))
            raise
        finally:
            cancelled.set()
        yield Finished(answer=teller.state.answer or best_answer(teller.state, context, "failed"))

    def run(self, problem: Problem | str) -> SolveState:
        """Return the final blackboard of a search: every plan, candidate, test and outcome beside the answer.

        Raises:
            ProblemError: the text is no problem.
            ModelError: the model failed.
            SandboxUnavailableError: the sandbox failed.
        """
        teller, context = self._begin(problem)
        for _ in self._follow(teller, context):
            pass
        return teller.state

    def _begin(self, problem: Problem | str) -> tuple[_Teller, Context]:
        """Return what a run needs, with a cancellation of its own: a run that still ends is not revived by the next."""
        self._cancelled = threading.Event()
        context = context_for(self.settings, self.model, self.sandbox, self._cancelled.is_set)
        state = SolveState(problem=read_problem(problem) if isinstance(problem, str) else problem)
        return _Teller(state), context

    def _follow(self, teller: _Teller, context: Context) -> Iterator[Event]:
        """Run the graph; `teller` holds the state as far as it came."""
        problem = SolveInput(problem=teller.state.problem)
        for part in self._graph.stream(problem, run_config(context), context=context, **_STREAM):
            yield from teller.tell(part)

    def close(self) -> None:
        """Free the model and remove every box."""
        self.model.close()
        self.sandbox.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()


def open_solver(settings: Settings = Settings()) -> OpenSolver:
    """Load the model and prove the sandbox.

    >>> from pathlib import Path
    >>> from graphs import open_solver
    >>> with open_solver() as solver:
    ...     events = [type(event).__name__ for event in solver.stream(Path("cli/example.md").read_text())]
    >>> "CandidateArrived" in events, events[-1]
    (True, 'Finished')

    Raises:
        ModelError: one line says what is wrong with the model.
        SandboxUnavailableError: no back end holds; one line names the cause and the command that mends it.
    """
    sandbox = open_box(settings)
    try:
        model = open_model(settings)
    except BaseException:
        sandbox.close()
        raise
    return OpenSolver(settings, model, sandbox)


def solve(problem: Problem | str, settings: Settings = Settings()) -> Answer:
    """Return the answer to one problem; the model is loaded for it and freed after it.

    >>> from pathlib import Path
    >>> from graphs import solve
    >>> answer = solve(Path("cli/example.md").read_text())
    >>> answer.code.startswith("def pick_items(")
    True

    Raises:
        ProblemError: the text is no problem.
        ModelError: the model failed before a program was found; afterwards `stop` is `failed`.
        SandboxUnavailableError: the sandbox failed, likewise.
    """
    with open_solver(settings) as solver:
        return solver.solve(problem)


async def asolve(problem: Problem | str, settings: Settings = Settings()) -> Answer:
    """Return the answer to one problem without blocking the event loop; see `solve`.

    >>> import asyncio
    >>> from pathlib import Path
    >>> from graphs import asolve
    >>> answer = asyncio.run(asolve(Path("cli/example.md").read_text()))
    >>> answer.code.startswith("def pick_items(")
    True

    """
    solver = await asyncio.to_thread(open_solver, settings)
    try:
        return await solver.asolve(problem)
    finally:
        await asyncio.to_thread(solver.close)


def run_config(context: Context) -> RunnableConfig:
    """Return LangGraph's limits for a run: enough steps for every move, enough threads for every slot."""
    settings = context.settings
    moves = settings.max_programs + settings.max_rounds + sum(step.times for step in context.policy.schedule)
    # A streaming run keeps one thread for itself: with a single one it would wait for ever.
    return {"recursion_limit": STEPS_PER_MOVE * (moves + 2), "max_concurrency": context.k + 2}


class _Teller:
    """Turns the graph's stream into events; a fanned-out box is told once per super-step."""

    def __init__(self, state: SolveState) -> None:
        self.state = state
        self._began: dict[str, float] = {}
        self._tokens: dict[str, int] = {}
        self._start = time.monotonic()

    def tell(self, part: Any) -> Iterator[Event]:
        """Yield the events of one part of the stream (`version="v2"`: type, ns, data)."""
        data = part["data"]
        if part["type"] == "tasks" and "input" in data:
            yield from self._started(data["name"])
        elif part["type"] == "custom":
            yield from self._custom(data)
        elif part["type"] == "updates":
            self._updated(data)
        elif part["type"] == "values":
            self.state = data if isinstance(data, SolveState) else SolveState(**data)
            yield from self._stepped()

    def _started(self, box: str) -> Iterator[Event]:
        if box not in self._began:
            self._began[box] = time.monotonic()
            yield BoxStarted(box=box)

    def _updated(self, data: dict[str, Any]) -> None:
        """Count tokens, and keep programs as they come, so that a failing sibling does not lose them."""
        for box, update in data.items():
            written = update or {}
            self._tokens[box] = self._tokens.get(box, 0) + sum(c.spent for c in written.get("costs", ()))
            if box in self._began and "candidates" in written:
                found = (*self.state.candidates, *written["candidates"])
                self.state = replace(
                    self.state, candidates=found, costs=add_costs(self.state.costs, written.get("costs", ()))
                )

    def _stepped(self) -> Iterator[Event]:
        now = time.monotonic()
        for box, began in self._began.items():
            yield BoxFinished(box=box, seconds=now - began, tokens=self._tokens.get(box, 0))
        self._began, self._tokens = {}, {}
        yield Spent(tokens=self.state.tokens_spent, seconds=now - self._start)

    def _custom(self, data: dict[str, Any]) -> Iterator[Event]:
        if data["kind"] == "candidate":
            yield CandidateArrived(id=data["id"], origin=data["origin"], tokens=data["tokens"])
        elif data["kind"] == "ran":
            for candidate in self.state.candidates:
                if candidate.program_id == data["program_id"]:
                    yield CandidateRan(
                        id=candidate.id, passed=data["passed"], total=data["total"], status=data["status"]
                    )
