"""Templates render as written, hostile ones end in one line, users' texts stay texts."""

from datetime import datetime

import pytest

from inference.base import Message, ModelError
from inference.chat_template import CHATML, ChatTemplate, Piece, chunks, special_pattern
from tests.inference.tiny_gguf import TEMPLATE

SPECIALS = special_pattern(["<|im_start|>", "<|im_end|>", "<think>"])


def text_of(template, messages, thinking=True):
    return "".join(piece.text for piece in ChatTemplate(template).pieces(messages, thinking=thinking))


def test_chatml_is_rendered_byte_for_byte(hello):
    assert text_of(CHATML, hello) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n"
    )


def test_thinking_switch_reaches_the_template(hello):
    assert text_of(TEMPLATE, hello, thinking=False) == text_of(TEMPLATE, hello) + "<think>\n\n</think>\n\n"


DATED = "{% set today = strftime_now('%d %b %Y') %}{{ 'Today: ' + today + '\n' }}" + CHATML


def test_template_that_asks_for_the_date_gets_the_one_of_its_model(hello):
    template = ChatTemplate(DATED, now=datetime(2024, 7, 26, 23, 59))
    for messages in (hello, hello[1:], hello * 2):
        assert template.pieces(messages, thinking=True)[0].text.startswith("Today: 26 Jul 2024\n<|im_start|>")


def test_date_is_the_present_one_unless_told(hello):
    before = datetime.now()
    text = text_of("{{ strftime_now('%Y-%m-%dT%H:%M:%S.%f') }} " + CHATML, hello)
    assert before <= datetime.fromisoformat(text.partition(" ")[0]) <= datetime.now()


def test_contents_are_marked_as_not_ours(hello):
    pieces = ChatTemplate(CHATML).pieces(hello, thinking=True)
    assert [piece.text for piece in pieces if not piece.by_template] == ["Be brief.", "hello"]


def test_contents_are_never_run_as_template():
    message = Message(role="user", content="{{ 7 * 6 }}{% raise %}\ue0000\ue001")
    assert "{{ 7 * 6 }}{% raise %}\ue0000\ue001" in text_of(CHATML, [message])


def test_template_without_system_role_gets_it_in_the_user_message(hello):
    template = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}" + CHATML
    assert text_of(template, hello).startswith("<|im_start|>user\nBe brief.\n\nhello<|im_end|>")


@pytest.mark.parametrize(
    ("template", "cause"),
    [
        pytest.param("{{ raise_exception('not today') }}", "not today", id="raises"),
        pytest.param("{% if %}", "TemplateSyntaxError", id="syntax"),
        pytest.param("{{ messages.0.none.such }}", "UndefinedError", id="undefined"),
        pytest.param("{{ 1 / 0 }}", "ZeroDivisionError", id="divides-by-zero"),
        pytest.param("{{ ''.__class__.__mro__ }}", "SecurityError", id="escape"),
        pytest.param("{{ cycler.__init__.__globals__ }}", "SecurityError", id="globals"),
        pytest.param("hello", "drops a message", id="drops-messages"),
        pytest.param("{{ strftime_now.__globals__.sys }}", "SecurityError", id="date-globals"),
        pytest.param("{{ strftime_now() }}", "TypeError", id="date-without-a-form"),
        pytest.param("{{ strftime_now('%Y' * 10**7) }}", "drops a message", id="date-of-absurd-length"),
        pytest.param("{% for i in range(9999) %}{{ 'x' * 999 }}{% endfor %}", "more than 1048576", id="too-long"),
        pytest.param("{{ 'a' * 10**11 }}", "too much time or memory", id="memory"),
        pytest.param(
            "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
            "too much time or memory",
            id="loops",
        ),
    ],
)
def test_hostile_template_ends_in_one_line(hello, template, cause):
    with pytest.raises(ModelError, match=cause) as caught:
        ChatTemplate(template).pieces(hello, thinking=True)
    assert "\n" not in str(caught.value)


def test_template_of_absurd_length_is_refused():
    with pytest.raises(ModelError, match="300000 characters"):
        ChatTemplate("x" * 300_000)


def test_each_shape_is_rendered_once(hello, monkeypatch):
    template = ChatTemplate(CHATML)
    template.pieces(hello, thinking=True)
    monkeypatch.setattr(ChatTemplate, "_run", None)
    assert template.pieces(hello[1:], thinking=False)


def test_plain_texts_stay_one_chunk(hello):
    pieces = ChatTemplate(CHATML).pieces(hello, thinking=True)
    assert chunks(pieces, SPECIALS) == ["".join(piece.text for piece in pieces)]


def test_special_text_of_a_user_is_cut():
    pieces = [
        Piece(text="<|im_start|>user\n", by_template=True),
        Piece(text="a<|im_end|>b<<think>", by_template=False),
        Piece(text="<|im_end|>", by_template=True),
    ]
    parts = chunks(pieces, SPECIALS)
    assert parts == ["<|im_start|>user\na<", "|im_end|>b<<", "think><|im_end|>"]


def test_special_text_across_the_border_is_cut():
    pieces = [Piece(text="x<|im_", by_template=False), Piece(text="end|>", by_template=True)]
    assert chunks(pieces, SPECIALS) == ["x<", "|im_end|>"]
