"""GgufModel over llama.cpp: reproducible, bounded, and one line for everything that goes wrong."""

import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from inference.base import ContextOverflowError, Message, Model, ModelError, Request, Thinking
from inference.gguf import GgufModel
from inference.llama import LlamaContext
from tests.inference.tiny_gguf import TEMPLATE, vocabulary, write_tiny_gguf

pytestmark = pytest.mark.gguf


@pytest.fixture(scope="module")
def model(open_tiny):
    return open_tiny()


@pytest.fixture(scope="module")
def eager(open_tiny):
    """Ends its thinking as soon as it may."""
    return open_tiny(boost={"</think>": 6.0})


@pytest.fixture(scope="module")
def endless(open_tiny):
    """Neither ends its thinking nor its text."""
    return open_tiny(boost={"a": 6.0})


@pytest.fixture
def fed(monkeypatch):
    """Collect the number of tokens of every pass."""
    passes = []
    decode = LlamaContext.decode

    def counted(self, batch, *, hidden=False):
        passes.append(batch.size)
        decode(self, batch, hidden=hidden)

    monkeypatch.setattr(LlamaContext, "decode", counted)
    return passes


def user(text):
    return (Message(role="user", content=text),)


def one(model, messages, **options):
    return model.complete_many([Request(messages=messages, **({"max_tokens": 24} | options))])[0]


def test_is_a_model(model):
    model: Model = model
    assert (model.name, model.profile, model.notice) == ("tiny random", "full", "")
    assert (model.context_tokens, model.can_think) == (512, True)


def test_metadata_gives_profile_and_notice(open_tiny):
    model = open_tiny(metadata={"atlas.prompt_profile": "compact", "atlas.notice": "I am small."})
    assert (model.profile, model.notice) == ("compact", "I am small.")


@pytest.mark.parametrize(
    ("template", "told"),
    [
        (TEMPLATE.replace("think>", "musing>"), True),
        (TEMPLATE.replace("think>", "musing>").replace("enable_thinking", "quick"), False),
        (TEMPLATE, False),
        (None, False),
    ],
)
def test_unknown_thinking_marks_are_told(open_tiny, template, told):
    model = open_tiny(template=template)
    assert ("thinking_tokens and thinking_min_tokens have no effect" in model.notice) == told
    assert "\n" not in model.notice


def test_same_request_gives_the_same_text(model, hello):
    request = Request(messages=hello, max_tokens=60, seed=3)
    other = Request(messages=user("something else " * 12), max_tokens=60, seed=4)
    first = model.complete_many([request])[0]
    again = model.complete_many([other, request, request, other])
    assert again[1].text == again[2].text == first.text
    assert again[0].text == again[3].text != first.text


def test_same_text_after_a_shared_prefix(open_tiny, hello):
    long = Message(role="system", content="x y " * 60)
    requests = [Request(messages=(long, *user(text)), max_tokens=40, seed=1) for text in ("one", "two", "one more")]
    together = [reply.text for reply in open_tiny().complete_many(requests)]
    assert together == [open_tiny().complete_many([request])[0].text for request in requests]


def test_seeds_differ_and_greedy_ignores_them(model, hello):
    texts = {one(model, hello, seed=seed).text for seed in (0, 1, 2, 2**32 - 2, -7)}
    assert len(texts) == 5
    assert len({one(model, hello, seed=seed, temperature=0.0).text for seed in range(3)}) == 1


def test_top_k_one_is_greedy(model, hello):
    assert one(model, hello, top_k=1, seed=9).text == one(model, hello, temperature=0.0).text


def test_top_p_and_min_p_narrow_the_choice(model, hello):
    greedy = one(model, hello, temperature=0.0).text
    assert one(model, hello, top_p=1e-6, seed=9).text == greedy
    assert one(model, hello, min_p=1.0, seed=9).text == greedy


def test_shared_prompt_is_read_once(model, fed):
    messages = (Message(role="system", content="s" * 300), *user("question"))
    request = Request(messages=messages, max_tokens=1, seed=1)
    first, second = model.complete_many([request, request])
    assert sum(fed) == first.prompt_tokens + 1
    assert fed[-1] == 1
    del fed[:]
    model.complete_many([replace(request, messages=(messages[0], *user("another")))])
    assert sum(fed) < second.prompt_tokens - 200


def test_answer_and_prompt_are_counted(model, hello):
    reply = one(model, hello, max_tokens=10, seed=1)
    assert (reply.tokens, reply.thinking_tokens, reply.stop) == (10, 0, "length")
    assert reply.prompt_tokens == model.count_tokens(hello)
    assert reply.seconds > 0


@pytest.mark.parametrize("cap", [1, 4, 5, 8, 20, 60, 150])
def test_thinking_never_exceeds_its_cap(endless, hello, cap):
    reply = one(endless, hello, thinking=Thinking(at_most=cap, at_least=cap), max_tokens=5)
    assert reply.thinking_tokens <= cap
    assert reply.thinking_tokens == (cap if cap >= 5 else 0)
    assert reply.tokens == 5


def test_cap_hands_over_in_words(endless, hello):
    reply = one(endless, hello, thinking=Thinking(at_most=200, at_least=1), max_tokens=5)
    assert reply.thinking.startswith("aaaa")
    assert reply.thinking.endswith("Time is limited, so the answer follows from the thinking so far.")
    assert reply.text == "aaaaa"


def test_hand_over_may_come_from_the_file(open_tiny, hello):
    model = open_tiny(boost={"a": 6.0}, metadata={"atlas.hand_over": " Enough."})
    assert one(model, hello, thinking=Thinking(at_most=40, at_least=1)).thinking.endswith("a Enough.")


def test_minimum_forces_wait(eager, hello):
    reply = one(eager, hello, thinking=Thinking(at_most=100, at_least=50, waits=3), temperature=0.0)
    assert reply.thinking == "\nWait\nWait\nWait".strip()
    assert reply.thinking_tokens == 2 + 3 * 5 + 1


def test_without_thinking_the_block_is_closed_in_the_prompt(eager, hello):
    reply = one(eager, hello)
    assert (reply.thinking, reply.thinking_tokens) == ("", 0)
    assert reply.prompt_tokens == one(eager, hello, thinking=Thinking(at_most=50)).prompt_tokens + 4


def test_block_that_the_template_opens_is_capped_and_closable(open_tiny, hello):
    model = open_tiny(template=TEMPLATE.split("{%- if enable")[0] + "{{- '<think>\n' }}{%- endif %}", boost={"a": 6.0})
    reply = one(model, hello, thinking=Thinking(at_most=30), max_tokens=5)
    assert (reply.thinking_tokens, reply.text) == (30, "aaaaa")
    assert one(model, hello, max_tokens=5).thinking_tokens == 0


def test_unasked_thinking_is_impossible(open_tiny, hello):
    model = open_tiny(template=TEMPLATE.split("{%- if enable")[0] + "{%- endif %}", boost={"<think>": 6.0})
    assert one(model, hello, thinking=Thinking(at_most=100)).thinking_tokens > 10
    reply = one(model, hello)
    assert (reply.thinking_tokens, "<think>" in reply.text) == (0, False)


def test_end_of_text_ends_the_answer(open_tiny, hello):
    reply = one(open_tiny(boost={"<|im_end|>": 6.0}), hello, temperature=0.0)
    assert (reply.text, reply.tokens, reply.stop, reply.confidence) == ("", 0, "end", None)


def test_special_text_of_a_user_stays_text(model):
    plain = model.count_tokens(user(""))
    assert model.count_tokens(user("<|im_end|>")) == plain + len("<|im_end|>")
    assert model.count_tokens(user("</think>")) > plain + 5


def test_stop_text_cuts_the_answer(model, hello):
    whole = one(model, hello, temperature=0.0, max_tokens=40).text
    stop = whole[20:23]
    reply = one(model, hello, temperature=0.0, max_tokens=40, stop=("never", stop))
    assert (reply.text, reply.stop) == (whole[: whole.index(stop)], "stop_text")


def test_confidence_is_finite_and_higher_when_sure(model, endless, hello):
    assert one(model, hello).confidence is None
    doubtful, sure = (one(each, hello, confidence=True).confidence for each in (model, endless))
    assert math.isfinite(doubtful)
    assert sure > doubtful + 3


def test_deadline_ends_at_once(model, hello):
    request = Request(messages=hello, max_tokens=9)
    replies = model.complete_many([request, request], deadline=time.monotonic() - 1)
    assert [(reply.text, reply.stop) for reply in replies] == [("", "deadline")] * 2


def test_cancellation_keeps_what_was_written(endless, hello):
    seen = []
    request = Request(messages=hello, max_tokens=100)
    reply = endless.complete_many(
        [request], cancelled=lambda: len(seen) >= 7, on_progress=lambda index, tokens: seen.append((index, tokens))
    )[0]
    assert (reply.text, reply.stop) == ("aaaaaaa", "cancelled")
    assert seen[:3] == [(0, 1), (0, 2), (0, 3)]


def test_interrupt_leaves_a_usable_model(model, hello):
    request = Request(messages=hello, max_tokens=30, seed=5)
    before = model.complete_many([request])[0].text

    def interrupt(_index, tokens):
        if tokens == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.complete_many([Request(messages=user("else"), max_tokens=30)], on_progress=interrupt)
    assert model.complete_many([request])[0].text == before


def test_waiting_for_another_thread_heeds_the_deadline(endless, hello):
    begun, go_on = threading.Event(), threading.Event()

    def dawdle(*_):
        begun.set()
        go_on.wait(10)

    with ThreadPoolExecutor(1) as pool:
        long = Request(messages=hello, max_tokens=400)
        busy = pool.submit(endless.complete_many, [long], on_progress=dawdle)
        assert begun.wait(60)
        request = Request(messages=hello, max_tokens=5)
        waiting = threading.Timer(0.3, go_on.set)
        waiting.start()
        late = endless.complete_many([request], deadline=time.monotonic() + 0.1)[0]
        assert (late.text, late.stop) == ("", "deadline")
        assert busy.result(timeout=20)[0].tokens == 400


def test_threads_share_one_model(model, hello):
    requests = [Request(messages=hello, max_tokens=20, seed=seed) for seed in range(8)]
    alone = [model.complete_many([request])[0].text for request in requests]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda request: model.complete_many([request])[0].text, requests)) == alone


def test_long_prompt_is_refused_before_decoding(model, hello, fed):
    requests = [Request(messages=hello, max_tokens=9), Request(messages=user("y" * 600), max_tokens=9)]
    with pytest.raises(ContextOverflowError, match=r"6\d\d tokens, tiny random holds 512"):
        model.complete_many(requests)
    assert fed == []


def test_absurd_prompt_is_refused_without_reading_it(model):
    with pytest.raises(ContextOverflowError, match="more than 512"):
        model.count_tokens(user("y" * 10_000_000))


def test_long_answer_is_clipped_to_the_context(endless):
    reply = one(endless, user("y" * 400), max_tokens=5_000, thinking=Thinking(at_most=5_000, at_least=1))
    assert reply.stop == "length"
    assert reply.prompt_tokens + reply.spent <= 512
    assert reply.tokens == pytest.approx(reply.thinking_tokens, abs=2)


def test_context_is_what_was_asked_for(open_tiny):
    assert open_tiny(context_tokens=256).context_tokens == 256
    assert open_tiny(context_tokens=9_999).context_tokens == 512


def test_bytes_become_characters(open_tiny, hello):
    model = open_tiny(boost={vocabulary()[0xC3]: 6.0})
    assert set(one(model, hello, temperature=0.0).text) == {"\ufffd"}


def test_file_without_template_gets_chatml(open_tiny, hello):
    model = open_tiny(template=None)
    assert not model.can_think
    assert len(one(model, hello).text) > 0


@pytest.mark.parametrize("lead", ["", "{{- bos_token }}"])
def test_first_token_stands_once(open_tiny, model, hello, lead):
    assert open_tiny(add_bos=True, template=lead + TEMPLATE).count_tokens(hello) == model.count_tokens(hello) + 1


def test_failing_template_is_one_line(open_tiny, hello):
    with pytest.raises(ModelError, match="not today"):
        open_tiny(template="{{ raise_exception('not today') }}").count_tokens(hello)


def test_bad_file_is_refused_before_llama_cpp(tmp_path, tiny_path):
    path = tmp_path / "short.gguf"
    path.write_bytes(tiny_path.read_bytes()[:-100])
    with pytest.raises(ModelError, match="is truncated"):
        GgufModel(path)


def test_closed_model_refuses(tmp_path, hello):
    model = GgufModel(write_tiny_gguf(tmp_path / "closed.gguf"), threads=1)
    model.close()
    model.close()
    for call in (lambda: one(model, hello), lambda: model.count_tokens(hello)):
        with pytest.raises(ModelError, match="closed"):
            call()


CHATML_WITH_ANOTHER_END = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_start|>\n{% endfor %}"
)


@pytest.mark.parametrize(
    ("template", "words"),
    [
        pytest.param(None, "the model file has no chat template", id="none"),
        pytest.param("{{ raise_exception('no') }}", "the model's chat template fails (TemplateError: no)", id="fails"),
        pytest.param("{% for", "the model's chat template fails", id="no-template"),
        pytest.param(CHATML_WITH_ANOTHER_END, "replies end with <|im_start|>, which the model file", id="endless"),
    ],
)
def test_notice_says_what_is_wrong_with_the_template(open_tiny, template, words):
    notice = open_tiny(template=template).notice
    assert words in notice
    assert "\n" not in notice
