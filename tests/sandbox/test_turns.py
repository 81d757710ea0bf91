"""Together or alone: never both, the lone one first, and nobody waits for what he no longer wants."""

from __future__ import annotations

import threading
import time

import pytest

from sandbox.protocol import CancelledError
from sandbox.turns import Turns


def never():
    return False


def test_the_lone_one_has_nobody_beside():
    turns, beside, lone, seen = Turns(), [], [], []

    def together():
        for _ in range(20):
            with turns.together(never):
                beside.append(1)
                seen.append(("together", len(lone)))
                time.sleep(0.001)
                beside.pop()

    def alone():
        for _ in range(10):
            with turns.alone(never):
                lone.append(1)
                seen.append(("alone", len(beside) + len(lone) - 1))
                time.sleep(0.001)
                lone.pop()

    threads = [threading.Thread(target=work) for work in (together, together, together, alone, alone)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(seen) == 80
    assert {others for _, others in seen} == {0}


def test_one_that_wants_to_be_alone_is_not_starved():
    turns = Turns()
    done = threading.Event()

    def busy():
        while not done.is_set():
            with turns.together(never):
                time.sleep(0.002)

    threads = [threading.Thread(target=busy) for _ in range(3)]
    for thread in threads:
        thread.start()
    with turns.alone(never):
        done.set()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)


def test_waiting_ends_when_it_is_cancelled():
    turns = Turns()
    with turns.together(never):
        with pytest.raises(CancelledError), turns.alone(lambda: True):
            pass
        with turns.together(never):
            pass
    with turns.alone(never), pytest.raises(CancelledError), turns.together(lambda: True):
        pass
