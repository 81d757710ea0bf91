"""The budget is hard, prompts that do not fit are dropped, late and cancelled calls ask nothing."""

from __future__ import annotations

import time
from itertools import product

import pytest

from inference.base import Completion, Message, Request, Thinking
from nodes.asking import LEAST_TOKENS, Allowance, ask, request, seed_for

PROMPT = (Message(role="user", content="x" * 40),)


def greedy(given: Request) -> Completion:
    return Completion(text="", tokens=given.max_tokens, thinking_tokens=given.thinking.at_most)


def ask_for(ride, count: int, tokens: int, *, each=200, thinking=0, deadline=60.0, **options):
    runtime = ride(greedy, **options)
    wanted = [
        Request(messages=PROMPT, max_tokens=each, thinking=Thinking(at_most=thinking, at_least=thinking // 2), seed=i)
        for i in range(count)
    ]
    allowed = Allowance(tokens=tokens, deadline=time.monotonic() + deadline)
    replies, cost = ask(runtime, "box", wanted, allowed)
    return replies, cost, runtime.context.model.requests


@pytest.mark.parametrize("tokens", [0, 1, 23, 24, 25, 30, 47, 48, 49, 100, 777, 10_000])
def test_never_more_is_asked_than_allowed(ride, tokens):
    for count, thinking in product((1, 2, 3, 7), (0, 1, 50, 5000)):
        replies, cost, asked = ask_for(ride, count, tokens, thinking=thinking)
        assert cost.spent <= tokens
        assert len(replies) == count
        assert cost.calls == len(asked) == sum(reply is not None for reply in replies)
        assert all(one.max_tokens + one.thinking.at_most >= LEAST_TOKENS for one in asked)
        assert all(one.thinking.at_least <= one.thinking.at_most for one in asked)


def test_ample_budget_leaves_a_request_as_it_is(ride):
    _, _, (asked,) = ask_for(ride, 1, 10_000, each=200, thinking=300)
    assert (asked.max_tokens, asked.thinking) == (200, Thinking(at_most=300, at_least=150))


def test_short_budget_is_shared_by_thinking_and_answer(ride):
    _, _, (asked,) = ask_for(ride, 1, 100, each=200, thinking=300)
    assert asked.max_tokens + asked.thinking.at_most <= 100
    assert min(asked.max_tokens, asked.thinking.at_most) >= 40


def test_prompt_longer_than_the_context_is_dropped(ride):
    runtime = ride(greedy, context_tokens=50)
    long = Request(messages=(Message(role="user", content="x" * 400),), max_tokens=100)
    short = Request(messages=PROMPT, max_tokens=100)
    replies, cost = ask(runtime, "box", [long, short], Allowance(tokens=1000, deadline=time.monotonic() + 9))
    assert [reply is None for reply in replies] == [True, False]
    assert cost.tokens == 40


def test_late_call_asks_nothing(ride):
    replies, cost, asked = ask_for(ride, 2, 1000, deadline=-1.0)
    assert (replies, cost.spent, cost.calls, asked) == ((None, None), 0, 0, ())


def test_cancelled_call_asks_nothing(ride):
    assert ask_for(ride, 1, 1000, cancelled=lambda: True)[2] == ()


def test_nothing_asked_costs_nothing(ride):
    replies, cost, _ = ask_for(ride, 0, 1000)
    assert (replies, cost.calls) == ((), 0)


def test_model_without_thinking_is_not_told_to_think(ride):
    runtime = ride(greedy, can_think=False)
    assert request(runtime.context, PROMPT, seed=1, thinking=Thinking(at_most=9)).thinking == Thinking()


def test_seed_depends_on_setting_and_names_alone(ride):
    first, same, other = (ride(seed=seed).context for seed in (1, 1, 2))
    assert seed_for(first, "code", 3) == seed_for(same, "code", 3) != seed_for(other, "code", 3)
    assert seed_for(first, "code", 3) != seed_for(first, "code", 4)
    assert 0 <= seed_for(first, "code", 3) < 2**31
