"""Weigh the evidence: a box without a model call. The arithmetic is in `nodes/evidence.py`."""

from __future__ import annotations

from langgraph.runtime import Runtime

from nodes.context import Context
from nodes.evidence import weigh
from nodes.state import SolveState, Update


def self_verification(state: SolveState, runtime: Runtime[Context]) -> Update:
    """Replace the evidence by what all outcomes say now."""
    evidence = weigh(state, runtime.context.lens_in_force)
    right = sum(e.passes_examples and e.public_total > 0 for e in evidence)
    runtime.stream_writer({"kind": "weighed", "candidates": len(evidence), "pass_examples": right})
    return {"evidence": evidence}
