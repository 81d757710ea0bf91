"""One slot, at most one program; the tokens are always paid."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from inference.base import Completion, ContextOverflowError
from nodes.budgeted_generation import SlotInput, budgeted_generation_node, slot_request
from nodes.context import Context
from nodes.state import Plan, Problem, PublicTest, Slot, SolveState
from sandbox.base import Execution, SandboxUnavailableError
from tests.nodes.records import content_id

PROBLEM = Problem(statement="Sum up.", mode="function", entry_point="f", starter_code="def f(x): ...")
FENCED = "```python\ndef f(x): return 1\n```"


def drawn(ride, slot: Slot, script, **settings) -> SolveState:
    """Run the box in a graph of its own, which hands it its runtime."""
    context = ride(script, **settings).context
    graph = (
        StateGraph(SolveState, context_schema=Context)
        .add_node("box", budgeted_generation_node, input_schema=SlotInput)
        .add_conditional_edges(START, lambda state: [_send(slot)], ["box"])
        .add_edge("box", END)
        .compile()
    )
    return SolveState(**graph.invoke(SolveState(problem=PROBLEM), context=context))


def _send(slot: Slot):
    return Send("box", SlotInput(slot=slot, problem=PROBLEM, deadline=time.monotonic() + 60))


SLOT = Slot(index=3, max_tokens=500)


def test_program_remembers_where_it_came_from(ride):
    plan = Plan(id="p", text="1. plan")
    slot = Slot(index=3, kind="plan", plan=plan, perturbation="Be brief.", max_tokens=500)
    reply = Completion(text=FENCED, tokens=30, thinking_tokens=12, confidence=1.5)
    (made,) = drawn(ride, slot, lambda r: reply).candidates
    assert (made.origin, made.plan_id, made.perturbation, made.index) == ("plan", "p", "Be brief.", 3)
    assert (made.tokens, made.thinking_tokens, made.confidence) == (30, 12, 1.5)
    assert made.program_id == content_id("def f(x): return 1")


def test_reply_without_code_still_costs(ride):
    state = drawn(ride, SLOT, ["I will think about it."])
    assert state.candidates == ()
    assert state.tokens_spent > 0


def test_equal_programs_of_two_slots_are_two_candidates(ride):
    ids = {drawn(ride, Slot(index=i, max_tokens=500), [FENCED]).candidates[0].id for i in (1, 2)}
    assert len(ids) == 2


@pytest.mark.parametrize("kind", ["plain", "perturbed"])
def test_only_the_plain_slot_says_that_nothing_fits(ride, kind):
    slot = Slot(index=0, kind=kind, max_tokens=500)
    if kind == "plain":
        with pytest.raises(ContextOverflowError, match="shorten it"):
            drawn(ride, slot, [], context_tokens=30)
    else:
        assert drawn(ride, slot, [], context_tokens=30).candidates == ()


def test_spent_budget_is_no_overflow(ride):
    assert drawn(ride, Slot(index=0, max_tokens=5), []).candidates == ()


def test_request_says_all_that_the_slot_says(ride):
    slot = Slot(index=3, plan=Plan(id="p", text="1. plan"), perturbation="Be brief.", statement="Add.", max_tokens=77,
                thinking_tokens=50, thinking_min_tokens=10)  # fmt: skip
    made = slot_request(SlotInput(slot=slot, problem=PROBLEM), ride().context)
    prompt = made.messages[1].content
    assert all(text in prompt for text in ("1. plan", "Be brief.", "Add.", "def f(x): ..."))
    assert "Sum up." not in prompt
    assert (made.max_tokens, made.thinking.at_most, made.thinking.at_least) == (77, 50, 10)


def test_equal_slots_of_two_policies_ask_alike(ride):
    asked = [slot_request(SlotInput(slot=SLOT, problem=PROBLEM), ride(policy=p).context) for p in ("full", "resample")]
    assert asked[0] == asked[1]


EXAMPLES = replace(PROBLEM, tests=(PublicTest(input="[1]", expected="1"), PublicTest(input="[2]", expected="1")))


class One:
    """A sandbox in which every program returns 1."""

    name, notice, workers = "one", "", 1

    def run(self, program, inputs, limits, *, cancelled):
        return tuple(Execution(status="completed", output="1", cpu_s=0.5) for _ in inputs)


class Broken(One):
    def run(self, program, inputs, limits, *, cancelled):
        raise SandboxUnavailableError("it is gone")


def wave(ride, slots, script, *, seconds=9.0, sandbox=One()):
    """Draw several slots in one step; return the state and what was told, in order."""
    context = replace(ride(script).context, sandbox=sandbox)
    given = {"problem": EXAMPLES, "deadline": time.monotonic() + 60, "sandbox_seconds": seconds}
    graph = (
        StateGraph(SolveState, context_schema=Context)
        .add_node("box", budgeted_generation_node, input_schema=SlotInput)
        .add_conditional_edges(START, lambda state: [Send("box", SlotInput(slot=s, **given)) for s in slots], ["box"])
        .add_edge("box", END)
        .compile()
    )
    parts = list(graph.stream(SolveState(problem=EXAMPLES), context=context, stream_mode=["custom", "values"]))
    told = [part["kind"] for kind, part in parts if kind == "custom"]
    return SolveState(**parts[-1][1]), [kind for kind in told if kind in ("candidate", "ran")]


def test_a_program_meets_the_examples_as_soon_as_it_is_written(ride):
    state, told = wave(ride, [SLOT], [FENCED])
    assert [outcome.status for outcome in state.outcomes] == ["passed", "passed"]
    assert told == ["candidate", "ran"]
    assert {cost.box: cost.programs_run for cost in state.costs} == {"budgeted_generation": 0, "sandbox_execution": 1}


def test_equal_programs_of_a_widening_meet_the_examples_once(ride):
    state, told = wave(ride, [Slot(index=i, max_tokens=500) for i in range(4)], [FENCED] * 4)
    assert len(state.candidates) == 4
    assert len(state.outcomes) == 2
    assert told.count("ran") == 1


def test_with_no_seconds_left_nothing_is_run(ride):
    state, told = wave(ride, [SLOT], [FENCED], seconds=0.0)
    assert state.candidates
    assert told == ["candidate"]


def test_where_the_sandbox_fails_the_program_is_kept(ride):
    state, told = wave(ride, [SLOT], [FENCED], sandbox=Broken())
    assert len(state.candidates) == 1
    assert told == ["candidate"]
