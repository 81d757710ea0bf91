"""An OpenAI-compatible server as a model, against a real HTTP server on loopback."""

import logging
import socket
import time

import pytest

from inference.base import ContextOverflowError, Message, Model, ModelError, Request, Thinking
from inference.openai_server import OpenAIServerModel
from tests.inference.chat_server import ChatServer, delta, usage


def say(*parts):
    """Reply with these parts whatever is asked."""
    return lambda body: [*parts, delta(finish="stop"), "[DONE]"]


def ask(text="hi", **options):
    return Request(messages=(Message(role="user", content=text),), **({"max_tokens": 16} | options))


@pytest.fixture
def serve():
    """Start a server and open a model on it; both end with the test."""
    running = []

    def start(reply, *, open_options=None, **options):
        server = ChatServer(reply, **options).__enter__()
        running.append(server)
        model = OpenAIServerModel(server.url, **(open_options or {}))
        running.append(model)
        return server, model

    yield start
    for one in reversed(running):
        one.close() if isinstance(one, OpenAIServerModel) else one.__exit__()


def test_text_tokens_and_stop(serve):
    _, model = serve(say(delta("he"), delta("llo"), usage(11, 2)))
    typed: Model = model
    reply = typed.complete_many([ask()])[0]
    assert (reply.text, reply.tokens, reply.prompt_tokens, reply.stop) == ("hello", 2, 11, "end")
    assert reply.confidence is None


def test_request_reaches_the_server(serve):
    server, model = serve(say(delta("x")))
    model.complete_many([ask(temperature=0.5, top_k=7, min_p=0.1, seed=9, stop=("END",))])
    body = server.bodies[0]
    assert body["messages"] == [{"role": "user", "content": "hi"}]
    wanted = {"model": "org/small", "temperature": 0.5, "top_k": 7, "min_p": 0.1, "seed": 9, "stop": ["END"]}
    assert body.items() >= wanted.items()
    assert body["chat_template_kwargs"] == {"enable_thinking": False}


def test_length_is_reported(serve):
    _, model = serve(lambda body: [delta("cut", finish="length")])
    assert model.complete_many([ask()])[0].stop == "length"


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([delta(reasoning="hm m"), delta("yes!")], id="apart"),
        pytest.param([delta("<think>hm m"), delta("</think>\n\nyes!")], id="marks"),
    ],
)
def test_thinking_is_split_off(serve, parts):
    _, model = serve(say(*parts, usage(3, 10)))
    reply = model.complete_many([ask(thinking=Thinking(at_most=50))])[0]
    assert (reply.thinking, reply.text, reply.thinking_tokens, reply.tokens) == ("hm m", "yes!", 5, 5)


def test_thinking_beyond_its_cap_is_asked_again_without(serve):
    def reply(body):
        if body["chat_template_kwargs"]["enable_thinking"]:
            return [delta(reasoning="hm ") for _ in range(1_000)]
        return [delta("answer"), usage(5, 2), "[DONE]"]

    server, model = serve(reply)
    done = model.complete_many([ask(thinking=Thinking(at_most=12))])[0]
    assert (done.text, done.stop) == ("answer", "end")
    assert done.thinking.startswith("hm hm")
    assert done.thinking_tokens == pytest.approx(12, abs=1)
    assert [body["max_tokens"] for body in server.bodies] == [28, 16]


def test_replies_keep_the_order_of_requests(serve):
    def reply(body):
        content = body["messages"][0]["content"]
        return [0.2 if content == "a" else 0.0, delta(content.upper(), finish="stop")]

    _, model = serve(reply)
    started = time.monotonic()
    assert [done.text for done in model.complete_many([ask(letter) for letter in "abcd"])] == list("ABCD")
    assert time.monotonic() - started < 2


def test_deadline_keeps_what_was_written(serve):
    _, model = serve(lambda body: [delta("so far"), 30.0, delta("never")])
    reply = model.complete_many([ask()], deadline=time.monotonic() + 0.4)[0]
    assert (reply.text, reply.stop) == ("so far", "deadline")


def test_cancellation_breaks_off_the_stream(serve):
    server, model = serve(lambda body: [delta("x") if at % 2 else 0.01 for at in range(4_000)])
    seen = []
    reply = model.complete_many(
        [ask()], cancelled=lambda: len(seen) > 5, on_progress=lambda *progress: seen.append(progress)
    )[0]
    assert reply.stop == "cancelled"
    assert 5 <= len(reply.text) < 50
    assert server.broken_off.wait(10)


def test_passed_deadline_asks_nothing(serve):
    server, model = serve(say(delta("x")))
    assert model.complete_many([ask()], deadline=0.0)[0].stop == "deadline"
    assert server.bodies == []


def test_strict_server_gets_standard_options_only(serve):
    def refuse(body):
        return (400, {"error": "unknown field min_p"}) if "min_p" in body else None

    server, model = serve(say(delta("x")), refuse=refuse)
    assert model.complete_many([ask()])[0].text == "x"
    model.complete_many([ask()])
    assert ["min_p" in body for body in server.bodies] == [True, False, False]


@pytest.mark.parametrize("status", [400, 422])
def test_fields_that_are_refused_by_name_are_left_out(serve, status):
    def refuse(body):
        extra = [name for name in ("top_k", "seed") if name in body]
        return (status, {"detail": [{"type": "extra_forbidden", "loc": ["body", extra[0]]}]}) if extra else None

    server, model = serve(say(delta("x")), refuse=refuse)
    assert model.complete_many([ask()])[0].text == "x"
    assert ["top_k" in body for body in server.bodies] == [True, False, False]
    assert "temperature" in server.bodies[-1]


def test_the_new_name_of_the_length_is_learned(serve):
    words = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."

    def refuse(body):
        return (400, {"error": {"message": words}}) if "max_tokens" in body else None

    server, model = serve(say(delta("x")), refuse=refuse)
    assert model.complete_many([ask()])[0].text == "x"
    assert model.complete_many([ask()])[0].text == "x"
    assert [body.get("max_completion_tokens") for body in server.bodies] == [None, 16, 16]
    assert "top_k" in server.bodies[-1]


def test_a_server_that_has_no_room_is_asked_again_when_it_says(serve):
    came = []

    def refuse(body):
        came.append(time.monotonic())
        return (429, {"error": "slow down"}, [("Retry-After", "1")]) if len(came) == 1 else None

    _, model = serve(say(delta("x")), refuse=refuse)
    assert model.complete_many([ask()])[0].text == "x"
    assert came[1] - came[0] >= 1


def test_waiting_ends_at_the_deadline(serve):
    _, model = serve(say(), refuse=lambda body: (429, {}, [("Retry-After", "60")]))
    done = model.complete_many([ask()], deadline=time.monotonic() + 0.3)[0]
    assert (done.text, done.stop) == ("", "deadline")


def test_waiting_is_bounded(serve):
    options = {"patience_s": 0.2}
    _, model = serve(say(), refuse=lambda body: (503, {"error": "Loading model"}), open_options=options)
    one_line(lambda: model.complete_many([ask()]), "has no room yet .HTTP 503, .*Loading model.*ask it later")
    spent = (429, {"error": {"code": "insufficient_quota"}})
    _, model = serve(say(), refuse=lambda body: spent)
    one_line(lambda: model.complete_many([ask()]), "answers HTTP 429")


def test_a_server_that_loads_its_model_is_waited_for():
    answers = [(503, {"error": {"message": "Loading model"}})] * 2 + [(200, {"data": [{"id": "org/small"}]})]
    with ChatServer(say(delta("x")), listing=lambda: answers.pop(0)) as server:
        model = OpenAIServerModel(server.url)
        assert model.complete_many([ask()])[0].text == "x"
        model.close()
    with ChatServer(say(), listing=lambda: (503, {"error": "Loading model"})) as server:
        one_line(lambda: OpenAIServerModel(server.url, patience_s=0.1), "has no room yet")


@pytest.mark.parametrize("listing", [{"data": None}, {"data": {}}, {}, [], {"data": [None, {"id": None}, "x"]}])
def test_a_listing_that_names_no_model_is_told(listing):
    with ChatServer(say(), listing=lambda: (200, listing)) as server:
        one_line(lambda: OpenAIServerModel(server.url), "has no model '': it lists none")


@pytest.mark.parametrize(
    "event",
    [{"choices": [None]}, {"choices": 3}, {"choices": [{"delta": "x"}]}, {"choices": [{"delta": {"content": [1]}}]},
     {"usage": {"prompt_tokens": "many"}}],
)  # fmt: skip
def test_events_that_make_no_sense_are_told(serve, event):
    _, model = serve(lambda body: [event, "[DONE]"])
    one_line(lambda: model.complete_many([ask()]), "sends events that make no sense")


def one_line(call, cause, kind=ModelError):
    with pytest.raises(kind, match=cause) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_nothing_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    one_line(lambda: OpenAIServerModel(f"http://127.0.0.1:{port}"), "no answer from the server at .*start it")


def test_address_that_is_none():
    one_line(lambda: OpenAIServerModel("http://"), "no answer from the server")


@pytest.mark.parametrize(
    ("refusal", "cause", "kind"),
    [
        pytest.param((500, {"error": "boom\nboom"}), "HTTP 500 .*boom", ModelError, id="500"),
        pytest.param((401, {}), "refuses the key", ModelError, id="401"),
        pytest.param((400, {"error": "exceeds the context"}), "does not fit", ContextOverflowError, id="overflow"),
        pytest.param((413, {}), "does not fit", ContextOverflowError, id="413"),
        pytest.param(
            (500, {"error": "the request exceeds the available context size"}),
            "does not fit",
            ContextOverflowError,
            id="500-overflow",
        ),
        pytest.param((400, {"error": "no such role"}), "HTTP 400 .*no such role", ModelError, id="400"),
    ],
)
def test_refusals(serve, refusal, cause, kind):
    _, model = serve(say(), refuse=lambda body: refusal)
    one_line(lambda: model.complete_many([ask()]), cause, kind)


def test_nonsense_in_the_stream(serve):
    _, model = serve(lambda body: ["{not json"])
    one_line(lambda: model.complete_many([ask()]), "sends no JSON")


@pytest.mark.parametrize(
    ("event", "cause", "kind"),
    [
        ({"error": {"code": 500, "message": "no\nmemory"}}, "broke off with an error .no memory.: look", ModelError),
        ({"error": "rate limit"}, "broke off with an error .rate limit.: look at its log", ModelError),
        ({"error": {"code": 7}}, "broke off with an error .*7", ModelError),
        (b'error: {"code": 500, "message": "slot lost"}\n\n', "broke off with an error .*slot lost", ModelError),
        (b'{"error": {"message": "backend died"}}\n', "broke off with an error .backend died.", ModelError),
        (b'error: {"message": "exceeds the available context size"}\n\n', "does not fit", ContextOverflowError),
        (b"error: all is lost\n\n", "broke off with an error .all is lost.", ModelError),
    ],
)
def test_error_within_the_stream_is_no_answer(serve, event, cause, kind):
    _, model = serve(lambda body: [delta("so far"), event, "[DONE]"])
    one_line(lambda: model.complete_many([ask()]), cause, kind)


@pytest.mark.parametrize("parts", [[], [delta("half an ans")], [delta("half"), usage(3, 1)]])
def test_stream_that_breaks_off_is_no_answer(serve, parts):
    _, model = serve(lambda body: parts)
    one_line(lambda: model.complete_many([ask()]), "broke off its reply: look at its log, then ask again")


@pytest.mark.parametrize("end", ["[DONE]", delta(finish="stop"), {"error": None, **delta(finish="stop")}])
def test_either_sign_of_the_end_makes_an_answer_whole(serve, end):
    _, model = serve(lambda body: [b": ping\n\n", b"event: message\ndata:\n\n", delta("whole"), end])
    reply = model.complete_many([ask()])[0]
    assert (reply.text, reply.stop) == ("whole", "end")


def test_answer_of_a_server_that_does_not_stream_is_read(serve):
    whole = b'{"choices": [{"message": {"content": "all at once"}, "finish_reason": "length"}]}'
    _, model = serve(lambda body: [whole])
    reply = model.complete_many([ask()])[0]
    assert (reply.text, reply.stop) == ("all at once", "length")


def test_one_failure_ends_the_whole_call_soon(serve):
    def refuse(body):
        return (500, {}) if body["messages"][0]["content"] == "bad" else None

    _, model = serve(lambda body: [delta("x") if at % 2 else 0.02 for at in range(2_000)], refuse=refuse)
    started = time.monotonic()
    one_line(lambda: model.complete_many([ask("bad"), ask(), ask()]), "HTTP 500")
    assert time.monotonic() - started < 5


def test_key_is_sent_and_never_shown(serve, caplog):
    caplog.set_level(logging.DEBUG)
    _, model = serve(say(delta("x")), key="s3cret", open_options={"api_key": "s3cret"})
    assert model.complete_many([ask()])[0].text == "x"
    assert "s3cret" not in caplog.text + repr(model) + model.fingerprint + model.name


def test_wrong_key_is_one_line():
    with ChatServer(say(), key="right") as server:
        one_line(lambda: OpenAIServerModel(server.url, api_key="wrong"), "refuses the key .*ATLAS_API_KEY")


def test_model_is_found_by_name(serve):
    models = ({"id": "a"}, {"id": "b", "max_model_len": 300})
    _, model = serve(say(), models=models, open_options={"model": "b", "context_tokens": 999})
    assert (model.name, model.context_tokens) == ("b", 300)


def test_unknown_model_is_one_line():
    with ChatServer(say()) as server:
        one_line(lambda: OpenAIServerModel(server.url, model="none"), "no model 'none': it lists org/small")


def test_llama_server_tells_context_and_template(serve):
    props = {"default_generation_settings": {"n_ctx": 512}, "chat_template": "plain"}
    _, model = serve(say(), props=props)
    assert (model.context_tokens, model.can_think) == (512, False)


def test_unknown_server_has_defaults(serve):
    _, model = serve(say(), open_options={"context_tokens": 700})
    assert (model.name, model.context_tokens, model.can_think) == ("small", 700, True)
    assert model.count_tokens(ask("x" * 30).messages) == 14


def test_closed_model_refuses(serve):
    _, model = serve(say())
    model.close()
    one_line(lambda: model.complete_many([ask()]), "closed")


def test_several_texts_are_several_requests_with_their_own_seeds(serve):
    server, model = serve(say(delta("x")))
    model.complete_many([ask(seed=seed) for seed in (1, 2, 3)])
    assert sorted(body["seed"] for body in server.bodies) == [1, 2, 3]
    assert not any("n" in body for body in server.bodies)


def test_notice_says_what_is_lost(serve):
    _, model = serve(say(delta("x")))
    assert "\n" not in model.notice
    for words in ("small is reached over HTTP", "without confidence, repeat_penalty", "a seed does not name a text"):
        assert words in model.notice


def test_json_schema_reaches_the_server_in_the_standard_form(serve):
    server, model = serve(say(delta("{}")))
    model.complete_many([ask(json_schema='{"type": "object"}', presence_penalty=0.5)])
    form = server.bodies[0]["response_format"]
    assert form["json_schema"]["schema"] == {"type": "object"}
    assert server.bodies[0]["presence_penalty"] == 0.5


def test_grammar_goes_to_llama_server_only(serve):
    asked = ask(grammar='root ::= "a"')
    server, model = serve(say(delta("a")), props={"default_generation_settings": {"n_ctx": 512}})
    model.complete_many([asked])
    assert server.bodies[0]["grammar"] == 'root ::= "a"'
    other, model = serve(say(delta("a")))
    with pytest.raises(ModelError, match="small cannot hold an answer to a grammar"):
        model.complete_many([asked])
    assert other.bodies == []
