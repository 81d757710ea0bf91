"""Follow a stored search once more through the real graph, with every text and every execution from the pool.

Limits: it ends where it would ask for what the pool does not hold, as after a change of a prompt or of a move.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from benchmark.database import Store
from benchmark.measures import Graded
from benchmark.recorded_model import NotInPoolError, RecordedModel
from benchmark.recorded_sandbox import RecordedSandbox
from benchmark.spent import Meter
from graphs.factory import context_for
from graphs.running import plain_graph, run_config
from inference.base import Model
from nodes.context import Context
from nodes.settings import Settings
from nodes.state import SolveInput, SolveState, content_id
from sandbox.base import Execution, Limits, Program


class StoredSandbox:
    """A sandbox that knows what one stored search ran, for what the pool leaves out: executions that timed out."""

    notice = ""
    workers = 1

    def __init__(self, name: str, state: SolveState) -> None:
        """Keep the outcomes of a stored search under the name of its back end."""
        self.name = name
        self._outcomes = {(o.program_id, o.input_id): o for o in state.outcomes if o.status == "timeout"}

    def run(
        self,
        program: Program,
        inputs: Sequence[str],
        limits: Limits = Limits(),
        *,
        cancelled: Callable[[], bool] | None = None,
    ) -> tuple[Execution, ...]:
        """Return the timeouts of these inputs.

        Raises:
            NotInPoolError: the program did something else on one of them.
        """
        names = [(content_id(program.source), content_id(text)) for text in inputs]
        if not all(name in self._outcomes for name in names):
            raise NotInPoolError("an execution is not in the pool")
        kept = [self._outcomes[name] for name in names]
        return tuple(Execution(status="timeout", output=o.output, error=o.error, cpu_s=o.cpu_s) for o in kept)

    def close(self) -> None:
        """Do nothing."""


def replayed(
    graded: Graded, settings: Settings, model: Model, pool: Store, sandbox: str
) -> tuple[Context, RoundStates]:
    """Return the context of a stored search and its state after each round.

    Args:
        graded: the stored search.
        settings: its own.
        model: of the same file; asked for token counts only.
        pool: its file.
        sandbox: the back end whose executions are in the pool.

    Raises:
        NotInPoolError: it cannot be followed.
    """
    meter = Meter()
    silent = RecordedModel(model, pool, meter, only_pool=True)
    stored = RecordedSandbox(StoredSandbox(sandbox, graded.run.state), pool, meter)
    context = context_for(settings, silent, stored)
    states = tuple(_after_rounds(graded, context))
    if (states[-1].answer and states[-1].answer.code) != graded.run.code:
        raise NotInPoolError("it ends with another answer than the stored one")
    return context, states


RoundStates = tuple[SolveState, ...]
"""After the first round, the second, ... as the hub saw it; the last one holds the answer."""


def _after_rounds(graded: Graded, context: Context) -> Iterator[SolveState]:
    rounds = 0
    given = SolveInput(problem=graded.sheet.problem)
    for values in plain_graph().stream(given, run_config(context), context=context, stream_mode="values"):
        state = values if isinstance(values, SolveState) else SolveState(**values)
        if state.answer is not None:
            yield state
            return
        if len(state.history) > rounds:
            if rounds:
                yield replace(state, history=state.history[:rounds])
            rounds = len(state.history)
