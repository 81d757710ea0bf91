"""The decoding loop over a toy sequence: what is fed, what is counted, what ends it."""

import time

import numpy as np
import pytest

from inference.base import Thinking
from inference.confidence import Signals
from inference.decoding import Limits, Terms, TextTail, Writer
from inference.forcing import ThinkingBudget, ThinkingMarks
from inference.outputs import Outputs

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

    def draw(self, outputs, at):
        return self.left.pop(0) if self.left else STOP

    def close(self):
        self.left = None

    def piece(self, token):
        return bytes([token]) if token < 256 else b""

    def ends_text(self, token):
        return token == STOP


def write(tokens, thinking=None, opened=False, max_tokens=50, stops=(), grammar=None):
    toy = Toy(tokens)
    budget = ThinkingBudget(MARKS, thinking or Thinking(), opened=opened)
    terms = Terms(max_tokens=max_tokens, stops=stops, grammar=grammar)
    writer = Writer(toy, toy, budget, terms, Signals(detailed=True))
    rows = Outputs(np.arange(300, dtype=np.float32)[None])
    while not isinstance(step := writer.advance(rows, 0), str):
        toy.fed += step
    return toy, writer.completion(step)


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


def test_white_space_before_a_block_is_never_told():
    """A reader of the stream counts what it was told, and the answer after the block begins anew."""
    toy = Toy([*b"\n ", START, *b"hm", END, *b"yes"])
    budget = ThinkingBudget(MARKS, Thinking(at_most=40), opened=False)
    writer = Writer(toy, toy, budget, Terms(max_tokens=50), Signals())
    rows, told = Outputs(np.arange(300, dtype=np.float32)[None]), []
    while not isinstance(writer.advance(rows, 0), str):
        told.append(writer.answer)
    assert all("yes".startswith(text) for text in told)
    assert writer.answer == "yes"


def test_stop_text_cuts_the_answer_only():
    _, done = write([START, *b"stop", END, *b"go stop on"], Thinking(at_most=40), stops=("stop",))
    assert (done.thinking, done.text, done.stop) == ("stop", "go ", "stop_text")


def test_blank_lines_after_thinking_do_not_stop():
    _, done = write([*b"hm", END, *b"\n\ncode\n\nmore"], Thinking(at_most=40), opened=True, stops=("\n\n",))
    assert (done.text, done.stop) == ("code", "stop_text")


def test_limits_say_why():
    assert Limits(deadline=time.monotonic() - 1).reached() == "deadline"
    assert Limits(deadline=time.monotonic() + 9, cancelled=lambda: True).reached() == "cancelled"
    assert Limits(deadline=time.monotonic() + 9, cancelled=lambda: False).reached() is None


def test_signals_are_of_the_answer_alone():
    row = np.arange(300, dtype=np.float32)
    log_sum = np.log(np.exp(row - 299.0).sum())
    _, done = write([START, *b"hm", END, *b"yes"], Thinking(at_most=40))
    assert done.log_probability == pytest.approx(sum(byte - 299 - log_sum for byte in b"yes"), rel=1e-5)
    assert done.entropy == pytest.approx(1.0407, abs=1e-3)
    assert done.hidden is None


class Digits:
    """A grammar of digits that ends after three."""

    def __init__(self):
        self.taken = 0

    def allows(self, token):
        return token == STOP if self.taken == 3 else chr(token).isdigit()

    def accept(self, token):
        self.taken += 1

    def masked(self, row):
        return row if self.taken < 5 else None

    def close(self):
        self.taken = None


def test_grammar_asks_again_only_where_it_refuses():
    toy, done = write(b"1x2z3", grammar=Digits())
    assert (done.text, done.stop, bytes(toy.fed)) == ("123", "end", b"123")


def test_grammar_does_not_bind_the_thinking():
    _, done = write([START, *b"hm", END, *b"123"], Thinking(at_most=40), grammar=Digits())
    assert (done.thinking, done.text) == ("hm", "123")


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
