"""`atlas mcp`: ATLAS as a tool of editors and agents, over the Model Context Protocol (stdio or streamable HTTP).

The SDK keeps standard output for the protocol alone: whatever else writes to descriptor 1 ends on standard error. The
model is loaded in the background, so that a client that is in a hurry gets its handshake at once.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult, ToolAnnotations
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel, Field

from cli.exits import EXPECTED, UsageError, exit_code, one_line
from cli.printable import printable
from cli.progress import line_of
from cli.report import cost_of
from graphs.configuration import SettingsError, changed, load_settings
from graphs.events import Finished, Spent
from graphs.running import OpenSolver, open_solver
from nodes.problem_text import read_problem
from nodes.reading.telling import reading_line
from nodes.settings import PolicyName, Settings
from nodes.state import Answer

Transport = Literal["stdio", "http"]
PATH = "/mcp"
INSTRUCTIONS = """`solve` writes a program for a problem in words, tests it in a sandbox, repairs it, and says whether
its own evidence verifies it. Give it the whole problem: signature, examples, limits. It takes seconds to minutes."""


class Solution(BaseModel):
    """What `solve` returns."""

    code: str = Field(description="The program; empty when none was found or a person refused it.")
    verified: bool = Field(description="Whether examples and confirmed self-tests prove it, with no rival.")
    reason: str = Field(description="Why it is verified, or why not.")
    confidence: float = Field(description="Estimate of P(correct).")
    calibrated: bool = Field(description="Whether the estimate was fitted to runs of this model.")
    evidence: list[str] = Field(description="What ran and who agreed.")
    stop: str = Field(description="Why the search ended.")
    approved: bool | None = Field(description="What a person said; null when nobody was asked.")
    tokens: int = Field(description="Generated tokens, thinking included.")
    seconds: float


class Approval(BaseModel):
    """The form that asks a person."""

    approve: bool = Field(description="Hand the program to the one who asked for it")


def solution_of(answer: Answer) -> Solution:
    """Return an answer as the tool's result."""
    cost = cost_of(answer)
    return Solution(
        code=answer.code,
        verified=answer.verified,
        reason=answer.reason,
        confidence=answer.confidence,
        calibrated=answer.calibrated,
        evidence=list(answer.evidence),
        stop=answer.stop,
        approved=answer.approved,
        tokens=cost["tokens"] + cost["thinking_tokens"],
        seconds=answer.seconds,
    )


def decided(solution: Solution, approved: bool) -> Solution:
    """Return a solution after a person was asked; one that was refused is withheld."""
    if approved:
        return solution.model_copy(update={"approved": True})
    return solution.model_copy(
        update={"approved": False, "code": "", "verified": False, "reason": "a person refused the answer"}
    )


class Engine:
    """The solver of a server's life: loaded once, in the background."""

    def __init__(self, settings: Settings) -> None:
        """Load nothing yet."""
        self.settings = settings
        self._opening: asyncio.Task[OpenSolver] | None = None

    @asynccontextmanager
    async def life(self, server: MCPServer[Any]) -> AsyncIterator[Engine]:
        """Begin to load, and free everything in the end."""
        self._opening = asyncio.create_task(asyncio.to_thread(open_solver, replace(self.settings, approve=False)))
        self._opening.add_done_callback(_complain)
        try:
            yield self
        finally:
            await asyncio.wait([self._opening])
            if self._opening.exception() is None:
                await asyncio.to_thread(self._opening.result().close)

    async def solver(self, wishes: Mapping[str, object]) -> OpenSolver:
        """Return a solver for one call, which shares the model with the others.

        Raises:
            ToolError: one line says what is wrong with the wishes, or with the model or the sandbox.
        """
        assert self._opening is not None, "the server is running"
        try:
            settings = changed(replace(self.settings, approve=False), wishes, place="solve")
            loaded = await asyncio.shield(self._opening)
        except EXPECTED as error:
            raise ToolError(one_line(error)) from error
        return OpenSolver(settings, loaded.model, loaded.sandbox, loaded.tracing)


def _complain(opening: asyncio.Task[OpenSolver]) -> None:
    if not opening.cancelled() and (error := opening.exception()):
        print(f"atlas: {printable(one_line(Exception(error)))}", file=sys.stderr)


def make_server(settings: Settings) -> MCPServer[Engine]:
    """Return the server; its model is loaded once it runs."""
    engine = Engine(settings)
    server = MCPServer("atlas", instructions=INSTRUCTIONS, lifespan=engine.life, log_level="WARNING")

    @server.tool(annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))
    async def solve(
        ctx: Context[Engine, Any],
        statement: Annotated[
            str,
            Field(
                description="The whole problem in Markdown: task, signature, examples (`>>> f(1)` or Input:/Output:)."
            ),
        ],
        policy: Annotated[PolicyName | None, Field(description="Which moves the search may make.")] = None,
        k: Annotated[int | None, Field(description="Programs per widening.")] = None,
        budget_tokens: Annotated[int | None, Field(description="Most generated tokens.")] = None,
        budget_seconds: Annotated[float | None, Field(description="Most wall time.")] = None,
        approve: Annotated[bool, Field(description="Ask a person before the program is handed over.")] = False,
    ) -> Solution | InputRequiredResult:
        """Write a program for a problem in words, test it, repair it, and say whether it is verified."""
        asks = approve or engine.settings.approve
        if asks and ctx.request_state is not None:
            return decided(Solution.model_validate_json(ctx.request_state), _said_yes(ctx))
        if asks:
            _need_elicitation(ctx)
        wishes = {"policy": policy, "k": k, "budget_tokens": budget_tokens, "budget_seconds": budget_seconds}
        solution = await _search(await engine.solver(wishes), statement, ctx)
        return await _asked(solution, ctx) if asks and solution.code else solution

    return server


async def _search(solver: OpenSolver, statement: str, ctx: Context[Engine, Any]) -> Solution:
    """Follow one search and report it; a call that is cancelled closes the stream, which ends the decode."""
    tokens = steps = 0
    try:
        problem = read_problem(statement)
        await ctx.report_progress(steps, None, reading_line(problem))
        async with aclosing(solver.astream(problem)) as events:
            async for event in events:
                tokens = event.tokens if isinstance(event, Spent) else tokens
                if isinstance(event, Finished):
                    return solution_of(event.answer)
                if line := line_of(event):
                    steps += 1
                    await ctx.report_progress(steps, None, f"{line} ({tokens} tokens so far)")
    except EXPECTED as error:
        raise ToolError(one_line(error)) from error
    raise ToolError("the search ended without an answer")


def _need_elicitation(ctx: Context[Engine, Any]) -> None:
    able = ctx.client_capabilities
    if able is None or able.elicitation is None:
        raise ToolError("approve asks a person, and this client cannot ask (no elicitation): use `atlas solve` instead")


async def _asked(solution: Solution, ctx: Context[Engine, Any]) -> Solution | InputRequiredResult:
    """Ask the client's person: in a second round trip, or within this call where the client's protocol is older."""
    verdict = "Verified" if solution.verified else "NOT verified"
    message = f"{verdict}: {solution.reason}\n\n{solution.code}"
    if ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        said = await ctx.elicit(message, Approval)
        return decided(solution, said.action == "accept" and said.data.approve)
    form = ElicitRequestFormParams(message=message, requested_schema=Approval.model_json_schema())
    return InputRequiredResult(
        request_state=solution.model_dump_json(), input_requests={"approval": ElicitRequest(params=form)}
    )


def _said_yes(ctx: Context[Engine, Any]) -> bool:
    said = (ctx.input_responses or {}).get("approval")
    return isinstance(said, ElicitResult) and said.action == "accept" and bool((said.content or {}).get("approve"))


def run_mcp(transport: Transport, host: str, port: int, config: Path | None) -> int:
    """Serve until the client goes away or Ctrl-C, and return the exit code."""
    try:
        settings = load_settings(config, os.environ, {})
        if transport == "http":
            _check_loopback(host)
    except (SettingsError, UsageError) as error:
        print(f"atlas: {printable(one_line(error))}", file=sys.stderr)
        return int(exit_code(error))
    server = make_server(settings)
    try:
        if transport == "stdio":
            server.run()
        else:
            print(f"atlas: the tool `solve` is at http://{host}:{port}{PATH}", file=sys.stderr)
            server.run("streamable-http", host=host, port=port, streamable_http_path=PATH)
    except KeyboardInterrupt:
        print("atlas: stopped", file=sys.stderr)
    return 0


def _check_loopback(host: str) -> None:
    """Refuse to listen where other machines can reach a server that asks nobody for a key.

    Raises:
        UsageError: the host is no loopback address.
    """
    try:
        is_local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_local = False
    if not is_local:
        raise UsageError(f"{host} is no loopback address, and `atlas mcp` has no keys: use 127.0.0.1 and a tunnel")
