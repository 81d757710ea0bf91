"""`/v1/messages`, with Anthropic's own client."""

from __future__ import annotations

import pytest

from cli.serving.keys import KeyFile
from inference.base import Completion
from inference.scripted import ScriptedModel
from tests.cli.serving.conftest import CODE, PROBLEM

anthropic = pytest.importorskip("anthropic")
pytestmark = pytest.mark.bubblewrap
HI = [{"role": "user", "content": "hi"}]
NUMBER = {
    "name": "number",
    "description": "Gives a number.",
    "input_schema": {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]},
}
CALL = '<tool_call>{"name": "number", "arguments": {"x": 1}}</tool_call>'


def client_of(served, key="unused"):
    web = anthropic.DefaultHttpxClient(trust_env=False)
    return anthropic.Anthropic(base_url=served.url, api_key=key, max_retries=0, timeout=60, http_client=web)


@pytest.fixture
def client(programmer):
    with client_of(programmer) as opened:
        yield opened


@pytest.mark.parametrize("shown", [False, True])
def test_a_search_answers_with_a_program(client, shown):
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}} if shown else {}
    turns = [{"role": "user", "content": [{"type": "text", "text": PROBLEM}]}]
    done = client.messages.create(model="atlas-fast", max_tokens=2000, messages=turns, **thinking)
    assert (done.type, done.role, done.stop_reason, done.model) == ("message", "assistant", "end_turn", "atlas-fast")
    assert [block.type for block in done.content] == (["thinking", "text"] if shown else ["text"])
    assert done.content[-1].text.startswith(f"```python\n{CODE}\n```")
    assert done.atlas["code"] == CODE
    assert done.usage.output_tokens > 0


def test_a_stream_tells_the_same_as_the_whole_answer(client):
    options = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000}
    with client.messages.stream(
        model="atlas-fast", messages=[{"role": "user", "content": PROBLEM}], **options
    ) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_message()
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
    assert [block.type for block in final.content] == ["thinking", "text"]
    assert "passes 1 of 1 examples" in final.content[0].thinking
    assert final.content[1].text.startswith(f"```python\n{CODE}\n```")
    assert (final.stop_reason, final.usage.output_tokens > 0) == ("end_turn", True)


@pytest.mark.parametrize("stream", [False, True])
def test_tools_are_used_and_their_results_come_back(serve, stream):
    model = ScriptedModel([f"Let me see.\n{CALL}", "It is one."])
    with serve(model) as served, client_of(served) as client:
        options = {"model": "raw", "max_tokens": 100, "tools": [NUMBER], "system": [{"type": "text", "text": "Brief."}]}
        turns = [{"role": "user", "content": "Which?"}]
        if stream:
            with client.messages.stream(messages=turns, **options) as events:
                done = events.get_final_message()
        else:
            done = client.messages.create(messages=turns, **options)
        assert [block.type for block in done.content] == ["text", "tool_use"]
        use = done.content[1]
        assert (done.stop_reason, use.name, use.input) == ("tool_use", "number", {"x": 1})
        result = {"type": "tool_result", "tool_use_id": use.id, "content": [{"type": "text", "text": "1"}]}
        blocks = [block.model_dump(exclude_none=True) for block in done.content]
        turns += [{"role": "assistant", "content": blocks}, {"role": "user", "content": [result]}]
        last = client.messages.create(messages=turns, **options)
    assert last.content[0].text == "It is one."
    assert "<tool_response>\n1\n</tool_response>" in model.requests[1].messages[-1].content


def test_the_limit_and_the_stops_are_heeded(serve):
    model = ScriptedModel([Completion(text="so f", stop="length")])
    with serve(model) as served, client_of(served) as client:
        done = client.messages.create(
            model="raw", max_tokens=7, messages=HI, stop_sequences=["END"], extra_body={"top_k": 3}
        )
    assert done.stop_reason == "max_tokens"
    request = model.requests[0]
    assert (request.max_tokens, request.stop, request.top_k, request.thinking.at_most) == (7, ("END",), 3, 0)


def test_a_demanded_tool_is_used(embedded):
    with client_of(embedded) as client:
        done = client.messages.create(
            model="raw", max_tokens=100, messages=HI, tools=[NUMBER], tool_choice={"type": "tool", "name": "number"}
        )
    assert done.content[-1].name == "number"


def test_tokens_are_counted(client):
    short = client.messages.count_tokens(model="raw", messages=HI)
    long = client.messages.count_tokens(model="raw", messages=HI, system="Be brief.", tools=[NUMBER])
    assert 0 < short.input_tokens < long.input_tokens


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"model": "claude"}, "NotFoundError", "there is no model"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]},
            "BadRequestError",
            "not image",
        ),
        ({"messages": []}, "BadRequestError", "messages"),
        ({"extra_body": {"temperature": 7}}, "BadRequestError", "temperature"),
    ],
)
def test_errors_have_anthropic_s_form(client, options, kind, words):
    with pytest.raises(getattr(anthropic, kind), match=words) as caught:
        client.messages.create(**{"model": "raw", "max_tokens": 10, "messages": HI, **options})
    assert caught.value.body["type"] == "error"


def test_the_key_may_come_in_anthropic_s_header(serve, tmp_path):
    keys = KeyFile(tmp_path / "keys.sqlite")
    secret = keys.create("laptop")
    with serve(ScriptedModel(lambda request: "ok"), keys=keys) as served:
        with client_of(served, secret) as client:
            assert client.messages.create(model="raw", max_tokens=10, messages=HI).content[0].text == "ok"
        with client_of(served, "wrong") as client, pytest.raises(anthropic.AuthenticationError):
            client.messages.create(model="raw", max_tokens=10, messages=HI)
