"""Run the figure: open a model and a sandbox once, solve problems, report what happens as typed events."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, aclosing, closing
from dataclasses import dataclass, replace
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.types import Command

from graphs.configuration import ThreadError
from graphs.events import AwaitsApproval, Event, Finished
from graphs.factory import context_for, open_box, open_model
from graphs.solver import Solver, build_solver
from graphs.telling import Teller
from graphs.threads import new_config, resumed_config
from graphs.tracing import open_tracing
from inference.base import Model, ModelError
from nodes.answering import best_answer
from nodes.context import Context
from nodes.problem_text import read_problem
from nodes.settings import Settings
from nodes.state import Answer, Problem, SolveInput, SolveState
from sandbox.base import Sandbox, SandboxUnavailableError

if TYPE_CHECKING:
    from graphs.tracing import RunTrace, SpanIds, Tracing

_STREAM: dict[str, Any] = {"stream_mode": ["tasks", "custom", "updates", "values"], "version": "v2"}
STEPS_PER_MOVE = 7
"""Super-steps of the longest move (widen), and the hub."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One run of the graph."""

    teller: Teller
    context: Context
    given: SolveInput | Command[Any] | None
    """None goes on from the thread's last checkpoint, a command answers the question on which it waits."""
    config: RunnableConfig
    trace: RunTrace | None = None

    def told(self, part: Any) -> Iterator[Event]:
        """Yield the events of one part of the graph's stream, and trace them."""
        for event in self.teller.tell(part):
            yield self.traced(event)

    def traced(self, event: Event) -> Event:
        """Trace an event and return it."""
        if self.trace is not None:
            self.trace.note(event)
        return event

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the trace."""
        if self.trace is not None:
            self.trace.end(error)


@cache
def plain_graph() -> Solver:
    """Return the graph without a checkpointer, compiled once: it holds nothing of a run, and compiling takes long."""
    return build_solver()


class OpenSolver:
    """A solver with its model loaded and its sandbox proved; a context manager. One problem at a time."""

    def __init__(self, settings: Settings, model: Model, sandbox: Sandbox, tracing: Tracing | None = None) -> None:
        """Keep the collaborators; `open_solver` makes them from settings."""
        self.settings = settings
        self.model = model
        self.sandbox = sandbox
        self.tracing = tracing
        self._trace: RunTrace | None = None
        self._store: BaseCheckpointSaver[str] | None = None
        self._graph = plain_graph()
        self._cancelled = threading.Event()

    @property
    def notices(self) -> tuple[str, ...]:
        """Lines that a person should read before trusting the answers."""
        vain = self.settings.thinking_min_tokens > 0 and not self.model.can_think
        own = (
            f"thinking_min_tokens has no effect: {self.model.name} has no thinking that ATLAS can steer" if vain else ""
        )
        return tuple(text for text in (self.model.notice, self.sandbox.notice, own) if text)

    @property
    def span(self) -> SpanIds | None:
        """Ids of the span that the last event belongs to, for a log beside it; None where nothing is traced."""
        return self._trace.ids if self._trace is not None else None

    def keep_in(self, store: BaseCheckpointSaver[str]) -> None:
        """Store the searches from now on that are given the name of a thread; see `graphs.threads.open_store`."""
        self._store = store
        self._graph = build_solver(checkpointer=store)

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

    def stream(self, problem: Problem | str, *, thread: str = "") -> Iterator[Event]:
        """Yield what happens, ending with `Finished`, or with `AwaitsApproval` where the settings say `approve`.

        When the model or the sandbox fails after a program was found, `Finished` carries the best answer so far and
        the error follows.

        Args:
            problem: a record, or its text.
            thread: name under which every step is stored; needs `keep_in`.

        Raises:
            ProblemError: the text is no problem.
            ModelError: the model failed.
            SandboxUnavailableError: the sandbox failed.
            ThreadError: the thread holds a search that has not ended.
            ValueError: `approve` is set, which pauses a run, and no thread is named that would keep it.
        """
        return self._tell(self._begin(problem, thread))

    def resume(self, thread: str) -> Iterator[Event]:
        """Go on with a stored search where it stopped, killed or not, and yield what happens as `stream` does.

        The time between is not charged to the budget of seconds. A search that has ended is told again, at no cost.

        Raises:
            ThreadError: there is no such thread, or it waits for a person.
        """
        return self._tell(self._continue(thread))

    def decide(self, thread: str, *, approved: bool) -> Iterator[Event]:
        """Release or refuse the answer of a stored search that waits for a person, and yield what happens.

        Raises:
            ThreadError: there is no such thread, or nobody is asked.
        """
        return self._tell(self._continue(thread, Command(resume=approved)))

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
        run = self._begin(problem)
        cancelled = self._cancelled
        with run:
            try:
                async for part in self._graph.astream(run.given, run.config, context=run.context, **_STREAM):
                    for event in run.told(part):
                        yield event
            except (ModelError, SandboxUnavailableError):
                if run.teller.state.candidates:
                    yield _finished(run)
                raise
            finally:
                cancelled.set()
            yield _finished(run)

    def run(self, problem: Problem | str) -> SolveState:
        """Return the final blackboard of a search: every plan, candidate, test and outcome beside the answer.

        Raises:
            ProblemError: the text is no problem.
            ModelError: the model failed.
            SandboxUnavailableError: the sandbox failed.
        """
        with self._begin(problem) as run:
            for _ in self._follow(run):
                pass
        return run.teller.state

    def _begin(self, problem: Problem | str, thread: str = "") -> _Run:
        if self.settings.approve and not thread:
            raise ValueError("approve pauses the run: name a thread, or use build_solver(checkpointer=...)")
        state = SolveState(problem=read_problem(problem) if isinstance(problem, str) else problem)
        config = new_config(self._store, thread, self.settings) if thread else {}
        return self._run(state, SolveInput(problem=state.problem), config)

    def _continue(self, thread: str, decision: Command[Any] | None = None) -> _Run:
        if self._store is None:
            raise ThreadError("no store: call keep_in first")
        config, paused_s = resumed_config(self._store, thread, self.settings, decides=decision is not None)
        state = self._graph.get_state(config).values
        state = state if isinstance(state, SolveState) else SolveState(**state)
        return self._run(state, decision, config, paused_s)

    def _run(
        self, state: SolveState, given: SolveInput | Command[Any] | None, config: RunnableConfig, paused_s: float = 0.0
    ) -> _Run:
        """Return a run with a cancellation of its own: one that has still to end is not revived by the next."""
        self._cancelled = threading.Event()
        # Whoever decides was asked, whatever the settings say today.
        settings = replace(self.settings, approve=self.settings.approve or isinstance(given, Command))
        context = context_for(settings, self.model, self.sandbox, self._cancelled.is_set)
        context = replace(context, paused_s=paused_s)
        if self.tracing is not None:
            self._trace = self.tracing.begin(self.settings, self.model.name, self.sandbox.name)
        config = {**run_config(context), **config}
        return _Run(teller=Teller(state), context=context, given=given, config=config, trace=self._trace)

    def _tell(self, run: _Run) -> Iterator[Event]:
        with run:
            try:
                yield from self._follow(run)
            except (ModelError, SandboxUnavailableError):
                if run.teller.state.candidates:
                    yield _finished(run)
                raise
            yield _finished(run)

    def _follow(self, run: _Run) -> Iterator[Event]:
        """Run the graph; the teller holds the state as far as it came."""
        options = {**_STREAM, **({"durability": "sync"} if run.config.get("configurable") else {})}
        for part in self._graph.stream(run.given, run.config, context=run.context, **options):
            yield from run.told(part)

    def close(self) -> None:
        """Free the model, remove every box and send the spans that are left."""
        self.model.close()
        self.sandbox.close()
        if self.tracing is not None:
            self.tracing.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()


def _finished(run: _Run) -> Event:
    answer = run.teller.state.answer or best_answer(run.teller.state, run.context, "failed")
    return run.traced(AwaitsApproval(answer=answer) if run.teller.waits else Finished(answer=answer))


def open_solver(settings: Settings = Settings()) -> OpenSolver:
    """Load the model and prove the sandbox.

    >>> from pathlib import Path
    >>> from graphs import open_solver
    >>> with open_solver() as solver:
    ...     events = [type(event).__name__ for event in solver.stream(Path("cli/embedded_example.md").read_text())]
    >>> "CandidateArrived" in events, events[-1]
    (True, 'Finished')

    Raises:
        ModelError: one line says what is wrong with the model.
        SandboxUnavailableError: no back end holds; one line names the cause and the command that mends it.
        SettingsError: the file for traces cannot be written.
    """
    with ExitStack() as opened:
        tracing = open_tracing(settings.traces) if settings.traces else None
        if tracing is not None:
            opened.callback(tracing.close)
        sandbox = opened.enter_context(closing(open_box(settings)))
        solver = OpenSolver(settings, open_model(settings), sandbox, tracing)
        opened.pop_all()
    return solver


def solve(problem: Problem | str, settings: Settings = Settings()) -> Answer:
    """Return the answer to one problem; the model is loaded for it and freed after it.

    >>> from pathlib import Path
    >>> from graphs import solve
    >>> answer = solve(Path("cli/embedded_example.md").read_text())
    >>> answer.code.startswith("def pack_line(")
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
    >>> answer = asyncio.run(asolve(Path("cli/embedded_example.md").read_text()))
    >>> answer.code.startswith("def pack_line(")
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
