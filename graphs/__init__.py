"""The figure: one hub, four moves, one loop.

`from graphs import solve` runs it with one call (`asolve` for an event loop), `open_solver` keeps the model loaded
between problems, and `build_solver` gives the bare graph for a larger one. Names are imported when they are first
used, so that a front end which only reads settings does not pay for LangGraph.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphs.running import OpenSolver, asolve, open_solver, solve
    from graphs.solver import build_solver

__all__ = ["OpenSolver", "asolve", "build_solver", "open_solver", "solve"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'graphs' has no attribute {name!r}")
    return getattr(import_module("graphs.solver" if name == "build_solver" else "graphs.running"), name)
