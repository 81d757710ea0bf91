"""The hub's exits and the fan-out, as tables."""

from __future__ import annotations

from typing import get_args

import pytest

from graphs.routes import BOX_OF_MOVE, fan_out, next_box
from inference.scripted import ScriptedModel
from nodes.state import Move, Problem, Slot, SolveState

PROBLEM = Problem(statement="p")


@pytest.mark.parametrize(
    ("move", "box"),
    [
        ("widen", "plan_search"),
        ("test", "self_test_synthesis"),
        ("separate", "distinguish"),
        ("repair", "repair"),
        ("release", "release"),
    ],
)
def test_move_leads_to_its_box(move, box):
    assert next_box(SolveState(problem=PROBLEM, move=move)) == box


def test_every_move_has_a_box():
    assert set(BOX_OF_MOVE) == set(get_args(Move))


class Ride:
    """A runtime that carries a context and nothing else."""

    def __init__(self, context) -> None:
        self.context = context


@pytest.fixture
def runtime(make_context):
    return Ride(make_context(ScriptedModel([]), budget_seconds=60.0))


def test_every_slot_gets_a_branch(runtime):
    slots = tuple(Slot(index=i) for i in range(3))
    sends = fan_out(SolveState(problem=PROBLEM, queue=slots), runtime)
    assert [(send.node, send.arg.slot, send.arg.problem) for send in sends] == [
        ("budgeted_generation", slot, PROBLEM) for slot in slots
    ]


def test_empty_queue_goes_back_to_the_hub(runtime):
    assert fan_out(SolveState(problem=PROBLEM), runtime) == "lens_routing"
