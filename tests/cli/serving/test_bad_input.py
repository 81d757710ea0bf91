"""Whatever is sent: a proper status, one sentence, and the next request works."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

import pytest

from cli.serving import gate
from cli.serving.service import ServeOptions
from inference.scripted import ScriptedModel
from tests.cli.serving.conftest import PROBLEM

pytestmark = pytest.mark.bubblewrap
CHAT = "/v1/chat/completions"
JSON = {"content-type": "application/json"}


def asking(text="hi", **changes):
    return {"model": "raw", "messages": [{"role": "user", "content": text}], **changes}


@pytest.fixture
def http(programmer):
    with programmer.http() as opened:
        yield opened


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b"{", "invalid_json", id="cut-off"),
        pytest.param(b"", "invalid_value", id="empty"),
        pytest.param(b"\xff\xfe{}", "invalid_json", id="not-utf8"),
        pytest.param(b"[" * 100_000, None, id="nested-deep"),
        pytest.param(b'{"model": "raw", "messages": [], "n": ' + b"9" * 5000 + b"}", None, id="number-without-end"),
        pytest.param(b"[1, 2]", "invalid_value", id="list"),
        pytest.param(b'{"model": "raw", "messages": []}', "invalid_value", id="no-messages"),
        pytest.param(b'{"model": "raw", "messages": [{"role": "king", "content": "x"}]}', "invalid_value", id="role"),
        pytest.param(
            b'{"model": "raw", "temperature": NaN, "messages": [{"role": "user", "content": "x"}]}',
            "invalid_value",
            id="not-a-number",
        ),
    ],
)
def test_broken_body_is_a_bad_request(http, body, code):
    answer = http.post(CHAT, content=body, headers=JSON)
    told = answer.json()["error"]
    assert answer.status_code == 400
    assert told["type"] == "invalid_request_error"
    assert told["code"] == code
    assert 0 < len(told["message"]) < 400
    assert "\n" not in told["message"]


def test_half_a_surrogate_pair_is_answered_all_the_same(http):
    for body in (asking("\ud800"), asking(model="\ud800"), {"model": "raw", "prompt": "\ud800", "echo": True}):
        path = "/v1/completions" if "prompt" in body else CHAT
        answer = http.post(path, content=json.dumps(body), headers=JSON)
        assert answer.status_code == (400 if body["model"] != "raw" else 200)
        assert answer.json()


def test_body_of_another_type_is_refused(http):
    assert http.post(CHAT, content=json.dumps(asking()), headers={"content-type": "text/plain"}).status_code == 400


@pytest.mark.parametrize("header", [{"host": "evil.example"}, {"origin": "https://evil.example"}])
def test_other_web_sites_are_refused_in_the_same_form(http, header):
    answer = http.post(CHAT, json=asking(), headers=header)
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "permission_error")


def test_unknown_path_and_method_answer_in_the_same_form(http):
    assert http.get("/v1/nothing").json()["error"]["type"] == "not_found_error"
    wrong = http.get(CHAT)
    assert (wrong.status_code, wrong.json()["error"]["type"]) == (405, "invalid_request_error")


@pytest.mark.parametrize("chunked", [False, True])
def test_oversize_body_is_refused_unread(serve, chunked):
    model = ScriptedModel([])
    with serve(model, ServeOptions(body_bytes=2000)) as served, served.http() as http:
        body = json.dumps(asking("x" * 3000)).encode()
        answer = http.post(CHAT, content=iter([body[:1500], body[1500:]]) if chunked else body, headers=JSON)
        assert answer.status_code == 413
        assert answer.json()["error"]["message"]
        assert http.get("/health").status_code == 200
    assert not model.requests


def test_body_that_never_ends_is_given_up(serve, monkeypatch):
    monkeypatch.setattr(gate, "BODY_S", 0.2)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    with serve(ScriptedModel([])) as served:
        address = urlsplit(served.url)
        with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
            connection.sendall(head + b"content-length: 100\r\n\r\n{")
            assert connection.recv(1000).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("model", ["raw", "atlas"])
@pytest.mark.parametrize("stream", [False, True])
def test_statement_longer_than_the_context_is_refused_at_once(serve, model, stream):
    small = ScriptedModel([], context_tokens=100)
    with serve(small) as served, served.http() as http:
        answer = http.post(CHAT, json=asking("word " * 200, model=model, stream=stream))
    told = answer.json()["error"]
    assert (answer.status_code, told["code"]) == (400, "context_length_exceeded")
    assert "holds 100" in told["message"]
    assert not small.requests


@pytest.mark.parametrize("name", ["", " ", "x" * 201, "two\nlines", "\x1b[2J"])
def test_thread_with_an_impossible_name_is_refused(http, name):
    answer = http.post(CHAT, json=asking(PROBLEM, model="atlas-fast", metadata={"thread": name}))
    if not name:
        assert answer.status_code == 200, "no name is no thread"
        return
    assert answer.status_code == 400
    assert "printable" in answer.json()["error"]["message"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/tmp/x", "a%00b", "C:\\x", ".."])
def test_thread_named_like_a_path_touches_no_file(serve, tmp_path, name):
    from tests.cli.serving.conftest import PROGRAM

    with serve(ScriptedModel(lambda request: PROGRAM)) as served, served.http() as http:
        answer = http.post(CHAT, json=asking(PROBLEM, model="atlas-fast", metadata={"thread": name}))
    assert answer.status_code == 200
    assert {path.name.split("-")[0] for path in tmp_path.iterdir()} == {"threads.sqlite"}


def test_empty_problem_is_refused(http):
    answer = http.post(CHAT, json=asking("  ", model="atlas"))
    assert (answer.status_code, answer.json()["error"]["message"][:20]) == (400, "the problem is empty")


def test_failure_of_the_model_is_told_in_one_sentence(serve):
    with serve(ScriptedModel([])) as served, served.http() as http:
        for stream in (False, True):
            answer = http.post(CHAT, json=asking(stream=stream))
            assert answer.status_code == 502
            assert "ran dry" in answer.json()["error"]["message"]


def test_unforeseen_failure_leaks_nothing(serve):
    def broken(request):
        raise RuntimeError("secret inside")

    with serve(ScriptedModel(broken)) as served, served.http() as http:
        whole = http.post(CHAT, json=asking())
        streamed = http.post(CHAT, json=asking(stream=True))
        assert http.get("/health").status_code == 200
    for answer in (whole, streamed):
        assert answer.status_code == 500
        assert "secret" not in answer.text
        assert "Traceback" not in answer.text


@pytest.mark.gguf
def test_schema_without_a_grammar_is_a_bad_request(embedded):
    wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"$ref": "https://example.com/x.json"}}}
    with embedded.http() as http:
        answer = http.post(CHAT, json=asking(response_format=wanted))
    assert answer.status_code == 400
    assert "no grammar" in answer.json()["error"]["message"]


RESPONSE, MESSAGE, COMPLETION = "/v1/responses", "/v1/messages", "/v1/completions"
BODIES = {
    CHAT: {"model": "raw", "messages": [{"role": "user", "content": "hi"}]},
    COMPLETION: {"model": "raw", "prompt": "hi"},
    RESPONSE: {"model": "raw", "input": "hi"},
    MESSAGE: {"model": "raw", "max_tokens": 16, "messages": [{"role": "user", "content": "hi"}]},
}


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        (CHAT, "regex", "a+"),
        (CHAT, "repetition_penalty", 1.1),
        (CHAT, "stop_token_ids", [1]),
        (CHAT, "function_call", "auto"),
        (CHAT, "n_predict", 5),
        (COMPLETION, "response_format", {"type": "json_object"}),
        (RESPONSE, "grammar", 'root ::= "a"'),
        (RESPONSE, "guided_json", {"type": "object"}),
        (RESPONSE, "response_format", {"type": "json_object"}),
        (RESPONSE, "stop", ["x"]),
        (RESPONSE, "max_tokens", 5),
        (RESPONSE, "prompt", {"id": "p"}),
        (MESSAGE, "output_format", {"type": "json_schema", "schema": {}}),
        (MESSAGE, "grammar", 'root ::= "a"'),
        (MESSAGE, "stop", ["x"]),
    ],
)
def test_a_field_that_would_change_the_answer_is_refused_by_name(http, path, field, value):
    answer = http.post(path, json=BODIES[path] | {field: value})
    assert answer.status_code == 400
    assert field in answer.json()["error"]["message"]
    assert http.post(path, json=BODIES[path] | {field: None}).status_code == 200


@pytest.mark.parametrize(
    ("path", "extra"),
    [
        (CHAT, {"repetition_penalty": 1, "min_tokens": 0, "ignore_eos": False, "store": True, "top_k": -1}),
        (RESPONSE, {"store": False, "include": [], "prompt_cache_key": "k", "n": 1}),
        (MESSAGE, {"output_config": {"effort": "low"}, "context_management": {}, "top_k": -1}),
    ],
)
def test_a_field_that_changes_nothing_is_left_aside(http, path, extra):
    assert http.post(path, json=BODIES[path] | extra).status_code == 200


@pytest.mark.parametrize(
    ("path", "extra"),
    [
        (CHAT, {"max_tokens": 0}),
        (CHAT, {"tool_choice": "required"}),
        (COMPLETION, {"max_tokens": 0}),
        (RESPONSE, {"tool_choice": "required", "tools": [{"type": "web_search"}]}),
        (MESSAGE, {"tool_choice": {"type": "any"}}),
        (MESSAGE, {"output_config": {"format": {"type": "json_schema", "schema": {}}}}),
    ],
)
def test_what_cannot_be_done_is_refused(http, path, extra):
    assert http.post(path, json=BODIES[path] | extra).status_code == 400
