"""ATLAS as a tool of LangChain's own agent: the agent's model follows a script, the search and its model are real."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

pytest.importorskip("langchain", reason="the agents extra is not installed (make test installs it)")
from langchain.agents import create_agent
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from graphs.running import OpenSolver, open_solver
from graphs.tool import atlas_tool, told
from inference.scripted import ScriptedModel
from nodes.settings import Settings
from nodes.state import Answer
from tests.graphs.conftest import wait_until
from tests.graphs.programmer import FUNCTION, Talk, kind_of
from tests.graphs.studio_server import EXAMPLE

pytestmark = [pytest.mark.gguf, pytest.mark.bubblewrap, pytest.mark.agents]
THREAD = {"configurable": {"thread_id": "one"}}


class Agent(GenericFakeChatModel):
    """Calls the tool with a problem, then says that it is done."""

    def bind_tools(self, tools: Any, **_: Any) -> Agent:
        return self


def agent_of(tool, statement=EXAMPLE, **options):

    call = {"name": "atlas", "args": {"statement": statement}, "id": "1", "type": "tool_call"}
    script = iter([AIMessage("", tool_calls=[call]), AIMessage("Done.")])
    return create_agent(Agent(messages=script), [tool], **options)


@pytest.fixture(scope="module")
def solver():
    with open_solver(Settings(k=4, max_rounds=3, sandbox="bubblewrap")) as opened:
        yield opened


def tool_message(messages) -> ToolMessage:
    (found,) = (one for one in messages if isinstance(one, ToolMessage))
    return found


@pytest.mark.parametrize("how", ["sync", "async"])
def test_steps_of_the_search_stream_through_the_agent(solver, how):
    agent = agent_of(atlas_tool(solver))
    given: Any = {"messages": [("user", "Solve it.")]}
    modes: Any = {"stream_mode": ["updates", "custom", "values"], "subgraphs": True}

    async def streamed():
        return [part async for part in agent.astream(given, **modes)]

    parts = list(agent.stream(given, **modes)) if how == "sync" else asyncio.run(streamed())
    inner = {box for ns, mode, data in parts if ns and mode == "updates" for box in data}
    assert {"plan_search", "budgeted_generation", "sandbox_execution", "release"} <= inner
    assert {"tokens", "candidate", "ran"} <= {data["kind"] for ns, mode, data in parts if ns and mode == "custom"}
    message = tool_message(next(data["messages"] for ns, mode, data in reversed(parts) if not ns and mode == "values"))
    assert isinstance(message.artifact, Answer)
    assert message.artifact.code in message.content
    assert message.content.startswith("verified: ")


@pytest.mark.parametrize("yes", [True, False])
def test_interrupt_pauses_the_agent_until_a_person_answers(solver, yes):
    agent = agent_of(atlas_tool(solver, approve=True), checkpointer=InMemorySaver())

    async def talk():
        await agent.ainvoke({"messages": [("user", "Solve it.")]}, THREAD)
        paused = await agent.aget_state(THREAD)
        return paused, await agent.ainvoke(Command(resume=yes), THREAD)

    paused, end = asyncio.run(talk())
    assert paused.next == ("tools",)
    assert "def pack_line(" in paused.interrupts[0].value["code"]
    message = tool_message(end["messages"])
    assert message.artifact.approved is yes
    assert ("def pack_line(" in message.content) is yes
    assert end["messages"][-1].content == "Done."


def test_text_that_is_no_problem_goes_back_to_the_agents_model(solver):
    end = agent_of(atlas_tool(solver), statement=" ").invoke({"messages": [("user", "Solve it.")]})
    assert tool_message(end["messages"]).content.startswith("the problem is empty: ")


def test_cancelled_agent_ends_the_decode(sandbox):
    """The model sees the cancellation while it writes; without it the run would wait for ever."""
    writing, stopped = threading.Event(), threading.Event()

    class Patient(ScriptedModel):
        def complete_many(self, requests, *, cancelled=None, **options):
            if kind_of(requests[0]) == "code":
                writing.set()
                wait_until(cancelled, 30)
                stopped.set()
            return super().complete_many(requests, cancelled=cancelled, **options)

    agent = agent_of(atlas_tool(OpenSolver(Settings(k=1), Patient(Talk()), sandbox)), statement=FUNCTION)

    async def talk():
        run = asyncio.ensure_future(agent.ainvoke({"messages": [("user", "Solve it.")]}))
        await asyncio.to_thread(writing.wait, 30)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    asyncio.run(talk())
    assert stopped.wait(30)


def test_words_for_a_model_say_what_is_not_known():
    answer = Answer(code="", verified=False, reason="nothing ran", confidence=0.1)
    assert told(answer) == "not verified: nothing ran\nconfidence: 0.10 (uncalibrated)"
