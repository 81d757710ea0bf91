"""The whole figure with a scripted programmer and a real sandbox: every policy, every way to end."""

from __future__ import annotations

import time
from itertools import count

import pytest

from graphs.policies import POLICIES
from inference.base import ContextOverflowError
from tests.graphs.programmer import (
    CRASH,
    DISTINCT,
    FUNCTION,
    GOOD,
    GOOD_AGAIN,
    STDIO,
    SUM,
    SUM_TESTS,
    TESTS,
    WRONG,
    Talk,
    fenced,
    greedy,
    in_turn,
)

pytestmark = pytest.mark.bubblewrap
SUMMING = {"code": SUM, "tests": SUM_TESTS, "oracle": SUM, "repair": SUM, "synthesise": SUM}
THOROUGH = ("phase1_2", "phase1_3", "full", "adaptive")


@pytest.mark.parametrize("policy", THOROUGH)
def test_right_function_is_verified(run, policy):
    answer = run(FUNCTION, policy=policy).answer
    assert (answer.verified, answer.stop) == (True, "verified")
    assert "sorted" in answer.code


@pytest.mark.parametrize("policy", THOROUGH)
def test_right_program_is_verified(run, policy):
    answer = run(STDIO, SUMMING, policy=policy).answer
    assert (answer.verified, answer.stop) == (True, "verified")


@pytest.mark.parametrize("policy", THOROUGH)
@pytest.mark.parametrize("wrong", [False, True])
def test_small_models_profile_runs_every_box(run, policy, wrong):
    """The compact templates get the same values from the boxes; the oracle is their `code` with a style."""
    script = {"code": lambda r: GOOD_AGAIN if "Style: loop." in text(r) else WRONG if wrong else GOOD}
    ran = run(FUNCTION, script, policy=policy, profile="compact")
    assert ran.answer.verified or wrong


@pytest.mark.parametrize("policy", POLICIES)
def test_wrong_function_is_never_verified(run, policy):
    answer = run(
        FUNCTION, {"code": WRONG, "repair": WRONG, "synthesise": WRONG}, policy=policy, budget_tokens=8000
    ).answer
    assert not answer.verified
    assert "fails 2 of 2 examples" in answer.reason
    assert answer.confidence < 0.05


@pytest.mark.parametrize("policy", POLICIES)
def test_model_without_code_yields_an_empty_answer(run, policy):
    silent = dict.fromkeys(("code", "repair", "synthesise", "oracle"), "I cannot write programs.")
    answer = run(FUNCTION, silent, policy=policy, budget_tokens=8000).answer
    assert (answer.code, answer.verified, answer.confidence) == ("", False, 0.0)
    assert answer.reason == "no program was written"


@pytest.mark.parametrize("policy", ["phase1_3", "full", "adaptive"])
@pytest.mark.parametrize("mender", ["repair", "synthesise", "rewrite"])
def test_repair_mends_a_wrong_program(run, policy, mender):
    """Each of the three ways of repair can do it alone."""
    script = {"code": WRONG, "repair": WRONG, "synthesise": WRONG, **({mender: GOOD} if mender != "rewrite" else {})}
    if mender == "rewrite":
        script["criticise"] = lambda r: "Flaw: no\nPlan:\n1. mended" if "take the one" in text(r) else "none"
        script["code"] = lambda r: GOOD if "1. mended" in text(r) else WRONG
    answer = run(FUNCTION, script, policy=policy, k=2).answer
    assert "sorted" in answer.code


def text(request) -> str:
    return request.messages[1].content


@pytest.mark.parametrize("policy", ["phase1_2", "full", "adaptive"])
def test_judge_settles_two_rivals(run, policy):
    """Half of the programs lose equal numbers; the examples cannot tell, the judged pair can."""
    script = rivals()
    if policy == "adaptive":  # Its first programs are all plain.
        turns = count()
        script["code"] = lambda r: GOOD if next(turns) % 2 else DISTINCT
    ran = run(FUNCTION, script, policy=policy, k=4, budget_tokens=40_000)
    assert ran.state.comparisons
    assert ran.answer.code == "def second(xs):\n    return sorted(xs)[-2]"


def rivals() -> dict:
    def judge(request) -> str:
        """Say what is right whatever the order: second([2, 2, 1]) is 2."""
        first = text(request).split("Result 1:\n```\n")[1].split("\n")[0]
        case = text(request).split("second(")[-1]
        return ("Answer: 1" if first == "2" else "Answer: 2") if "[2, 2, 1]" in case else "Answer: tie"

    return {
        "sketch": lambda r: "1. observed" if "on these observations" in text(r) else "1. idea",
        "code": lambda r: GOOD if "observed" in text(r) or "without losing" in text(r) else DISTINCT,
        "tests": "assert second([2, 2, 1]) == 7\nassert second([1, 5]) == 1",
        "judge": judge,
        "oracle": "none",
        "separate": "second([2, 2, 1])",
    }


def test_judge_asked_in_one_order_only_is_a_tie(run):
    """A judge that always prefers the first result contradicts himself."""
    ran = run(FUNCTION, {**rivals(), "judge": "Answer: 1"}, policy="phase1_2")
    assert {c.points for c in ran.state.comparisons} == {0.5}
    assert not ran.answer.verified


def test_oracle_confirms_what_nobody_predicted(run):
    """The tests' own predictions are all wrong: what the brute force computes confirms them."""
    ran = run(FUNCTION, {"tests": "assert second([4, 8, 6]) == 1\nassert second([5, 9]) == 1"}, policy="full")
    assert ran.answer.verified


def test_without_oracle_wrong_predictions_confirm_nothing(run):
    script = {"tests": "assert second([4, 8, 6]) == 1\nassert second([5, 9]) == 1", "oracle": "no idea"}
    ran = run(FUNCTION, script, policy="full")
    assert not ran.answer.verified
    assert "only 0 of the 2 confirmed" in ran.answer.reason


def test_oracle_that_fails_the_examples_has_no_vote(run):
    half_right = fenced("def second(xs):\n    return sorted(xs)[-2] if len(xs) > 2 else 0")
    script = {"tests": "assert second([4, 8, 6]) == 1\nassert second([5, 9, 6]) == 1", "oracle": half_right}
    assert run(FUNCTION, script, policy="full").answer.evidence[2] == "confirmed self-tests passed: 0 of 0"


def test_oracle_equal_to_the_program_proves_nothing(run):
    """One text agreeing with itself is no second opinion."""
    script = {"tests": "assert second([4, 8, 6]) == 1\nassert second([5, 9]) == 1", "oracle": GOOD, "code": GOOD}
    assert not run(FUNCTION, script, policy="full").answer.verified


def test_repeated_examples_are_no_self_tests(run):
    """Spelled in another way they stay the same inputs."""
    same = SUM_TESTS.replace("```\n1\n5\n```\nOutput:\n```\n5", "```\n2\n3 4 \n\n```\nOutput:\n```\n7")
    statement = STDIO.replace("```\n2\n3 4\n```\nOutput:\n```\n7\n```", "2\n3 4\nOutput:\n7")
    assert not run(statement, {**SUMMING, "tests": same}, policy="full").answer.verified


def test_problem_without_examples_is_tried_and_not_verified(run):
    statement = FUNCTION.split(">>>")[0].replace("second(xs: list[int]) -> int", "second(xs)")
    for policy in ("full", "adaptive"):
        answer = run(statement, {"code": in_turn(GOOD, GOOD_AGAIN)}, policy=policy).answer
        assert not answer.verified
        assert answer.reason == "no examples were found in the problem to check against"
        assert "self-tests written: 3" in answer.evidence


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("budget", [30, 100, 777, 5000])
def test_budget_of_tokens_is_hard(run, policy, budget):
    """A model that always spends what it may never spends more than the budget over all boxes."""
    ran = run(FUNCTION, greedy(Talk({"code": WRONG, "repair": WRONG})), policy=policy, budget_tokens=budget)
    assert ran.state.tokens_spent <= budget
    assert ran.state.tokens_spent == sum(c.spent for c in ran.answer.cost)


@pytest.mark.parametrize("policy", POLICIES)
def test_empty_purse_asks_nothing(run, policy):
    ran = run(FUNCTION, policy=policy, budget_tokens=0)
    assert (ran.answer.stop, ran.answer.code, ran.asked) == ("tokens", "", [])


@pytest.mark.parametrize("policy", POLICIES)
def test_no_time_asks_nothing(run, policy):
    ran = run(FUNCTION, policy=policy, budget_seconds=0.0)
    assert (ran.answer.stop, ran.answer.code, ran.asked) == ("seconds", "", [])


@pytest.mark.parametrize("policy", ["full", "adaptive", "resample", "phase1_3"])
def test_number_of_programs_is_hard(run, policy):
    wrong = {"code": in_turn(WRONG, CRASH), "repair": in_turn(WRONG, CRASH), "synthesise": WRONG}
    assert len(run(FUNCTION, wrong, policy=policy, max_programs=6).state.candidates) <= 6


@pytest.mark.parametrize("policy", ["full", "adaptive"])
def test_full_pool_is_still_tested(run, policy):
    assert run(FUNCTION, policy=policy, k=4, max_programs=4).answer.verified


@pytest.mark.parametrize("policy", ["full", "adaptive", "phase1"])
def test_same_seed_gives_the_same_search(run, policy):
    script = {"code": in_turn(GOOD, GOOD_AGAIN, WRONG, DISTINCT), "tests": in_turn(TESTS, "assert second([5, 5]) == 5")}
    runs = [run(FUNCTION, script, policy=policy) for _ in range(2)]
    assert len({tuple((c.id, c.index, c.origin) for c in ran.state.candidates) for ran in runs}) == 1
    assert len({(ran.answer.code, ran.answer.confidence, ran.answer.candidate_id) for ran in runs}) == 1


def test_another_seed_asks_for_other_texts(run):
    first, second = ({r.seed for r in run(FUNCTION, seed=seed).model.requests} for seed in (0, 1))
    assert not first & second


def test_policies_share_their_first_samples(run):
    """Equal requests let one policy re-use what another has drawn."""
    plain = {(r.seed, r.messages) for r in run(FUNCTION, policy="resample", k=1, max_programs=1).model.requests}
    assert plain <= {(r.seed, r.messages) for r in run(FUNCTION, policy="phase1").model.requests}


def test_runaway_programs_do_not_outlive_the_clock(run):
    endless = fenced("def second(xs):\n    while True: pass")
    began = time.monotonic()
    ran = run(FUNCTION, {"code": endless}, policy="phase1", budget_seconds=1.0, test_cpu_seconds=30.0)
    assert time.monotonic() - began < 4.0
    assert not ran.answer.verified


def test_cpu_budget_of_the_sandbox_stops_new_programs(run):
    slow = [fenced(f"def second(xs):\n    n = {i}\n    while True: pass") for i in range(4)]
    ran = run(FUNCTION, {"code": in_turn(*slow)}, policy="resample", budget_sandbox_seconds=1.0, test_cpu_seconds=0.5)
    assert ran.answer.stop == "sandbox_seconds"
    assert ran.state.sandbox_seconds_spent < 3.5


def test_statement_beyond_the_context_is_refused(run):
    with pytest.raises(ContextOverflowError, match="shorten it"):
        run(FUNCTION + "x" * 150_000)
