"""What the page has to know before it can ask for a run: the figure, the policies, the server's defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter

from cli.progress import WORK
from cli.serving.figure_layout import Figure, PlacedArrow, PlacedBox, place
from cli.serving.service import Serving
from graphs import build_solver
from graphs.policies import POLICIES
from nodes.problem_text import MAX_CHARS
from nodes.settings import PolicyName

EXAMPLE = Path(__file__).parents[1] / "example.md"
# The embedded model, which has the compact profile, solves problems of its own family alone.
EMBEDDED_EXAMPLE = EXAMPLE.with_name("embedded_example.md")
POLICY_WORDS: Mapping[PolicyName, str] = {
    "baseline": "One plain sample, nothing else.",
    "phase1": "Several programs at once; the first that passes every example.",
    "phase1_2": "Programs, self-written tests, more programs while none leads, and separation of those that differ.",
    "phase1_3": "Programs, self-written tests, and repair where none is right.",
    "full": "Every move, in a fixed order.",
    "adaptive": "Every move, by expected gain per token.",
    "resample": "Plain samples until the budget is spent: the control that a search has to beat.",
}

router = APIRouter(prefix="/api", tags=["page"])


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnFigure:
    """The graph that runs, placed for drawing."""

    boxes: tuple[PlacedBox, ...]
    arrows: tuple[PlacedArrow, ...]
    layers: int
    first_row: float
    last_row: float
    words: dict[str, str]
    """What each box does, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChoice:
    """A policy to choose."""

    name: str
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What a run gets that says nothing else."""

    policy: str
    k: int
    budget_tokens: int
    budget_seconds: float
    approve: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFacts:
    """What the page has to know before it can ask for a run."""

    model: str
    sandbox: str
    notices: tuple[str, ...]
    policies: tuple[PolicyChoice, ...]
    defaults: Defaults
    example: str
    longest: int
    """Most characters of a problem."""


@router.get("/graph")
def graph() -> DrawnFigure:
    """Return the boxes and arrows of the graph that runs, and where they stand in a drawing."""
    figure = _figure()
    return DrawnFigure(
        boxes=figure.boxes,
        arrows=figure.arrows,
        layers=figure.layers,
        first_row=figure.first_row,
        last_row=figure.last_row,
        words=WORK,
    )


@router.get("/page")
def page_facts(service: Serving) -> PageFacts:
    """Return what the form of the page needs."""
    settings = service.settings
    return PageFacts(
        model=service.model.name,
        sandbox=service.opened.sandbox.name,
        notices=service.opened.notices,
        policies=tuple(PolicyChoice(name=name, about=POLICY_WORDS[name]) for name in POLICIES),
        defaults=Defaults(
            policy=settings.policy,
            k=settings.k,
            budget_tokens=settings.budget_tokens,
            budget_seconds=settings.budget_seconds,
            approve=service.approve,
        ),
        example=(EMBEDDED_EXAMPLE if service.model.profile == "compact" else EXAMPLE).read_text(encoding="utf-8"),
        longest=MAX_CHARS,
    )


@cache
def _figure() -> Figure:
    drawn = build_solver().get_graph()
    return place(list(drawn.nodes), drawn.edges)
