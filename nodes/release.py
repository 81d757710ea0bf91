"""Hand the answer out; ask a person first when the settings say so.

The interrupt stands alone in its box, since a box starts from its top when the run is resumed.
"""

from __future__ import annotations

from dataclasses import replace

from langgraph.runtime import Runtime
from langgraph.types import interrupt

from nodes.context import Context
from nodes.state import Answer, SolveState, Update


def release(state: SolveState, runtime: Runtime[Context]) -> Update:
    """Return the answer; with `approve` set, pause until a person says yes (any true value) or no."""
    answer = state.answer or Answer(code="", verified=False, reason="the search was not started", confidence=0.0)
    if not runtime.context.settings.approve:
        return {"answer": answer}
    question = {"code": answer.code, "verified": answer.verified, "reason": answer.reason}
    return {"answer": replace(answer, approved=bool(interrupt(question)))}
