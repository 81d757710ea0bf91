"""What several searches ask for at the same moment is generated once; what came to no end is not handed on."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmark.database import Database
from benchmark.pool import SCHEMA, Shared
from benchmark.recorded_model import RecordedModel
from benchmark.spent import Clock, Meter, Shares
from inference.base import Completion, Message, ModelError, Request
from inference.scripted import ScriptedModel

ASKED = Request(messages=(Message(role="user", content="write f"),), max_tokens=50, seed=1)
OTHER = Request(messages=(Message(role="user", content="write g"),), max_tokens=50, seed=1)
PATIENCE_S = 30


class Held:
    """A model whose first text comes once somebody else waits for it, and two searches that use it."""

    def __init__(self, database, first):
        self.waits, self.began = threading.Event(), threading.Event()
        self.first = first
        self.inner = ScriptedModel(self.reply)
        shared = Shared()
        self.meters = [Meter(), Meter()]
        self.searches = [RecordedModel(self.inner, database, meter, shared) for meter in self.meters]

    def reply(self, request):
        if self.began.is_set() or request != self.inner.requests[0]:
            return "another"
        self.began.set()
        assert self.waits.wait(PATIENCE_S)
        if isinstance(self.first, BaseException):
            raise self.first
        return self.first

    def note(self):
        """Stand for `cancelled`, which whoever waits for another's text asks."""
        self.waits.set()
        return False

    def both(self, second, **options):
        """Let one search ask, and another one while that text is being made; return what each was answered."""
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(self.searches[0].complete_many, [ASKED])
            assert self.began.wait(PATIENCE_S)
            answered = self.searches[1].complete_many(second, cancelled=self.note, **options)
            self.waits.set()
            return future, answered


@pytest.fixture
def database(tmp_path):
    with Database(tmp_path / "pool.sqlite", SCHEMA) as database:
        yield database


def test_a_text_that_is_being_made_is_waited_for_and_charged_to_both(database):
    held = Held(database, "the only one")
    future, (second,) = held.both([ASKED])
    assert future.result() == (second,)
    assert [request.seed for request in held.inner.requests] == [1]
    first_spent, second_spent = (meter.read() for meter in held.meters)
    assert (first_spent.generated, first_spent.reused) == (1, 0)
    assert (second_spent.generated, second_spent.reused) == (0, 1)
    assert second_spent.waited_s > 0


def test_what_is_asked_for_beside_it_is_made_before_waiting(database):
    held = Held(database, "the only one")
    _, answered = held.both([ASKED, OTHER, ASKED])
    assert [one.text for one in answered] == ["the only one", "another", "the only one"]
    assert len(held.inner.requests) == 2


@pytest.mark.parametrize(
    "first", [Completion(text="cut", stop="deadline", tokens=3), ModelError("gone")], ids=["cut short", "failed"]
)
def test_a_text_that_came_to_no_end_is_made_again_by_who_waited(database, first):
    held = Held(database, first)
    future, (second,) = held.both([ASKED])
    assert second.text == "another"
    assert held.meters[1].read().generated == 1
    if isinstance(first, ModelError):
        with pytest.raises(ModelError, match="gone"):
            future.result()
    else:
        assert future.result()[0].text == "cut"


def test_who_is_late_does_not_wait_for_others(database):
    held = Held(database, "the only one")
    _, (second,) = held.both([ASKED], deadline=time.monotonic() - 1)
    assert second.stop == "deadline"


def test_time_is_split_by_weight_and_the_rest_was_waiting():
    shares = Shares()
    light, heavy = Clock(shares), Clock(shares)
    began = time.monotonic()
    with light.lap(1) as one, heavy.lap(3) as other:
        time.sleep(0.2)
        little, much = one(), other()
    wall = time.monotonic() - began
    assert little.own_s + much.own_s <= wall
    assert little.own_s == pytest.approx(0.05, rel=0.3)
    assert little.waited_s == pytest.approx(much.own_s, rel=0.3)
    assert much.waited_s == pytest.approx(little.own_s, rel=0.3)
