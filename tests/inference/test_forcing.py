"""The cap is a true cap and the minimum acts, whatever the model samples."""

import itertools
import random

import pytest

from inference.base import Thinking
from inference.forcing import ThinkingBudget, ThinkingMarks, share_room

START, END, STOP = 100, 101, 102
MARKS = ThinkingMarks(
    start=START, end=END, opening=(START, 1), wait=(7, 8), close=(END, 2), hand_over=(3, 4, 5, END, 2)
)


def run(budget, sampled):
    """Feed samples until the block closes; return all tokens that were fed."""
    fed = []
    for token in sampled:
        fed += budget.forced()
        if not budget.open:
            break
        fed += budget.instead_of(token, ends_text=token == STOP)
        if not budget.open:
            break
    return fed


def test_hand_over_is_forced_at_the_cap():
    budget = ThinkingBudget(MARKS, Thinking(at_most=20), opened=True)
    fed = run(budget, itertools.repeat(50))
    assert fed == [50] * 15 + [3, 4, 5, END, 2]
    assert budget.spent == 20


def test_small_caps_close_without_the_sentence():
    budget = ThinkingBudget(MARKS, Thinking(at_most=6), opened=True)
    assert run(budget, itertools.repeat(50)) == [50] * 4 + [END, 2]


@pytest.mark.parametrize("opened", [True, False])
def test_cap_holds_for_any_sample(opened):
    draw = random.Random(1)
    for _ in range(2_000):
        cap = draw.randrange(0, 40)
        asked = Thinking(at_most=cap, at_least=draw.randrange(0, 60), waits=draw.randrange(0, 5))
        budget = ThinkingBudget(MARKS, asked, opened=opened)
        if not opened:
            budget.opens(START)
        fed = run(budget, (draw.choice([50, 51, END, STOP]) for _ in range(100)))
        assert budget.spent <= cap
        assert not budget.open
        assert len(fed) == budget.spent - (0 if opened or not budget.spent else fed[:1] != [START])


def test_own_end_mark_is_kept():
    budget = ThinkingBudget(MARKS, Thinking(at_most=50), opened=True)
    assert run(budget, [50, 51, END]) == [50, 51, END]
    assert budget.spent == 3


def test_early_end_becomes_wait_as_often_as_allowed():
    budget = ThinkingBudget(MARKS, Thinking(at_most=50, at_least=40, waits=2), opened=True)
    assert run(budget, itertools.repeat(END)) == [7, 8, 7, 8, END]


def test_end_after_the_minimum_is_no_wait():
    budget = ThinkingBudget(MARKS, Thinking(at_most=50, at_least=2), opened=True)
    assert run(budget, [50, 51, END]) == [50, 51, END]


def test_end_of_text_inside_the_block_only_closes_it():
    budget = ThinkingBudget(MARKS, Thinking(at_most=50), opened=True)
    assert run(budget, [50, STOP]) == [50, END, 2]


def test_minimum_opens_a_block():
    budget = ThinkingBudget(MARKS, Thinking(at_most=50, at_least=10), opened=False)
    assert budget.forced() == (START, 1)
    assert (budget.open, budget.spent) == (True, 2)


def test_sampled_start_mark_opens_a_block_once():
    budget = ThinkingBudget(MARKS, Thinking(at_most=50), opened=False)
    assert budget.forced() == ()
    assert budget.opens(START)
    run(budget, [END])
    assert not budget.opens(START)


@pytest.mark.parametrize("thinking", [Thinking(), Thinking(at_most=4)])
def test_cap_too_small_for_a_block_means_none(thinking):
    budget = ThinkingBudget(MARKS, thinking, opened=False)
    assert not budget.opens(START)
    assert budget.forced() == ()


def test_room_is_shared_in_proportion():
    assert share_room(Thinking(at_most=300, at_least=200), 100, 200) == (Thinking(at_most=150, at_least=150), 50)
    assert share_room(Thinking(at_most=300), 100, 400) == (Thinking(at_most=300), 100)
