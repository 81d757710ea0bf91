"""Questions that no program answers: samples vote for an option, and equal votes are a cluster.

Sampling, agreement and the Lens are those of programs. There is nothing to run, to test or to repair, so the only move
is to widen, with plain samples: plans and perturbations speak of programs. Votes are no check: no answer is verified.
"""

from __future__ import annotations

from inference.base import Completion, Message
from nodes.judging import expected_key
from nodes.parsing import parse_choice
from nodes.prompting import render
from nodes.state import Candidate, Evidence, Move, Outcome, Problem, SolveState, content_id

BALLOT = content_id("vote")
"""The one input of a question, which all candidates have answered."""
CLOSED: tuple[Move, ...] = ("test", "separate", "repair")
"""Moves that need programs."""
UNCHECKED = "it is the choice of most samples, and nothing checks the answer to a question"


def is_question(problem: Problem) -> bool:
    """Whether the answer is one of the problem's options, and no program."""
    return bool(problem.options)


def question(problem: Problem) -> tuple[Message, ...]:
    """Return the prompt; of the full profile, since the compact one holds what the embedded model was trained on."""
    return render("full", "choose", statement=problem.statement, options=problem.options)


def vote_of(reply: Completion | None, problem: Problem) -> str | None:
    """Return the option that a reply decides for, or None where it names none of them."""
    letter = parse_choice(reply.text) if reply else None
    return letter if letter in problem.options else None


def votes(state: SolveState) -> tuple[Outcome, ...]:
    """Return one outcome per option that was voted for and has none yet."""
    counted = {outcome.program_id for outcome in state.outcomes}
    new = {c.program_id: c for c in state.candidates if c.program_id not in counted}
    return tuple(_outcome(candidate) for candidate in new.values())


def _outcome(candidate: Candidate) -> Outcome:
    return Outcome(
        program_id=candidate.program_id,
        input_id=BALLOT,
        status="completed",
        output=candidate.code,
        output_key=expected_key("stdio", candidate.code),
    )


def posterior_of_votes(item: Evidence, candidates: int, options: int) -> float:
    """Return the estimate that another sample votes alike, from even odds for all options (Dirichlet, one each).

    It is P(correct) only as far as the model's votes are calibrated; a learned Lens takes its place.
    """
    return (item.cluster_weight + 1) / (candidates + options)
