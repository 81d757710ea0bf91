"""A run that is stored: it survives a crash, asks a person, starts afresh for a new problem; and event loops."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from dataclasses import is_dataclass

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command

from graphs.running import run_config
from graphs.solver import build_solver
from inference.base import ModelError
from inference.scripted import ScriptedModel
from nodes import state as records
from nodes.problem_text import read_problem
from nodes.state import Answer, SolveInput, SolveState
from tests.graphs.programmer import FUNCTION, STDIO, SUM, SUM_TESTS, WRONG, Talk, kind_of

pytestmark = pytest.mark.bubblewrap
THREAD = {"configurable": {"thread_id": "one"}}
RECORDS = [one for one in vars(records).values() if is_dataclass(one)]


def strict() -> JsonPlusSerializer:
    """Return a serializer that revives our records and nothing else."""
    return JsonPlusSerializer(allowed_msgpack_modules=RECORDS)


def as_state(values) -> SolveState:
    return values if isinstance(values, SolveState) else SolveState(**values)


@pytest.fixture
def database(tmp_path):
    connection = sqlite3.connect(tmp_path / "runs.sqlite", check_same_thread=False)
    yield connection
    connection.close()


def config(context):
    return {**run_config(context), **THREAD}


@pytest.mark.parametrize("box", ["tests", "repair", "separate"])
def test_crashed_run_resumes_where_it_was(make_context, database, box):
    """The second process has the database alone: new graph, new model, lists where tuples were."""
    broken = True

    def crash_once(request) -> str:
        if broken and kind_of(request) == box:
            raise ModelError("power cut")
        return str(Talk(replies(box))(request))

    context = make_context(ScriptedModel(crash_once), policy="full")
    with pytest.raises(ModelError, match="power cut"):
        build_solver(checkpointer=SqliteSaver(database, serde=strict())).invoke(
            SolveInput(problem=read_problem(FUNCTION)), config(context), context=context
        )
    broken = False
    again = make_context(ScriptedModel(crash_once), policy="full")
    graph = build_solver(checkpointer=SqliteSaver(database, serde=strict()))
    end = as_state(graph.invoke(None, config(again), context=again))
    assert end.answer
    assert "sorted" in end.answer.code
    assert "observe" not in {kind_of(r) for r in again.model.requests} or box != "tests"


def replies(box: str) -> dict:
    if box == "repair":
        return {"code": WRONG}
    if box == "separate":
        from tests.graphs.test_solver import rivals

        return rivals()
    return {}


def test_stored_records_come_back_as_records(make_context, database):
    graph = build_solver(checkpointer=SqliteSaver(database, serde=strict()))
    context = make_context(ScriptedModel(Talk()))
    graph.invoke(SolveInput(problem=read_problem(FUNCTION)), config(context), context=context)
    stored = as_state(graph.get_state(THREAD).values)
    assert isinstance(stored.answer, Answer)
    assert {type(one) for one in stored.candidates} == {records.Candidate}
    assert stored.tokens_spent == sum(cost.spent for cost in stored.answer.cost)


@pytest.mark.parametrize("yes", [True, False])
def test_release_waits_for_a_person(make_context, yes):
    graph = build_solver(checkpointer=InMemorySaver(serde=strict()))
    context = make_context(ScriptedModel(Talk()), approve=True)
    graph.invoke(SolveInput(problem=read_problem(FUNCTION)), config(context), context=context)
    paused = graph.get_state(THREAD)
    assert paused.next == ("release",)
    (question,) = paused.interrupts
    assert question.value["verified"] is True
    assert "sorted" in question.value["code"]
    end = as_state(graph.invoke(Command(resume=yes), config(context), context=context))
    assert end.answer
    assert end.answer.approved is yes


def test_second_problem_on_a_thread_starts_afresh(make_context):
    """A server keeps one thread per conversation: the first answer must not be given to the second problem."""
    graph = build_solver(checkpointer=InMemorySaver(serde=strict()))
    context = make_context(ScriptedModel(Talk()))
    first = as_state(graph.invoke(SolveInput(statement=FUNCTION), config(context), context=context))
    summing = {"code": SUM, "tests": SUM_TESTS, "oracle": SUM}
    context = make_context(ScriptedModel(Talk(summing)))
    second = as_state(graph.invoke({"statement": STDIO}, config(context), context=context))
    assert first.answer
    assert second.answer
    assert second.problem.mode == "stdio"
    assert "input" in second.answer.code
    assert second.tokens_spent == sum(cost.spent for cost in second.answer.cost)
    assert len(second.candidates) <= 4


def test_graph_reads_a_bare_statement(make_context):
    context = make_context(ScriptedModel(Talk()))
    end = as_state(build_solver().invoke({"statement": FUNCTION}, run_config(context), context=context))
    assert end.answer
    assert end.answer.verified


def test_graph_reads_a_problem_as_json(make_context):
    context = make_context(ScriptedModel(Talk()))
    problem = {"statement": "Second largest.", "mode": "function", "entry_point": "second",
               "tests": [{"input": "[1, 2]", "expected": "1"}]}  # fmt: skip
    end = as_state(build_solver().invoke({"problem": problem}, run_config(context), context=context))
    assert end.answer
    assert end.answer.verified


@pytest.mark.parametrize("how", ["async", "sync"])
def test_sixteen_slots_wait_at_once(make_context, how):
    """Each slot blocks until all sixteen wait: a pool of fewer threads would hang."""
    waiting = threading.Barrier(16)

    def together(request) -> str:
        if kind_of(request) == "code":
            waiting.wait(20)
        return str(Talk()(request))

    context = make_context(ScriptedModel(together), k=16, policy="phase1")
    graph, given = build_solver(), SolveInput(problem=read_problem(FUNCTION))
    if how == "async":
        end = asyncio.run(graph.ainvoke(given, run_config(context), context=context))
    else:
        end = graph.invoke(given, run_config(context), context=context)
    assert len(as_state(end).candidates) == 16
    assert [c.index for c in as_state(end).candidates] == list(range(16))


def test_event_loop_stays_free(make_context):
    """While slots wait, the loop goes on serving others."""
    context = make_context(ScriptedModel(slow), k=2, policy="phase1")

    async def both() -> int:
        ticks = 0
        run = asyncio.ensure_future(
            build_solver().ainvoke(SolveInput(problem=read_problem(FUNCTION)), run_config(context), context=context)
        )
        while not run.done():
            await asyncio.sleep(0.02)
            ticks += 1
        assert as_state(await run).answer
        return ticks

    assert asyncio.run(both()) > 10


def slow(request) -> str:
    threading.Event().wait(0.3 if kind_of(request) == "code" else 0)
    return str(Talk()(request))
