"""Any LangChain chat model as ours, and langchain-community's llama.cpp model on a real file."""

import time
import warnings

import pytest
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import FakeListChatModel, FakeMessagesListChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from inference.base import Message, Model, ModelError, Request, Thinking
from inference.langchain import ALL_CONTROLS, ChatTraits, LangChainModel, chat_llama_cpp


def ask(text="hi", **options):
    return Request(messages=(Message(role="user", content=text),), **({"max_tokens": 16} | options))


class Recorder(BaseChatModel):
    """Streams words and keeps the options it was called with."""

    words: list[str] = []
    calls: list = []

    @property
    def _llm_type(self):
        return "recorder"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        raise NotImplementedError

    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        self.calls.append((messages, stop, kwargs))
        for word in ["short"] if kwargs.get("quick") else self.words:
            yield ChatGenerationChunk(message=AIMessageChunk(content=word))


class Failing(BaseChatModel):
    """Fails as clients do: with a class of its own."""

    @property
    def _llm_type(self):
        return "failing"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs) -> ChatResult:
        raise type("RateLimitError", (Exception,), {})("too many\nrequests")


def wrap(chat, **traits):
    return LangChainModel(chat, name="fake", context_tokens=1_000, traits=ChatTraits(**traits))


def test_replies_in_order():
    model: Model = wrap(FakeListChatModel(responses=["one", "two"]))
    assert [reply.text for reply in model.complete_many([ask(), ask()])] == ["one", "two"]


def test_usage_and_stop_reason_are_mapped():
    message = AIMessage(
        content="cut off here",
        usage_metadata={"input_tokens": 9, "output_tokens": 4, "total_tokens": 13},
        response_metadata={"finish_reason": "length"},
    )
    reply = wrap(FakeMessagesListChatModel(responses=[message])).complete_many([ask()])[0]
    assert (reply.prompt_tokens, reply.tokens, reply.stop, reply.confidence) == (9, 4, "length", None)


def test_tokens_are_counted_without_usage():
    reply = wrap(FakeMessagesListChatModel(responses=[AIMessage("12345678")]), count_text=len).complete_many([ask()])[0]
    assert (reply.tokens, reply.prompt_tokens) == (8, 4 + 2)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(AIMessage("<think>hm</think>\n\nyes"), id="marks"),
        pytest.param(AIMessage("yes", additional_kwargs={"reasoning_content": "hm"}), id="apart"),
    ],
)
def test_thinking_is_split_off(message):
    reply = wrap(FakeMessagesListChatModel(responses=[message]), count_text=len).complete_many([ask()])[0]
    assert (reply.thinking, reply.text, reply.thinking_tokens, reply.tokens) == ("hm", "yes", 2, 3)


def test_only_known_controls_are_sent():
    chat = Recorder(words=["x"], calls=[])
    wrap(chat, controls=("max_tokens", "top_k")).complete_many([ask(top_k=5, stop=("END",))])
    assert chat.calls[0][1:] == (["END"], {"max_tokens": 16, "top_k": 5})


def test_roles_are_kept():
    chat = Recorder(words=["x"], calls=[])
    roles = ("system", "user", "assistant", "user")
    messages = tuple(Message(role=role, content=str(at)) for at, role in enumerate(roles))
    wrap(chat).complete_many([Request(messages=messages, max_tokens=1)])
    assert [(message.type, message.content) for message in chat.calls[0][0]] == [
        ("system", "0"),
        ("human", "1"),
        ("ai", "2"),
        ("human", "3"),
    ]


def test_thinking_beyond_its_cap_is_asked_again_without():
    chat = Recorder(words=["<think>", *["hm "] * 500], calls=[])
    model = wrap(chat, without_thinking={"quick": True})
    reply = model.complete_many([ask(thinking=Thinking(at_most=10))])[0]
    assert (reply.text, reply.stop) == ("short", "end")
    assert reply.thinking.count("hm") < 12
    assert [call[2].get("max_tokens") for call in chat.calls] == [26, 16]


def test_thinking_beyond_its_cap_has_no_answer_when_it_cannot_be_turned_off():
    reply = wrap(Recorder(words=["<think>", *["hm "] * 500], calls=[])).complete_many(
        [ask(thinking=Thinking(at_most=10))]
    )[0]
    assert (reply.text, reply.stop) == ("", "length")


def test_cancellation_keeps_what_was_written():
    seen = []
    reply = wrap(Recorder(words=["a"] * 99, calls=[])).complete_many(
        [ask()], cancelled=lambda: len(seen) >= 3, on_progress=lambda *progress: seen.append(progress)
    )[0]
    assert (reply.text, reply.stop) == ("aaa", "cancelled")


def test_deadline_asks_nothing():
    chat = Recorder(words=["a"], calls=[])
    assert wrap(chat).complete_many([ask()], deadline=time.monotonic() - 1)[0].stop == "deadline"
    assert chat.calls == []


def test_client_failure_is_one_line():
    with pytest.raises(ModelError, match=r"fake failed \(RateLimitError: too many requests\)") as caught:
        wrap(Failing()).complete_many([ask()])
    assert "\n" not in str(caught.value)


def test_closed_model_refuses():
    model = wrap(FakeListChatModel(responses=["one"]))
    model.close()
    with pytest.raises(ModelError, match="closed"):
        model.complete_many([ask()])


@pytest.mark.gguf
def test_chat_llama_cpp_answers_from_a_file(tiny_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = chat_llama_cpp(tiny_path, context_tokens=256, threads=1)
    first, second = model.complete_many([ask(seed=4, max_tokens=12), ask(seed=4, max_tokens=12)])
    assert first.text == second.text
    assert 0 < first.tokens <= 14
    assert first.stop == "length"
    assert (model.name, model.context_tokens, model.can_think) == ("tiny random", 256, True)
    model.close()


def test_chat_llama_cpp_refuses_a_bad_file(tmp_path):
    (tmp_path / "bad.gguf").write_text("no model")
    with pytest.raises(ModelError, match="not a GGUF file"):
        chat_llama_cpp(tmp_path / "bad.gguf")


def test_several_texts_are_several_calls_with_their_own_seeds():
    chat = Recorder(words=["x"])
    wrap(chat).complete_many([ask(seed=seed) for seed in (3, 1, 2)])
    assert [options["seed"] for _, _, options in chat.calls] == [3, 1, 2]
    assert not any("n" in options for _, _, options in chat.calls)


@pytest.mark.parametrize(
    ("traits", "said", "unsaid"),
    [
        ({}, ["one after another", "without confidence, a minimum of thinking, grammars", "top_k, min_p"], ["seed"]),
        ({"controls": ("max_tokens",)}, ["temperature, top_p, seed, top_k, min_p"], []),
        ({}, ["top_k, min_p, repeat_penalty, presence_penalty, frequency_penalty"], []),
        ({"controls": ALL_CONTROLS}, ["grammars"], ["top_k", "penalty"]),
        ({"notice": "I am small"}, ["I am small; fake is reached through LangChain"], []),
        ({"without_thinking": {"quick": True}}, [], ["too much thinking"]),
        ({"can_think": False}, [], ["too much thinking"]),
    ],
)
def test_notice_says_what_is_lost(traits, said, unsaid):
    notice = wrap(Recorder(), **traits).notice
    assert "\n" not in notice
    assert all(words in notice for words in said)
    assert not any(words in notice for words in unsaid)


@pytest.mark.parametrize("form", [{"grammar": 'root ::= "a"'}, {"json_schema": "{}"}])
def test_form_that_would_be_ignored_is_refused(form):
    chat = Recorder(words=["x"])
    with pytest.raises(ModelError, match="fake cannot hold an answer to a"):
        wrap(chat).complete_many([ask(), ask(**form)])
    assert chat.calls == []
