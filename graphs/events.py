"""What a search reports while it runs: frozen records, the same for the terminal, the log and a program.

This module needs nothing of LangGraph, so that a front end can name the events before it pays for the import.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from nodes.state import Answer, Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxStarted:
    """A box of the figure began to work."""

    box: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxFinished:
    """A box ended; a box that is fanned out reports once per super-step."""

    box: str
    seconds: float
    tokens: int
    """Generated tokens of this box in this step, thinking included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnswered:
    """The model wrote the texts that a box asked for in one call."""

    box: str
    texts: int
    tokens: int
    """Generated tokens, thinking included."""
    prompt_tokens: int
    seconds: float
    """Wall time of the call, waiting included; calls of one box overlap."""
    ended: dict[str, int] = field(default_factory=dict)
    """Texts by why they ended (`inference.base.Stop`): `complete`, `loop`, `length` and so on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextsGrew:
    """The model has written more of a text that a box waits for; told every few tokens, so that a view can count."""

    box: str
    tokens: int
    """Generated since this text was last told of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateArrived:
    """A program was written."""

    id: str
    origin: Origin
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateRan:
    """A program was run on the examples of the statement."""

    id: str
    passed: int
    total: int
    status: str
    """Kind of its first failure, or `passed`; `completed` where there is no example."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What the whole search has cost so far."""

    tokens: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The last event of every stream that ends."""

    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitsApproval:
    """The last event of a stored search that waits for a person; `OpenSolver.decide` goes on with it."""

    answer: Answer
    """What would be released."""


Event = (
    BoxStarted
    | BoxFinished
    | ModelAnswered
    | TextsGrew
    | CandidateArrived
    | CandidateRan
    | Spent
    | Finished
    | AwaitsApproval
)
