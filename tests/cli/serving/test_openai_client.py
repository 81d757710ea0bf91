"""What editors do: OpenAI's own client, pointed at the server."""

from __future__ import annotations

import json
import math

import openai
import pytest

from inference.base import Message, Request
from inference.openai_server import OpenAIServerModel
from inference.scripted import ScriptedModel
from tests.cli.serving.conftest import CODE, PROBLEM

pytestmark = pytest.mark.bubblewrap
USER = [{"role": "user", "content": PROBLEM}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CALL = '<tool_call>{"name": "weather", "arguments": {"city": "Bern"}}</tool_call>'


@pytest.fixture
def client(programmer):
    with programmer.client() as opened:
        yield opened


@pytest.fixture
def bare(embedded):
    with embedded.client() as opened:
        yield opened


def test_models_are_the_searches_and_the_bare_model(client):
    assert [model.id for model in client.models.list()] == ["atlas", "atlas-fast", "atlas-thorough", "raw"]
    assert client.models.retrieve("atlas-fast").owned_by == "atlas"


@pytest.mark.parametrize("model", ["atlas", "atlas-fast", "atlas-thorough"])
def test_search_answers_with_program_and_evidence(client, model):
    done = client.chat.completions.create(model=model, messages=USER)
    message = done.choices[0].message
    assert message.content.startswith(f"```python\n{CODE}\n```\n\n")
    assert message.atlas["code"] == CODE
    assert message.atlas["evidence"]
    assert message.atlas["policy"] == ("phase1" if model == "atlas-fast" else "adaptive")
    assert "passes 1 of 1 examples" in message.reasoning_content
    assert done.choices[0].finish_reason == "stop"
    spent = sum(box["tokens"] + box["thinking_tokens"] for box in message.atlas["cost"]["by_box"])
    assert done.usage.completion_tokens == spent > 0
    assert done.usage.total_tokens == done.usage.prompt_tokens + done.usage.completion_tokens


def test_search_streams_progress_before_the_answer(client):
    chunks = list(
        client.chat.completions.create(
            model="atlas", messages=USER, stream=True, stream_options={"include_usage": True}
        )
    )
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    kinds = ["reasoning" if hasattr(delta, "reasoning_content") else "content" for delta in deltas if delta.content]
    reasoning = [delta.reasoning_content for delta in deltas if hasattr(delta, "reasoning_content")]
    assert deltas[0].role == "assistant"
    assert kinds == ["content"]
    assert "writing programs\n" in reasoning
    assert deltas[-1].atlas["code"] == CODE
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens > 0


def test_system_message_and_turns_before_are_no_obstacle(client):
    turns = [
        {"role": "system", "content": "You are an editor. Answer with a diff."},
        {"role": "user", "content": [{"type": "text", "text": PROBLEM}]},
        {"role": "assistant", "content": "def total(xs): pass"},
        {"role": "user", "content": "It must also take an empty list."},
    ]
    done = client.chat.completions.create(model="atlas-fast", messages=turns, temperature=0.3, max_tokens=500, seed=-5)
    assert done.choices[0].message.atlas["code"] == CODE


def test_search_stored_under_a_name_can_be_resumed(programmer, client):
    from cli.threads import thread_file
    from graphs.threads import open_store, stored_threads

    named = {"thread": "from an editor"}
    client.chat.completions.create(model="atlas-fast", messages=USER, metadata=named)
    with open_store(thread_file(programmer.service.settings)) as store:
        assert [thread.name for thread in stored_threads(store)] == ["from an editor"]


def test_bare_model_gives_thinking_and_text(serve):
    with serve(ScriptedModel(["<think>\nhm\n</think>\n\nHello"])) as served, served.client() as client:
        done = client.chat.completions.create(model="raw", messages=[{"role": "user", "content": "hi"}])
    assert done.choices[0].message.content == "Hello"
    assert done.choices[0].message.reasoning_content == "hm"


@pytest.mark.parametrize("stream", [False, True])
def test_tools_are_called(serve, stream):
    with serve(ScriptedModel([f"Let me look.\n{CALL}"])) as served, served.client() as client:
        options = {"model": "raw", "messages": [{"role": "user", "content": "Weather?"}], "tools": [WEATHER]}
        done = client.chat.completions.create(**options, stream=stream)
        if stream:
            chunks = [chunk.choices[0] for chunk in done]
            calls = [call for chunk in chunks for call in chunk.delta.tool_calls or ()]
            finish = chunks[-1].finish_reason
        else:
            calls, finish = done.choices[0].message.tool_calls, done.choices[0].finish_reason
    assert [(call.function.name, json.loads(call.function.arguments)) for call in calls] == [
        ("weather", {"city": "Bern"})
    ]
    assert finish == "tool_calls"


def test_conversation_with_tool_results_is_told_to_the_model(serve):
    model = ScriptedModel(["Sunny."])
    turns = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bern"}'}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "sun"},
    ]  # fmt: skip
    with serve(model) as served, served.client() as client:
        client.chat.completions.create(model="raw", messages=turns, tools=[WEATHER])
    told = model.requests[0].messages
    assert [message.role for message in told] == ["system", "user", "assistant", "user"]
    assert "<tool_response>\nsun" in told[-1].content


def test_sampling_reaches_the_model(serve):
    model = ScriptedModel(["one", "two"])
    with serve(model) as served, served.client() as client:
        client.chat.completions.create(
            model="raw", messages=[{"role": "user", "content": "hi"}], n=2, seed=7, temperature=0.25, top_p=0.5,
            stop=["END"], max_completion_tokens=9, presence_penalty=0.5, frequency_penalty=-0.5,
            reasoning_effort="low", extra_body={"top_k": 3, "min_p": 0.1},
        )  # fmt: skip
    first, second = sorted(model.requests, key=lambda request: request.seed)
    assert (first.seed, second.seed) == (7, 8)
    assert (first.temperature, first.top_p, first.top_k, first.min_p) == (0.25, 0.5, 3, 0.1)
    assert (first.presence_penalty, first.frequency_penalty, first.stop) == (0.5, -0.5, ("END",))
    assert (first.max_tokens, first.thinking.at_most) == (9, 512)


@pytest.mark.gguf
class TestEmbeddedModel:
    def test_another_atlas_can_use_the_bare_model(self, embedded):
        remote = OpenAIServerModel(embedded.url, model="raw")
        asked = Request(messages=(Message(role="user", content="Write code."),), max_tokens=8, temperature=0.0)
        try:
            assert remote.context_tokens == embedded.service.model.context_tokens
            (done,) = remote.complete_many([asked])
        finally:
            remote.close()
        assert done.text == embedded.service.model.complete_many([asked])[0].text
        assert done.tokens > 0

    def test_schema_is_enforced(self, bare):
        form = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
        wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": form}}
        done = bare.chat.completions.create(
            model="raw", messages=[{"role": "user", "content": "hi"}], response_format=wanted, max_tokens=60
        )
        assert isinstance(json.loads(done.choices[0].message.content)["x"], int)

    def test_equal_seeds_give_equal_texts_in_an_idle_engine(self, bare):
        def say():
            done = bare.chat.completions.create(
                model="raw", messages=[{"role": "user", "content": "Write code."}], max_tokens=12, seed=3
            )
            return done.choices[0].message.content

        assert say() == say()

    def test_length_is_told(self, bare):
        done = bare.completions.create(model="raw", prompt="def total(xs):", max_tokens=3, temperature=0)
        assert done.choices[0].finish_reason == "length"
        assert done.usage.completion_tokens == 3

    def test_text_is_continued_as_it_stands(self, bare):
        options = {"model": "raw", "max_tokens": 8, "temperature": 0}
        prompt = "def total(xs):\n    return"
        plain = bare.completions.create(prompt=prompt, **options).choices[0].text
        both = bare.completions.create(prompt=[prompt, "import"], echo=True, **options).choices
        assert both[0].text == prompt + plain
        assert both[1].text.startswith("import")
        streamed = bare.completions.create(prompt=prompt, stream=True, **options)
        assert "".join(chunk.choices[0].text for chunk in streamed) == plain

    def test_hole_needs_a_model_that_fills_holes(self, bare):
        with pytest.raises(openai.BadRequestError, match="does not fill in the middle"):
            bare.completions.create(model="raw", prompt="def total(xs):", suffix="return result")

    def test_prompt_gets_no_chat_template(self, bare):
        done = bare.completions.create(model="raw", prompt="x = 1", max_tokens=1)
        chat = bare.chat.completions.create(model="raw", messages=[{"role": "user", "content": "x = 1"}], max_tokens=1)
        assert done.usage.prompt_tokens < chat.usage.prompt_tokens

    def test_embeddings_have_length_one_and_tell_texts_apart(self, bare):
        texts = ["the sum of a list", "the total of a list", "reverse every word of a text"]
        vectors = [one.embedding for one in bare.embeddings.create(model="raw", input=texts).data]
        assert all(math.isclose(math.hypot(*vector), 1.0, rel_tol=1e-5) for vector in vectors)
        assert dot(vectors[0], vectors[1]) > dot(vectors[1], vectors[2])

    def test_embedding_is_the_same_in_both_encodings(self, bare):
        plain = bare.embeddings.create(model="raw", input="a text", encoding_format="float").data[0].embedding
        packed = bare.embeddings.create(model="raw", input="a text").data[0].embedding
        assert packed == pytest.approx(plain, abs=1e-3)

    def test_empty_reply_still_has_an_embedding(self, bare):
        assert len(bare.embeddings.create(model="raw", input="\n").data[0].embedding) == 256


def dot(first, second):
    return sum(a * b for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(
    ("changes", "status", "param"),
    [
        pytest.param({"model": "gpt-9"}, 404, "model", id="unknown-model"),
        pytest.param({"logprobs": True}, 400, "logprobs", id="logprobs"),
        pytest.param({"logit_bias": {"5": 1}}, 400, "logit_bias", id="logit-bias"),
        pytest.param({"modalities": ["audio"]}, 400, "modalities", id="audio"),
        pytest.param({"model": "atlas", "n": 2}, 400, "n", id="several-searches"),
        pytest.param({"model": "atlas", "tools": [WEATHER]}, 400, "tools", id="search-with-tools"),
        pytest.param({"model": "atlas", "stop": "x"}, 400, "stop", id="search-with-stop"),
        pytest.param(
            {"model": "atlas", "response_format": {"type": "json_object"}}, 400, "response_format", id="search-as-json"
        ),
        pytest.param({"model": "atlas", "presence_penalty": 1}, 400, "presence_penalty", id="search-with-penalty"),
        pytest.param({"model": "atlas", "top_p": 1e-9}, 400, None, id="search-outside-of-settings"),
        pytest.param({"temperature": 3}, 400, "temperature", id="too-hot"),
        pytest.param({"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "x"}}}, 400,
                     "tool_choice", id="unknown-tool"),
        pytest.param({"response_format": {"type": "json_schema"}}, 400, "response_format", id="schema-missing"),
        pytest.param({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
                     400, "messages", id="image"),
    ],
)  # fmt: skip
def test_what_cannot_be_heeded_is_refused_by_name(client, changes, status, param):
    asked = {"model": "raw", "messages": [{"role": "user", "content": "hi"}], **changes}
    with pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(**asked)
    assert refused.value.status_code == status
    assert refused.value.body["param"] == param
    assert refused.value.body["message"]


def test_model_without_hidden_states_has_no_embeddings(client):
    with pytest.raises(openai.BadRequestError, match="gives no embeddings"):
        client.embeddings.create(model="raw", input="a text")


def test_answers_that_need_approval_are_not_released_here(serve):
    model = ScriptedModel([])
    with serve(model, approve=True) as served, served.client() as client, pytest.raises(openai.PermissionDeniedError):
        client.chat.completions.create(model="atlas", messages=USER)
    assert not model.requests
