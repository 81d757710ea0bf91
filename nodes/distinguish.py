"""S* (arXiv 2502.14382), second stage: tell the top clusters apart, on function and stdin problems alike.

One representative per cluster, not every pair of members. The model judges outputs on an input where the two differ,
twice with the order swapped: a win in both orders is a point, anything else a tie. It also writes new inputs meant to
separate the pair; they run in the sandbox and serve the next comparison and the clusters themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

from langgraph.runtime import Runtime

from inference.base import Completion, Request, Thinking
from nodes.asking import allowance, ask, request, seed_for
from nodes.context import Context
from nodes.evidence import outcomes_by_pair
from nodes.forms import NOTE, WORKING
from nodes.judging import input_key, shown
from nodes.lens import cluster_weights, right_so_far
from nodes.parsing import parse_inputs, parse_verdict
from nodes.prompting import render
from nodes.state import Candidate, Comparison, Outcome, SelfTest, SolveState, Update, content_id

BOX = "distinguish"
INPUT_REQUESTS = 2
MOST_INPUTS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The representatives of the two heaviest clusters, and an input on which both ran and differ."""

    first: Candidate
    second: Candidate
    case: str = ""
    first_run: Outcome | None = None
    second_run: Outcome | None = None


def distinguish(state: SolveState, runtime: Runtime[Context]) -> Update:
    """Judge the top pair of clusters where they differ, and ask for inputs that separate them."""
    context = runtime.context
    pair = top_pair(state)
    if pair is None:
        return {}
    asked = [_inputs_request(state, context, pair, i) for i in range(INPUT_REQUESTS)]
    asked += [_judge_request(state, context, pair, swapped=s) for s in (False, True)] if pair.case else []
    replies, cost = ask(runtime, BOX, asked, allowance(state, context))
    tests = _separating_inputs(state, replies[:INPUT_REQUESTS])
    compared = _comparison(pair, *replies[INPUT_REQUESTS:]) if pair.case else ()
    return {"self_tests": tests, "comparisons": compared, "costs": (cost,)}


def top_pair(state: SolveState) -> Pair | None:
    """Return the representatives of the two heaviest clusters of example-passing programs; None when there is one."""
    right = right_so_far(state)
    heaviest = list(cluster_weights(right))[:2]
    if len(heaviest) < 2:
        return None
    by_id = {c.id: c for c in state.candidates}
    first, second = (by_id[next(e for e in right if e.cluster == c).candidate_id] for c in heaviest)
    return _with_case(state, first, second)


def _with_case(state: SolveState, first: Candidate, second: Candidate) -> Pair:
    """Find an input where both completed with different outputs and that no judge has seen yet; the shortest first."""
    outcomes = outcomes_by_pair(state)
    seen = {c.input_id for c in state.comparisons if {c.first, c.second} == {first.program_id, second.program_id}}
    for test in sorted(state.self_tests, key=lambda test: len(test.input)):
        a, b = (outcomes.get((c.program_id, test.id)) for c in (first, second))
        if a and b and test.id not in seen and _differ(a, b):
            return Pair(first=first, second=second, case=test.input, first_run=a, second_run=b)
    return Pair(first=first, second=second)


def _differ(first: Outcome, second: Outcome) -> bool:
    """Whether both completed with outputs that differ in what a judge is shown of them."""
    both = first.output_key and second.output_key and first.output_key != second.output_key
    return bool(both) and first.output != second.output


def points(straight: int | None, swapped: int | None) -> float:
    """Return the points of the first output: 1 for a win in both orders, 0 for a loss in both, else a tie.

    Args:
        straight: verdict with the first output shown first (1, 2 or 0 for a tie); None when it did not parse.
        swapped: verdict with the first output shown second.
    """
    if (straight, swapped) == (1, 2):
        return 1.0
    return 0.0 if (straight, swapped) == (2, 1) else 0.5


def _comparison(pair: Pair, straight: Completion | None, swapped: Completion | None) -> tuple[Comparison, ...]:
    verdicts = [parse_verdict(reply.text) if reply else None for reply in (straight, swapped)]
    return (
        Comparison(
            first=pair.first.program_id,
            second=pair.second.program_id,
            points=points(verdicts[0], verdicts[1]),
            input_id=content_id(pair.case),
        ),
    )


def _inputs_request(state: SolveState, context: Context, pair: Pair, i: int) -> Request:
    problem = state.problem
    messages = render(
        context.model.profile,
        "separate",
        statement=problem.statement,
        mode=problem.mode,
        entry_point=problem.entry_point,
        first=pair.first.code,
        second=pair.second.code,
    )
    seed = seed_for(context, "separate", state.history.count("separate"), i)
    return request(context, messages, seed=seed, form=NOTE)


def _judge_request(state: SolveState, context: Context, pair: Pair, *, swapped: bool) -> Request:
    problem = state.problem
    runs = (pair.second_run, pair.first_run) if swapped else (pair.first_run, pair.second_run)
    first, second = (shown(problem.mode, run.output) if run else "" for run in runs)
    case = f"{problem.entry_point}({pair.case})" if problem.mode == "function" else pair.case.rstrip()
    messages = render(
        context.model.profile, "judge", statement=problem.statement, case=case, first=first, second=second
    )
    return request(
        context,
        messages,
        seed=seed_for(context, "judge", pair.case, swapped),
        temperature=0.0,
        thinking=Thinking(at_most=context.settings.thinking_tokens),
        form=WORKING,
    )


def _separating_inputs(state: SolveState, replies: tuple[Completion | None, ...]) -> tuple[SelfTest, ...]:
    problem = state.problem
    texts = [i for r in replies if r for i in parse_inputs(r.text, problem.mode, problem.entry_point)]
    public = {input_key(problem.mode, test.input) for test in problem.tests}
    fresh = [text for text in dict.fromkeys(texts) if input_key(problem.mode, text) not in public]
    return tuple(SelfTest(input=text, provenance=("separating",)) for text in fresh[:MOST_INPUTS])
