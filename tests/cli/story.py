"""A solver that tells a story, so that the command line is tested without a model or a sandbox."""

from __future__ import annotations

from cli.solve import SolveOptions
from graphs.events import BoxFinished, BoxStarted, CandidateArrived, CandidateRan, Finished, Spent
from nodes.state import Answer, Cost

PROBLEM = "Write a function `total(xs)` that returns the sum.\n\n>>> total([1, 2])\n3\n"
CODE = "def total(xs):\n    return sum(xs)"


class StorySolver:
    """Stands in for `graphs.OpenSolver`: yields the events it was given and raises the errors among them."""

    def __init__(self, events, notices=()):
        self.events, self.notices = events, notices
        self.cancelled = self.closed = False
        self.settings = self.span = None

    def __call__(self, settings):
        """Be its own opener."""
        self.settings = settings
        return self

    def stream(self, problem, *, thread=""):
        for event in self.events:
            if isinstance(event, Exception):
                raise event
            yield event(self) if callable(event) else event

    def cancel(self):
        self.cancelled = True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed = True


def an_answer(**changes):
    cost = (Cost(box="budgeted_generation", calls=2, tokens=90, thinking_tokens=10, seconds=1.5, sandbox_seconds=0.25),)
    values = {"code": CODE, "verified": True, "reason": "passes everything", "confidence": 0.9, "stop": "verified"}
    values |= {"evidence": ("examples passed: 1 of 1",), "cost": cost, "seconds": 2.0, "model": "m", "sandbox": "s"}
    return Answer(**values | changes)


def a_story(*last):
    return [
        BoxStarted(box="lens_routing"),
        BoxFinished(box="lens_routing", seconds=0.001, tokens=0),
        BoxStarted(box="budgeted_generation"),
        CandidateArrived(id="c1", origin="plain", tokens=100),
        BoxFinished(box="budgeted_generation", seconds=1.5, tokens=100),
        CandidateRan(id="c1", passed=1, total=1, status="passed"),
        Spent(tokens=100, seconds=2.0),
        *last,
    ]


def options(**changes):
    return SolveOptions(**{"argument": PROBLEM, "flags": {}} | changes)


def finished(**changes):
    return Finished(answer=an_answer(**changes))
