"""What clients of other servers do out of habit."""

from __future__ import annotations

import json

import pytest

from cli.serving.service import ServeOptions
from inference.base import Completion
from inference.scripted import ScriptedModel
from tests.cli.serving.conftest import PROBLEM, PROGRAM

pytestmark = pytest.mark.bubblewrap
NUMBER = {
    "type": "function",
    "function": {
        "name": "number",
        "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]},
    },
}
HI = [{"role": "user", "content": "hi"}]
CHAT = "/v1/chat/completions"


@pytest.fixture
def bare(embedded):
    with embedded.http() as opened:
        yield opened


def ask(client, **body):
    return client.post(CHAT, json={"model": "raw", "messages": HI, **body})


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_that_is_cut_by_its_limit_is_no_call(bare, stream):
    reply = ask(bare, tools=[NUMBER], tool_choice="required", max_tokens=6, stream=stream)
    assert reply.status_code == 200
    assert '"length"' in reply.text
    assert "tool_calls" not in reply.text


def test_a_call_that_is_whole_comes_before_one_that_was_cut(serve):
    text = '<tool_call>{"name": "number", "arguments": {"x": 1}}</tool_call><tool_call>{"name": "nu'
    with serve(ScriptedModel([Completion(text=text, stop="length")])) as served, served.http() as client:
        choice = ask(client, tools=[NUMBER]).json()["choices"][0]
    assert choice["finish_reason"] == "length"
    assert [call["function"]["name"] for call in choice["message"]["tool_calls"]] == ["number"]


def test_what_was_meant_as_a_call_and_is_none_is_told_as_text(serve):
    with serve(ScriptedModel(["Well: <tool_call>number(1)</tool_call>"])) as served, served.http() as client:
        choice = ask(client, tools=[NUMBER]).json()["choices"][0]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("stop", "Well: number(1)")


@pytest.mark.parametrize("arguments", ["", " ", None, {}, "{}"])
def test_a_former_call_without_arguments_is_read(serve, arguments):
    call = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": arguments}}
    turns = [
        *HI,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "noon"},
    ]
    model = ScriptedModel(["ok"])
    with serve(model) as served, served.http() as client:
        assert ask(client, messages=turns).status_code == 200
    assert '"arguments": {}' in model.requests[0].messages[1].content


@pytest.mark.parametrize("arguments", ["{", "[1]", "3"])
def test_a_former_call_with_other_arguments_is_refused_by_its_place(bare, arguments):
    call = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": arguments}}
    error = ask(bare, messages=[{"role": "assistant", "tool_calls": [call]}]).json()["error"]
    assert error["param"] == "messages.0.tool_calls.0.function.arguments"


SCHEMA = {"type": "object", "properties": {"n": {"enum": [7]}}, "required": ["n"], "additionalProperties": False}


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        ({"grammar": 'root ::= "yes"'}, "yes"),
        ({"guided_choice": ['north "up"']}, 'north "up"'),
        ({"guided_json": SCHEMA}, {"n": 7}),
        ({"guided_json": json.dumps(SCHEMA)}, {"n": 7}),
        ({"json_schema": SCHEMA}, {"n": 7}),
        ({"response_format": {"type": "json_object", "schema": SCHEMA}}, {"n": 7}),
    ],
)
def test_the_form_of_an_answer_is_enforced(bare, form, answer):
    content = ask(bare, max_tokens=60, **form).json()["choices"][0]["message"]["content"]
    assert content == answer or json.loads(content) == answer


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"guided_regex": "a+"}, "guided_regex"),
        ({"guided_grammar": "x"}, "guided_grammar"),
        ({"structured_outputs": {"regex": "a"}}, "structured_outputs"),
        ({"grammar": "no grammar"}, "grammar"),
        ({"guided_json": "{"}, "guided_json"),
        ({"grammar": 'root ::= "a"', "guided_json": {}, "json_schema": {"type": "object"}}, "json_schema"),
    ],
)
def test_a_form_that_is_not_enforced_is_refused_by_name(bare, form, field):
    reply = ask(bare, **form)
    assert reply.status_code == 400
    assert field in reply.json()["error"]["message"]


@pytest.mark.parametrize("form", [{"grammar": 'root ::= "a"'}, {"guided_json": {"type": "object"}}])
def test_a_search_refuses_a_form(bare, form):
    reply = ask(bare, model="atlas-fast", messages=[{"role": "user", "content": PROBLEM}], **form)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, next(iter(form)))


def test_no_limit_is_the_context_s(serve):
    model = ScriptedModel(lambda request: "ok", context_tokens=2000)
    with serve(model) as served, served.http() as client:
        for field in ("max_tokens", "max_completion_tokens"):
            assert ask(client, **{field: -1}).status_code == 200
        assert client.post("/v1/completions", json={"model": "raw", "prompt": "a", "max_tokens": -1}).status_code == 200
        assert ask(
            client, model="atlas-fast", messages=[{"role": "user", "content": PROBLEM}], max_tokens=-1
        ).is_success
    assert all(1900 < request.max_tokens < 2000 for request in model.requests[:3])


@pytest.mark.parametrize("path", ["/v1/models", "/health", "/", "/v1/models/raw"])
def test_head_is_get_without_a_body(bare, path):
    head, get = bare.head(path), bare.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]
    assert bare.head("/nowhere").status_code == 404


def test_a_host_and_an_origin_that_are_allowed_are_let_in(serve):
    options = ServeOptions(hosts=("host.docker.internal",), origins=("app://obsidian.md",))
    asking = {"Origin": "app://obsidian.md", "Access-Control-Request-Method": "POST",
              "Access-Control-Request-Headers": "authorization"}  # fmt: skip
    with serve(ScriptedModel(["ok"]), options) as served, served.http() as client:
        allowed = client.options(CHAT, headers=asking)
        answered = client.post(CHAT, json={"model": "raw", "messages": HI}, headers={"Origin": "app://obsidian.md"})
        other = client.post(CHAT, json={"model": "raw", "messages": HI}, headers={"Origin": "app://other.md"})
        named = client.get("/v1/models", headers={"Host": "host.docker.internal:1234"})
        unnamed = client.get("/v1/models", headers={"Host": "evil.example"})
    assert (allowed.status_code, allowed.headers["access-control-allow-headers"]) == (204, "authorization")
    assert answered.headers["access-control-allow-origin"] == "app://obsidian.md"
    assert (answered.status_code, named.status_code) == (200, 200)
    assert "--allow-origin" in other.json()["error"]["message"]
    assert "--allow-host evil.example" in unnamed.json()["error"]["message"]


def test_a_second_problem_is_answered_for_what_it_is(serve):
    turns = [
        {"role": "user", "content": "Write a function `pack(xs: list[str]) -> str`.\n\n>>> pack(['a'])\n'a'"},
        {"role": "assistant", "content": "```python\ndef pack(xs):\n    return ''.join(xs)\n```"},
        {"role": "user", "content": f"Now: {PROBLEM}"},
    ]
    with serve(ScriptedModel(lambda request: PROGRAM)) as served, served.http() as client:
        message = ask(client, model="atlas-fast", messages=turns).json()["choices"][0]["message"]
    assert message["atlas"]["verified"] is not None
    assert "def total" in message["content"]
    assert "passes 1 of 1 examples" in message["reasoning_content"]


def test_small_talk_is_answered_by_the_bare_model(serve):
    with serve(ScriptedModel(["Hello."])) as served, served.http() as client:
        body = ask(client, model="atlas-fast").json()
    assert (body["model"], body["choices"][0]["message"]["content"]) == ("atlas-fast", "Hello.")
    assert "atlas" not in body["choices"][0]["message"]


@pytest.mark.parametrize("header", [{"Content-Type": "text/plain"}, {}])
def test_another_content_type_is_told_from_another_body(bare, header):
    body = json.dumps({"model": "raw", "messages": HI}).encode()
    error = bare.post(CHAT, content=body, headers=header).json()["error"]
    assert "Content-Type must be application/json" in error["message"]
