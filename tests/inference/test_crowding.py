"""A thread is given up while it is waited for, and taken back when there is room again."""

from __future__ import annotations

import pytest

from inference.crowding import Crowding


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def run(crowding, clock, seconds, share, step=0.05):
    """Take steps for a while, in which the asking thread computes for a share of the time; return all thread counts."""
    seen = [crowding.threads]
    for _ in range(round(seconds / step)):
        clock.now += step
        if crowding.note(step, share * step):
            seen.append(crowding.threads)
    return seen


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def crowding(clock):
    return Crowding(4, clock)


def test_on_a_quiet_machine_nothing_changes(crowding, clock):
    assert run(crowding, clock, 60, 0.97) == [4]


def test_one_slow_step_is_no_crowd(crowding, clock):
    assert run(crowding, clock, 0.2, 0.1) == [4]
    assert run(crowding, clock, 60, 0.97) in ([4], [4, 3, 4])


def test_threads_are_given_up_one_by_one_and_the_last_one_never(crowding, clock):
    assert run(crowding, clock, 1.05, 0.2) == [4, 3, 2, 1]
    assert run(crowding, clock, 5, 0.2) == [1]


def test_they_come_back_when_there_is_room(crowding, clock):
    run(crowding, clock, 0.3, 0.2)
    assert run(crowding, clock, 5, 0.97) == [3, 4]


def test_tries_become_rare_while_there_is_no_room(clock):
    crowding, tries = Crowding(2, clock), []
    for _ in range(round(120 / 0.05)):
        clock.now += 0.05
        before = crowding.threads
        # Alone it computes all the time; two wait for each other.
        crowding.note(0.05, 0.05 if before == 1 else 0.01)
        if (before, crowding.threads) == (1, 2):
            tries.append(clock.now)
    assert 6 <= len(tries) <= 14
    assert tries[-1] - tries[-2] > 15


def test_after_a_good_while_the_pause_is_short_again(clock):
    crowding = Crowding(2, clock)
    for _ in range(5):
        run(crowding, clock, 30, 0.1)
    run(crowding, clock, 60, 0.97)
    assert crowding.threads == 2
    run(crowding, clock, 0.3, 0.1)
    assert run(crowding, clock, 2, 0.97) == [1, 2]
