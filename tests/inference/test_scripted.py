"""The test double keeps its promises: order, records, and a loud end."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from inference.base import Completion, ContextOverflowError, Message, Model, ModelError, Request
from inference.scripted import ScriptedModel


def ask(text, **options):
    return Request(messages=(Message(role="user", content=text),), max_tokens=16, **options)


def test_replays_in_order():
    model: Model = ScriptedModel(["one", "two"])
    assert [reply.text for reply in model.complete_many([ask("a"), ask("b")])] == ["one", "two"]


def test_dry_script_raises():
    model = ScriptedModel(["one"])
    with pytest.raises(ModelError, match="ran dry at request 2"):
        model.complete_many([ask("a"), ask("b")])


def test_function_answers_by_request_in_any_order():
    model = ScriptedModel(lambda request: request.messages[-1].content.upper())
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda text: model.complete_many([ask(text)])[0].text, "abcdefgh"))
    assert replies == list("ABCDEFGH")


def test_records_requests():
    model = ScriptedModel(["one", "two"])
    model.complete_many([ask("a", seed=3), ask("b")])
    assert [(request.messages[0].content, request.seed) for request in model.requests] == [("a", 3), ("b", 0)]


def test_splits_thinking_and_counts_it_apart():
    reply = ScriptedModel(["<think>12345678</think>\n\nfour"]).complete_many([ask("a")])[0]
    assert (reply.thinking, reply.text, reply.thinking_tokens, reply.tokens) == ("12345678", "four", 2, 1)


def test_completion_is_returned_as_it_is():
    reply = Completion(text="x", tokens=99, stop="length", confidence=1.5)
    assert ScriptedModel([reply]).complete_many([ask("a")]) == (reply,)


def test_long_prompt_overflows():
    with pytest.raises(ContextOverflowError, match="25 tokens"):
        ScriptedModel(["one"], context_tokens=25).complete_many([ask("a" * 100)])


@pytest.mark.parametrize(
    ("limits", "stop"),
    [
        pytest.param({"deadline": 0.0}, "deadline", id="deadline"),
        pytest.param({"cancelled": lambda: True}, "cancelled", id="cancelled"),
    ],
)
def test_limits_end_before_the_script_is_asked(limits, stop):
    model = ScriptedModel(["one"])
    assert model.complete_many([ask("a")], **limits)[0].stop == stop
    assert model.requests == ()


def test_progress_names_the_request():
    seen = []
    model = ScriptedModel(["abcd", "abcdefgh"])
    model.complete_many(
        [ask("a"), ask("b")], on_progress=lambda *pair: seen.append(pair), deadline=time.monotonic() + 60
    )
    assert seen == [(0, 1), (1, 2)]


def test_closed_model_raises():
    model = ScriptedModel(["one"])
    model.close()
    with pytest.raises(ModelError, match="closed"):
        model.complete_many([ask("a")])


def test_fingerprint_names_the_script():
    assert ScriptedModel(["a"]).fingerprint != ScriptedModel(["b"]).fingerprint
