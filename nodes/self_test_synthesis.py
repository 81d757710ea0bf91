"""Write tests: several generations vote on the output of each input (CodeT's test half, arXiv 2207.10397).

Where the statement bounds its input, brute-force programs are asked for as well: slow but obvious, run on the small
inputs, their outputs count as votes that were computed rather than guessed. A test starts unconfirmed and proves
nothing by itself; `nodes/evidence.py` says when it may veto.
"""

from __future__ import annotations

import re

from langgraph.runtime import Runtime

from inference.base import Completion, Profile, Request, Thinking
from nodes.asking import allowance, ask, request, seed_for
from nodes.context import Context
from nodes.forms import program, tests
from nodes.judging import input_key
from nodes.parsing import parse_tests
from nodes.problem_text import parameters_of
from nodes.programs import program_of
from nodes.prompting import render
from nodes.state import Candidate, Problem, SelfTest, SolveState, Update, content_id

BOX = "self_test_synthesis"
TESTS_PER_GENERATION = 5
"""CodeT keeps at most the first five of a generation."""
ORACLES: dict[Profile, int] = {"full": 2, "compact": 0}
"""Brute-force programs; the small models of the compact profile know one way to write a program, so that a second text
of theirs would be the same guess again, not a check."""
_BOUND = re.compile(
    r"<=|≤|⩽|\\le(?:q|qslant)?\b|&lt;=|<[^<>\n]{1,20}<|\b(?:at most|no more than|up to|not exceed)\b|\bbetween\s+-?\d",
    re.IGNORECASE,
)


def self_test_synthesis(state: SolveState, runtime: Runtime[Context]) -> Update:
    """Ask for tests and, where the input is bounded, for oracles, in one batch."""
    context = runtime.context
    count = context.test_generations
    asked = [tests_request(state, context, i) for i in range(count)]
    if bounds_its_input(state.problem) and not state.oracles:
        asked += [_oracle_request(state, context, i) for i in range(ORACLES[context.model.profile])]
    replies, cost = ask(runtime, BOX, asked, allowance(state, context))
    tests = tuple(test for reply in replies[:count] for test in _tests(state.problem, reply))
    oracles = tuple(oracle for reply in replies[count:] if (oracle := _oracle(state.problem, reply)) is not None)
    return {"self_tests": tests, "oracles": oracles, "costs": (cost,)}


def bounds_its_input(problem: Problem) -> bool:
    """Whether the statement says how large its input may be, so that a slow program has a meaning."""
    return bool(_BOUND.search(problem.statement))


def tests_request(state: SolveState, context: Context, i: int) -> Request:
    """Return the request of the i-th text with tests."""
    problem = state.problem
    messages = render(
        context.model.profile,
        "tests",
        statement=problem.statement,
        mode=problem.mode,
        entry_point=problem.entry_point,
        count=TESTS_PER_GENERATION,
    )
    return request(
        context,
        messages,
        seed=seed_for(context, "tests", state.history.count("test"), i),
        thinking=Thinking(at_most=context.settings.thinking_tokens),
        form=tests(problem, context.model.profile, TESTS_PER_GENERATION),
    )


def _oracle_request(state: SolveState, context: Context, i: int) -> Request:
    problem = state.problem
    messages = render(
        context.model.profile,
        "oracle",
        statement=problem.statement,
        mode=problem.mode,
        science=context.science(problem),
        starter_code=problem.starter_code,
    )
    thinking = Thinking(at_most=context.settings.thinking_tokens)
    form = program(problem, context.model.profile, begun=True)
    return request(context, messages, seed=seed_for(context, "oracle", i), thinking=thinking, form=form)


def _tests(problem: Problem, reply: Completion | None) -> list[SelfTest]:
    pairs = parse_tests(reply.text, problem.mode, problem.entry_point, parameters_of(problem)) if reply else ()
    known = {input_key(problem.mode, test.input) for test in problem.tests}
    return [
        SelfTest(input=given, votes=((expected, 1.0),), provenance=("predicted",))
        for given, expected in pairs[:TESTS_PER_GENERATION]
        if input_key(problem.mode, given) not in known
    ]


def _oracle(problem: Problem, reply: Completion | None) -> Candidate | None:
    code = program_of(reply, problem)
    return Candidate(id=content_id("oracle", code), index=-1, code=code) if code else None
