"""The decoding loop over a toy sequence: what is fed, what is counted, what ends it."""

import time

import numpy as np
import pytest

from inference.base import Thinking
from inference.decoding import Limits, TextTail, Writer
from inference.forcing import ThinkingBudget, ThinkingMarks

START, END, STOP = 256, 257, 258
MARKS = ThinkingMarks(
    start=START,
    end=END,
    opening=(START, 10),
    wait=tuple(b"\nWait"),
    close=(END, 10, 10),
    hand_over=(*b"So.", END, 10, 10),
)


class Toy:
    """Says given tokens, then stops; a token below 256 is a byte."""

    def __init__(self, tokens):
        self.left = list(tokens)
        self.fed = []

    def sample(self):
        return self.left.pop(0) if self.left else STOP

    def feed(self, tokens):
        self.fed += tokens

    def logits(self):
        return np.arange(300, dtype=np.float32)

    def piece(self, token):
        return bytes([token]) if token < 256 else b""

    def ends_text(self, token):
        return token == STOP


def write(tokens, thinking=None, opened=False, max_tokens=50, stops=(), limits=None, on_progress=None):
    toy = Toy(tokens)
    budget = ThinkingBudget(MARKS, thinking or Thinking(), opened=opened)
    writer = Writer(toy, budget, max_tokens=max_tokens, stops=stops, limits=limits or Limits())
    return toy, writer.write(on_progress)


def test_plain_answer():
    toy, done = write(b"hello")
    assert (done.text, done.tokens, done.stop, done.thinking) == ("hello", 5, "end", "")
    assert done.confidence is not None


def test_last_token_is_never_fed():
    toy, done = write(b"hello", max_tokens=3)
    assert (done.text, done.stop, bytes(toy.fed)) == ("hel", "length", b"he")


def test_thinking_and_answer_are_counted_apart():
    _, done = write([START, *b"hm", END, *b"\n\nyes"], Thinking(at_most=40))
    assert (done.thinking, done.text, done.thinking_tokens, done.tokens) == ("hm", "yes", 4, 5)


def test_cap_hands_over_and_the_answer_follows():
    toy, done = write([START, *b"abcdefgh", *b"yes"], Thinking(at_most=12), max_tokens=3)
    assert done.thinking == "abcdeSo."
    assert done.thinking_tokens == 12
    assert done.text == "fgh"
    assert toy.fed[:12] == [START, *b"abcde", *b"So.", END, 10, 10]


def test_minimum_forces_wait_into_the_thinking():
    _, done = write([*b"a", END, *b"b", END, *b"yes"], Thinking(at_most=60, at_least=6, waits=2), opened=True)
    assert done.thinking == "a\nWaitb"
    assert done.text == "yes"


def test_mark_in_mid_answer_opens_nothing():
    _, done = write([*b"ab", START, *b"cd"], Thinking(at_most=40))
    assert (done.text, done.thinking_tokens) == ("abcd", 0)


def test_stop_text_cuts_the_answer_only():
    _, done = write([START, *b"stop", END, *b"go stop on"], Thinking(at_most=40), stops=("stop",))
    assert (done.thinking, done.text, done.stop) == ("stop", "go ", "stop_text")


def test_blank_lines_after_thinking_do_not_stop():
    _, done = write([*b"hm", END, *b"\n\ncode\n\nmore"], Thinking(at_most=40), opened=True, stops=("\n\n",))
    assert (done.text, done.stop) == ("code", "stop_text")


def test_deadline_keeps_what_was_written():
    limits = Limits(deadline=time.monotonic() - 1)
    assert write(b"hello", limits=limits)[1].stop == "deadline"


def test_cancellation_keeps_what_was_written():
    seen = []
    limits = Limits(cancelled=lambda: len(seen) >= 3)
    _, done = write(b"hello", limits=limits, on_progress=seen.append)
    assert (done.text, done.stop) == ("hel", "cancelled")


@pytest.mark.parametrize("cut", range(1, 12))
def test_characters_are_whole_however_they_are_cut(cut):
    data = "naïve 🙂 日本".encode()
    tail = TextTail()
    for at in range(0, len(data), cut):
        tail.add(data[at : at + cut])
        assert "\ufffd" not in tail.text
    assert tail.text == "naïve 🙂 日本"


@pytest.mark.parametrize("cut", range(1, 9))
def test_stop_text_is_found_however_it_is_cut(cut):
    data = b"one two END three"
    tail = TextTail(("END", "nothing"))
    assert any(tail.add(data[at : at + cut]) for at in range(0, len(data), cut))
    assert tail.text == "one two "


def test_earliest_stop_text_wins():
    tail = TextTail(("b", "abc"))
    assert tail.add(b"xabc")
    assert tail.text == "x"
