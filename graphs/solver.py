"""THE FIGURE: one hub, four moves, one loop. No logic here; boxes are in `nodes/`, arrows' conditions in `routes`."""

from __future__ import annotations

from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Checkpointer, RetryPolicy

from graphs.routes import BOX_OF_MOVE, fan_out, next_box
from nodes.budgeted_generation import BOX as GENERATION
from nodes.budgeted_generation import SlotInput, budgeted_generation_node
from nodes.context import Context
from nodes.distinguish import distinguish
from nodes.diversity_sampling import diversity_sampling
from nodes.lens_routing import lens_routing
from nodes.plan_search import plan_search
from nodes.release import release
from nodes.repair import repair
from nodes.sandbox_execution import sandbox_execution
from nodes.self_test_synthesis import self_test_synthesis
from nodes.self_verification import self_verification
from nodes.state import SolveInput, SolveState
from sandbox.base import SandboxUnavailableError

RUN_AGAIN = RetryPolicy(max_attempts=2, retry_on=SandboxUnavailableError)

Solver = CompiledStateGraph[SolveState, Context, SolveInput, SolveState]


def figure() -> StateGraph[SolveState, Context, SolveInput, SolveState]:
    """Return the graph as drawn in the README."""
    return (
        StateGraph(SolveState, context_schema=Context, input_schema=SolveInput)
        .add_node(lens_routing)
        .add_node(plan_search)
        .add_node(diversity_sampling)
        .add_node(GENERATION, budgeted_generation_node, input_schema=SlotInput)
        .add_node(self_test_synthesis)
        .add_node(distinguish)
        .add_node(repair)
        .add_node(sandbox_execution, defer=True, retry_policy=RUN_AGAIN)
        .add_node(self_verification)
        .add_node(release)
        .add_edge(START, "lens_routing")
        .add_conditional_edges("lens_routing", next_box, list(BOX_OF_MOVE.values()))
        .add_edge("plan_search", "diversity_sampling")
        .add_conditional_edges("diversity_sampling", fan_out, [GENERATION, "lens_routing"])
        .add_edge(GENERATION, "sandbox_execution")
        .add_edge("self_test_synthesis", "sandbox_execution")
        .add_edge("distinguish", "sandbox_execution")
        .add_edge("repair", "sandbox_execution")
        .add_edge("sandbox_execution", "self_verification")
        .add_edge("self_verification", "lens_routing")
        .add_edge("release", END)
    )


def build_solver(*, checkpointer: Checkpointer = None, **compile_options: Any) -> Solver:
    """Return the compiled graph. Run it with `context=Context(...)`; `graphs.solve` does all of that.

    A larger graph with a state of its own calls it from one of its boxes:

    >>> from pathlib import Path
    >>> from typing_extensions import TypedDict
    >>> from graphs.factory import context_for, open_box, open_model
    >>> from nodes.settings import Settings
    >>> settings = Settings()
    >>> model, sandbox = open_model(settings), open_box(settings)
    >>> solver, context = build_solver(), context_for(settings, model, sandbox)
    >>> class Ticket(TypedDict, total=False):
    ...     text: str
    ...     patch: str
    >>> def write_patch(ticket: Ticket) -> Ticket:
    ...     return {"patch": solver.invoke({"statement": ticket["text"]}, context=context)["answer"].code}
    >>> outer = StateGraph(Ticket).add_node(write_patch).add_edge(START, "write_patch").compile()
    >>> outer.invoke({"text": Path("cli/embedded_example.md").read_text()})["patch"].startswith("def pack_line(")
    True
    >>> model.close(); sandbox.close()

    Args:
        checkpointer: where the state is stored between steps; needed for approval and for resuming.
        compile_options: passed on to `StateGraph.compile`.
    """
    return figure().compile(checkpointer=checkpointer, name="atlas", **compile_options)
