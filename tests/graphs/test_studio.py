"""The graph as LangGraph's server runs it: JSON in, settings as context, this machine's model and sandbox."""

from __future__ import annotations

import asyncio

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from graphs import studio
from inference.scripted import ScriptedModel
from nodes.settings import Settings
from nodes.state import SolveState
from tests.graphs.programmer import FUNCTION, Talk

pytestmark = pytest.mark.bubblewrap
INPUT = {"statement": FUNCTION}


@pytest.fixture(autouse=True)
def machine(monkeypatch, sandbox, tmp_path):
    """A machine with a scripted model, and no `atlas.toml` in the working directory."""
    monkeypatch.chdir(tmp_path)
    studio.machine_settings.cache_clear()
    model = ScriptedModel(Talk())
    monkeypatch.setattr(studio, "collaborators", lambda: (model, sandbox))
    yield model
    studio.machine_settings.cache_clear()


def end(values) -> SolveState:
    return values if isinstance(values, SolveState) else SolveState(**values)


@pytest.mark.parametrize("context", [None, {}, {"k": 4, "policy": "full"}, Settings(k=4)])
def test_statement_is_enough(context):
    answer = end(studio.graph.invoke(INPUT, context=context)).answer
    assert answer
    assert answer.verified


def test_settings_of_the_request_count(machine):
    assert end(studio.graph.invoke(INPUT, context={"policy": "baseline"})).slots_made == 1


def test_server_runs_it_in_its_event_loop():
    answer = end(asyncio.run(studio.graph.ainvoke(INPUT, context={"k": 4}))).answer
    assert answer
    assert answer.verified


def test_unknown_setting_is_refused():
    with pytest.raises((TypeError, ValueError), match="programs"):
        studio.graph.invoke(INPUT, context={"programs": 4})


def test_server_adds_its_own_checkpointer_and_asks_a_person():
    """A server stores every run: it copies the graph with a checkpointer of its own."""
    graph = studio.graph.copy(update={"checkpointer": InMemorySaver()})
    thread = {"configurable": {"thread_id": "one"}}
    given = {"k": 4, "approve": True}
    graph.invoke(INPUT, thread, context=given)
    assert graph.get_state(thread).next == ("release",)
    answer = end(graph.invoke(Command(resume=True), thread, context=given)).answer
    assert answer
    assert answer.approved is True


def test_settings_are_offered_as_a_form():
    assert "policy" in str(studio.graph.get_context_jsonschema())
