"""ATLAS's models as LangChain's: the standard tests, and what they do not ask about."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Literal

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_tests.unit_tests import ChatModelUnitTests
from pydantic import BaseModel

from inference.base import Completion, ContextOverflowError, ModelError, Thinking
from inference.chat_messages import split_calls, to_messages
from inference.chat_model import ChatAtlas
from inference.scripted import ScriptedModel


class TestLangChainsStandard(ChatModelUnitTests):
    """LangChain's own requirements of a chat model."""

    @property
    def chat_model_class(self):
        return ChatAtlas

    @property
    def chat_model_params(self):
        return {"atlas": ScriptedModel(lambda request: "ok")}

    @property
    def has_tool_choice(self):
        return True


class Paint(BaseModel):
    """What to paint."""

    colour: Literal["red", "green"]
    twice: bool


@tool
def paint(colour: Literal["red", "green"]) -> str:
    """Paint the wall."""
    return f"painted {colour}"


@tool
def wash(hot: bool) -> str:
    """Wash the wall."""
    return "washed"


CALL = '<tool_call>{"name": "paint", "arguments": {"colour": "red"}}</tool_call>'


class Counting(ScriptedModel):
    """Remembers how many requests came together."""

    def __init__(self, script, **options):
        super().__init__(script, **options)
        self.batches = []

    def complete_many(self, requests, **options):
        self.batches.append(len(requests))
        return super().complete_many(requests, **options)


def chat(*replies, **fields):
    return ChatAtlas(atlas=ScriptedModel(list(replies)), **fields)


def request_of(model):
    return model.atlas.requests[-1]


def test_answer_carries_usage_reason_and_thinking():
    done = Completion(
        text="4", thinking="2 + 2", tokens=1, thinking_tokens=5, prompt_tokens=9, stop="length", confidence=1.5
    )
    answer = chat(done).invoke("2 + 2?")
    assert answer.content == "4"
    assert answer.additional_kwargs == {"reasoning_content": "2 + 2"}
    assert answer.usage_metadata == {
        "input_tokens": 9, "output_tokens": 6, "total_tokens": 15, "output_token_details": {"reasoning": 5},
    }  # fmt: skip
    assert answer.response_metadata["finish_reason"] == "length"
    assert answer.response_metadata["confidence"] == 1.5


def test_call_options_win_over_fields():
    model = chat("a", "b", temperature=0.1, seed=3, stop=["X"])
    model.invoke("q")
    assert (request_of(model).temperature, request_of(model).seed, request_of(model).stop) == (0.1, 3, ("X",))
    model.invoke("q", temperature=0.9, seed=4, stop=["Y"], max_tokens=7)
    asked = request_of(model)
    assert (asked.temperature, asked.seed, asked.stop, asked.max_tokens) == (0.9, 4, ("Y",), 7)


def test_seeds_differ_unless_one_is_given():
    model = ChatAtlas(atlas=ScriptedModel(lambda request: "x"))
    model.invoke("q")
    model.invoke("q")
    assert len({request.seed for request in model.atlas.requests}) == 2


def test_thinking_is_asked_for_only_where_the_model_can():
    able, unable = (
        chat("x", thinking_tokens=9),
        ChatAtlas(atlas=ScriptedModel(["x"], can_think=False), thinking_tokens=9),
    )
    able.invoke("q")
    unable.invoke("q")
    assert request_of(able).thinking == Thinking(at_most=9)
    assert request_of(unable).thinking == Thinking()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda model: model.invoke("q", logprobs=True), "knows no option logprobs"),
        (lambda model: model.invoke([HumanMessage([{"type": "image", "url": "x"}])]), "reads text only, not image"),
        (lambda model: model.bind_tools([paint], tool_choice="wash").invoke("q"), "tool_choice names wash"),
        (lambda model: model.with_structured_output(Paint, tools=[1]), "knows no tools"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call(chat("x"))


def test_conversation_keeps_its_roles_and_tool_traffic():
    ours = to_messages(
        [
            SystemMessage("be brief"),
            HumanMessage("paint"),
            AIMessage("", tool_calls=[{"name": "paint", "args": {"colour": "red"}, "id": "1"}]),
            ToolMessage("painted red", tool_call_id="1"),
            HumanMessage([{"type": "text", "text": "thanks"}]),
        ]
    )
    assert [message.role for message in ours] == ["system", "user", "assistant", "user"]
    assert json.loads(ours[2].content.split("\n")[1]) == {"name": "paint", "arguments": {"colour": "red"}}
    assert ours[3].content == "<tool_response>\npainted red\n</tool_response>\n\nthanks"


class TestTools:
    def test_tools_are_announced_once(self):
        model = chat("no need")
        model.bind_tools([paint, wash]).invoke([SystemMessage("be brief"), HumanMessage("hello")])
        system = request_of(model).messages[0]
        assert system.role == "system"
        assert system.content.startswith("be brief\n\nYou may call these tools:\n{")
        assert '"name": "paint"' in system.content
        assert '<tool_call>{"name": ..., "arguments": {...}}</tool_call>' in system.content

    def test_call_in_a_text_is_found(self):
        answer = chat(f"I will.\n{CALL}").bind_tools([paint]).invoke("paint")
        assert answer.content == "I will."
        assert [(call["name"], call["args"]) for call in answer.tool_calls] == [("paint", {"colour": "red"})]

    def test_calls_have_ids_of_their_own(self):
        answer = chat(CALL * 2).bind_tools([paint]).invoke("paint")
        assert len({call["id"] for call in answer.tool_calls}) == 2

    @pytest.mark.parametrize("body", ["no json", "[1]", '{"arguments": {}}', '{"name": "paint", "arguments": "red"}'])
    def test_broken_call_is_told_as_such(self, body):
        answer = chat(f"<tool_call>{body}</tool_call>").bind_tools([paint]).invoke("paint")
        assert answer.tool_calls == []
        assert answer.invalid_tool_calls[0]["args"] == body

    def test_unfinished_call_is_no_text(self):
        text, calls, invalid = split_calls('well <tool_call>{"name": "pa', demanded=False)
        assert (text, calls, len(invalid)) == ("well", [], 1)

    def test_without_tools_marks_are_text(self):
        assert chat(CALL).invoke("paint").content == CALL

    @pytest.mark.parametrize("choice", ["any", "required", True, "paint", {"function": {"name": "paint"}}])
    def test_demanded_call_is_a_schema(self, choice):
        model = chat('{"name": "paint", "arguments": {"colour": "green"}}')
        answer = model.bind_tools([paint], tool_choice=choice).invoke("paint")
        assert json.loads(request_of(model).json_schema)["properties"]["name"] == {"const": "paint"}
        assert answer.content == ""
        assert answer.tool_calls[0]["args"] == {"colour": "green"}

    def test_no_choice_means_no_tools(self):
        model = chat("x")
        model.bind_tools([paint], tool_choice="none").invoke("hello")
        assert [message.role for message in request_of(model).messages] == ["user"]

    def test_streamed_call_is_whole_and_never_shown_as_text(self):
        class Drips(ScriptedModel):
            def stream(self, request, *, deadline=None):
                from inference.calls import Delta

                (done,) = self.complete_many([request])
                for character in done.text:
                    yield Delta(text=character)
                yield Delta(completion=done)

        chunks = list(ChatAtlas(atlas=Drips([f"a < b. {CALL}"])).bind_tools([paint]).stream("paint"))
        assert "".join(str(chunk.content) for chunk in chunks) == "a < b. "
        assert sum((chunk for chunk in chunks[1:]), chunks[0]).tool_calls[0]["args"] == {"colour": "red"}
        assert len(chunks) > 3

    def test_tool_loop_ends_with_an_answer(self):
        model = chat(CALL, "It is red.").bind_tools([paint])
        history = [HumanMessage("paint it")]
        history.append(model.invoke(history))
        history.append(paint.invoke(history[-1].tool_calls[0]))
        assert model.invoke(history).content == "It is red."


class TestBatches:
    def test_abatch_is_one_batch_of_the_model(self):
        model = ChatAtlas(atlas=Counting(lambda request: request.messages[-1].content.upper()))
        answers = asyncio.run(model.abatch([f"text {at}" for at in range(8)]))
        assert [answer.content for answer in answers] == [f"TEXT {at}" for at in range(8)]
        assert model.atlas.batches == [8]

    def test_chain_batches_as_well(self):
        chain = ChatAtlas(atlas=Counting(lambda request: "x")).bind(stop=["END"])
        asyncio.run(chain.abatch(["a", "b", "c"]))
        assert chain.bound.atlas.batches == [3]

    def test_max_concurrency_is_kept(self):
        model = ChatAtlas(atlas=Counting(lambda request: "x"))
        asyncio.run(model.abatch(["a", "b", "c"], {"max_concurrency": 1}))
        assert model.atlas.batches == [1, 1, 1]

    def test_participant_that_never_asks_holds_nobody_up(self):
        model = ChatAtlas(atlas=Counting(lambda request: "x"))
        images = HumanMessage([{"type": "image", "url": "x"}])
        good, bad, other = asyncio.run(model.abatch(["a", [images], "b"], return_exceptions=True))
        assert (good.content, type(bad), other.content) == ("x", ValueError, "x")
        assert model.atlas.batches == [2]

    def test_prompt_that_does_not_fit_fails_alone(self):
        model = ChatAtlas(atlas=Counting(lambda request: "x", context_tokens=50))
        good, bad = asyncio.run(model.abatch(["a", "long " * 100], return_exceptions=True))
        assert good.content == "x"
        assert isinstance(bad, ContextOverflowError)

    def test_failure_reaches_everybody(self):
        results = asyncio.run(chat().abatch(["a", "b"], return_exceptions=True))
        assert [type(result) for result in results] == [ModelError, ModelError]

    def test_empty_batch_is_empty(self):
        assert asyncio.run(chat().abatch([])) == []


@pytest.fixture(scope="module")
def tiny(open_tiny):
    from inference.gguf import GgufModel

    model = GgufModel(open_tiny.path(context=2048), threads=1, width=4)
    yield model
    model.close()


class TestOverLlamaCpp:
    """A model with random weights: whatever form its answers have, the grammar gave it."""

    def test_stream_is_the_answer_in_parts(self, tiny):
        model = ChatAtlas(atlas=tiny, max_tokens=24, seed=1, temperature=0.0)
        chunks = list(model.stream("hello"))
        whole = sum((chunk for chunk in chunks[1:]), chunks[0])
        answer = model.invoke("hello")
        assert whole.content == answer.content
        assert whole.usage_metadata == answer.usage_metadata
        assert len(chunks) > 3

    def test_async_stream_is_the_same(self, tiny):
        model = ChatAtlas(atlas=tiny, max_tokens=24, seed=1, temperature=0.0)

        async def collect():
            return [chunk async for chunk in model.astream("hello")]

        chunks = asyncio.run(collect())
        assert all(isinstance(chunk, AIMessageChunk) for chunk in chunks)
        assert "".join(str(chunk.content) for chunk in chunks) == model.invoke("hello").content

    def test_structured_output_always_fits_its_schema(self, tiny):
        chain = ChatAtlas(atlas=tiny, max_tokens=80, temperature=1.0).with_structured_output(Paint)
        answers = asyncio.run(chain.abatch(["paint"] * 4))
        assert all(isinstance(answer, Paint) for answer in answers)

    def test_raw_answer_comes_beside_the_parsed_one(self, tiny):
        chain = ChatAtlas(atlas=tiny, max_tokens=80).with_structured_output(Paint, include_raw=True)
        found = chain.invoke("paint")
        assert found["parsed"] == Paint(**json.loads(found["raw"].content))
        assert found["parsing_error"] is None

    def test_demanded_call_is_always_one(self, tiny):
        model = ChatAtlas(atlas=tiny, max_tokens=80).bind_tools([paint, wash], tool_choice="any")
        for answer in model.batch(["do something"] * 4):
            (call,) = answer.tool_calls
            assert set(call["args"]) <= {"colour", "hot"}
            {"paint": paint, "wash": wash}[call["name"]].invoke(call["args"])

    def test_abatch_reads_the_common_prompt_once(self, tiny):
        model = ChatAtlas(atlas=tiny, max_tokens=8)
        common = "x" * 200
        before = tiny.counts()
        asyncio.run(model.abatch([f"{common} {at}" for at in range(4)]))
        read = tiny.counts().prompt_rows - before.prompt_rows
        one = tiny.count_tokens(to_messages([HumanMessage(f"{common} 0")]))
        assert one <= read < 2 * one

    def test_timeout_returns_what_is_there(self, tiny):
        answer = ChatAtlas(atlas=tiny, max_tokens=400, timeout=0.0).invoke("hello")
        assert answer.response_metadata["finish_reason"] == "deadline"

    def test_cancelled_batch_stops_the_engine(self, tiny):
        model = ChatAtlas(atlas=tiny, max_tokens=400, temperature=1.0)

        async def give_up():
            # Far less than 400 tokens take on any machine.
            async with asyncio.timeout(0.02):
                await model.abatch(["a", "b", "c"])

        with pytest.raises(TimeoutError):
            asyncio.run(give_up())
        assert model.invoke("hello", max_tokens=2).usage_metadata["output_tokens"] <= 2

    def test_threads_may_share_it(self, tiny):
        model = ChatAtlas(atlas=tiny, max_tokens=8)
        found = []
        threads = [threading.Thread(target=lambda: found.append(model.invoke("hello"))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 4

    def test_tokens_are_counted_by_the_models_template(self, tiny):
        messages = [SystemMessage("be brief"), HumanMessage("hello")]
        assert ChatAtlas(atlas=tiny).get_num_tokens_from_messages(messages) == tiny.count_tokens(to_messages(messages))
