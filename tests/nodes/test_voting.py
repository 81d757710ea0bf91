"""Questions: samples vote, the largest cluster answers, an open vote draws more, and nothing is ever verified."""

from __future__ import annotations

from dataclasses import replace

import pytest

from graphs.policies import POLICIES
from graphs.running import OpenSolver
from inference.scripted import ScriptedModel
from nodes.evidence import weigh
from nodes.parsing import parse_choice
from nodes.settings import Settings
from nodes.state import Candidate, Problem, SolveState, content_id
from nodes.voting import votes
from sandbox.unsafe import open_unsafe

QUESTION = Problem(statement="Which is even?\n\n(A) 1\n(B) 2\n(C) 3\n(D) 5", mode="stdio", options=("A", "B", "C", "D"))
SETTINGS = Settings(k=4, max_programs=12)


def solved(letters, policy="adaptive", settings=SETTINGS):
    """Return the final state and the model's requests; the n-th sample says the n-th text, then the last one."""
    given = iter(letters)
    last = letters[-1]
    model = ScriptedModel(lambda request: next(given, last), name="voter")
    with OpenSolver(replace(settings, policy=policy), model, open_unsafe(1)) as solver:
        return solver.run(QUESTION), model.requests


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("Answer: B", "B"),
        ("**Answer:** (C)", "C"),
        ("First I thought the answer is A.\nThe correct answer is **D**.", "D"),
        ("The answer is option B, since B is even", "B"),
        ("answer: b", None),
        ("The answer is a hard one", None),
        ("I do not know", None),
    ],
)
def test_the_last_letter_that_is_called_the_answer_counts(text, letter):
    assert parse_choice(text) == letter


def test_most_votes_are_the_answer_and_it_is_not_verified():
    state, _ = solved(["Answer: A", "Answer: B", "Answer: B", "Answer: B"], "phase1")
    answer = state.answer
    assert (answer.code, answer.verified, answer.calibrated) == ("B", False, False)
    assert "nothing checks" in answer.reason
    assert answer.confidence == pytest.approx((3 + 1) / (4 + 4))
    assert "votes: 3 of 4 samples; 2 options were named" in answer.evidence


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_only_draws_plain_samples_of_a_question(policy):
    state, requests = solved(["Answer: B"], policy)
    assert set(state.history) == {"widen"}
    assert state.answer.code == "B"
    assert not state.answer.verified
    assert not state.plans
    assert not state.self_tests
    assert {request.messages for request in requests} == {requests[0].messages}
    assert len({request.seed for request in requests}) == len(requests) == len(state.candidates)


def test_a_clear_vote_ends_the_sampling_and_an_open_one_goes_on():
    clear, _ = solved(["Answer: B"] * 8)
    torn, _ = solved(["Answer: B", "Answer: C"] * 8)
    assert len(clear.candidates) < len(torn.candidates) == SETTINGS.max_programs
    assert clear.answer.stop == "no_gain"


def test_a_reply_without_an_option_is_no_vote_but_costs_its_tokens():
    state, _ = solved(["I cannot tell.", "Answer: E", "Answer: C", "Answer: C"], "phase1")
    assert [c.code for c in state.candidates] == ["C", "C"]
    (cost,) = [cost for cost in state.costs if cost.box == "budgeted_generation"]
    assert cost.calls == 4
    nothing, _ = solved(["no idea"], "baseline")
    assert (nothing.answer.code, nothing.answer.confidence, nothing.answer.verified) == ("", 0.0, False)


def test_a_learned_lens_takes_the_place_of_the_share_of_votes():
    candidates = tuple(
        Candidate(id=content_id(letter, str(i)), index=i, code=letter) for i, letter in enumerate(["A", "B", "B"])
    )
    state = SolveState(problem=QUESTION, candidates=candidates)
    state = replace(state, outcomes=votes(state))

    class ByShare:
        def p(self, features):
            return features[5]

    assert [item.posterior for item in weigh(state, ByShare())] == pytest.approx([1 / 3, 2 / 3, 2 / 3])
    assert [item.cluster_weight for item in weigh(state)] == [1, 2, 2]
