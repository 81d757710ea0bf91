"""ATLAS as a LangChain tool: an agent hands it a problem in words and gets a program with its evidence."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

from langchain_core.tools import BaseTool, StructuredTool, ToolException

from graphs.factory import context_for
from graphs.running import OpenSolver, run_config
from graphs.solver import build_solver
from nodes.context import Context
from nodes.problem_text import ProblemError
from nodes.state import Answer, SolveInput, SolveState

DESCRIPTION = """Write a program and test it until its own evidence says that it is right.

The statement is the whole problem in Markdown: what the function or program must do, its signature, and examples as
doctest lines (`>>> f(1)` with the value below) or `Input:` and `Output:` blocks. The result says whether the program is
verified, and why or why not."""


def atlas_tool(solver: OpenSolver, *, approve: bool = False, name: str = "atlas") -> BaseTool:
    """Return a tool for `langchain.agents.create_agent`, or for any other caller of LangChain tools.

    >>> from pathlib import Path
    >>> from graphs import open_solver
    >>> from graphs.tool import atlas_tool
    >>> with open_solver() as solver:
    ...     tool = atlas_tool(solver)  # create_agent(model, [tool])
    ...     told = tool.invoke({"statement": Path("cli/embedded_example.md").read_text()})
    >>> told.splitlines()[0].split(":")[0], "def pack_line(" in told
    ('verified', True)

    The boxes of the search stream through the agent (`agent.stream(..., subgraphs=True)`). The `Answer` is the tool
    message's artifact. Cancelling the agent ends the decode within a step.

    Args:
        solver: an open solver; it has to stay open while the tool is used.
        approve: pause the agent with an interrupt before an answer is released; the agent then needs a checkpointer,
            and `Command(resume=True)` or `False` to the agent goes on.
        name: what the agent's model calls the tool.
    """
    settings = replace(solver.settings, approve=approve)
    graph = build_solver()  # without a checkpointer of its own it takes the agent's

    def context(cancelled: threading.Event) -> Context:
        return context_for(settings, solver.model, solver.sandbox, cancelled.is_set)

    def solve(statement: str) -> tuple[str, Answer]:
        cancelled = threading.Event()
        run = context(cancelled)
        try:
            return _result(graph.invoke(SolveInput(statement=statement), run_config(run), context=run))
        except ProblemError as error:
            raise ToolException(str(error)) from error
        finally:
            cancelled.set()

    async def asolve(statement: str) -> tuple[str, Answer]:
        cancelled = threading.Event()
        run = context(cancelled)
        try:
            return _result(await graph.ainvoke(SolveInput(statement=statement), run_config(run), context=run))
        except ProblemError as error:
            raise ToolException(str(error)) from error
        finally:
            cancelled.set()

    return StructuredTool.from_function(
        solve,
        asolve,
        name=name,
        description=DESCRIPTION,
        response_format="content_and_artifact",
        handle_tool_error=True,
    )


def _result(end: Any) -> tuple[str, Answer]:
    """Return what the agent's model reads, and the record for the program around it."""
    answer = (end if isinstance(end, SolveState) else SolveState(**end)).answer
    if answer is None:
        raise ToolException("the search ended without an answer")
    return told(answer), answer


def told(answer: Answer) -> str:
    """Return an answer in words for a language model; a program that a person refused is withheld."""
    if answer.approved is False:
        return "refused: a person did not approve the answer"
    verdict = "verified" if answer.verified else "not verified"
    evidence = "".join(f"\nevidence: {line}" for line in answer.evidence)
    sure = f"confidence: {answer.confidence:.2f} ({'' if answer.calibrated else 'un'}calibrated)"
    program = f"\n```python\n{answer.code}\n```" if answer.code else ""
    return f"{verdict}: {answer.reason}\n{sure}{evidence}{program}"
