"""The graph for LangGraph's own server and Studio: a statement is enough to run it.

A server hands over JSON, no model. Its context is therefore `Settings`; the model is loaded and the sandbox proved at
the first run, once per process, and ride along from then on.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from functools import cache
from typing import Any

from langgraph.graph.state import CompiledStateGraph

from graphs.configuration import load_settings
from graphs.factory import context_for, open_box, open_model
from graphs.solver import build_solver
from inference.base import Model
from nodes.context import Context
from nodes.settings import Settings
from nodes.state import SolveInput, SolveState
from sandbox.base import Sandbox


@cache
def collaborators() -> tuple[Model, Sandbox]:
    """Return this process's model and sandbox, from `atlas.toml` and the environment.

    Raises:
        ModelError: one line says what is wrong with the model.
        SandboxUnavailableError: no back end holds.
    """
    settings = load_settings(None, os.environ, {})
    return open_model(settings), open_box(settings)


def run_context(given: Context | Settings | dict[str, Any] | None) -> Context:
    """Return the context of a run whose caller gave settings, as a record or as JSON, or nothing."""
    if isinstance(given, Context):
        return given
    chosen = asdict(given) if isinstance(given, Settings) else given
    settings = Settings(**chosen) if chosen else load_settings(None, os.environ, {})
    return context_for(settings, *collaborators())


class StudioSolver(CompiledStateGraph[SolveState, Context, SolveInput, SolveState]):
    """The figure, run with this machine's model and sandbox."""

    def stream(self, *args: Any, context: Any = None, **options: Any) -> Iterator[Any]:
        """Stream a run; see `CompiledStateGraph.stream`."""
        return super().stream(*args, context=run_context(context), **options)

    def astream(self, *args: Any, context: Any = None, **options: Any) -> AsyncIterator[Any]:
        """Stream a run; see `CompiledStateGraph.astream`."""
        return super().astream(*args, context=run_context(context), **options)


def make_graph() -> StudioSolver:
    """Return the graph that `langgraph.json` names; loading it loads no model."""
    plain = build_solver()
    return StudioSolver(**{**plain.__dict__, "context_schema": Settings})


graph = make_graph()
