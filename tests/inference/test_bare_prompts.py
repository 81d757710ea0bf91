"""Texts that are continued as they stand, and holes that are filled: no template, no thinking."""

from __future__ import annotations

import pytest

from inference.base import ContextOverflowError, ModelError, Request, RequestRefusedError, Thinking
from inference.gguf import GgufModel
from tests.inference.tiny_gguf import vocabulary

pytestmark = pytest.mark.gguf
FILL = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")


@pytest.fixture(scope="module")
def model(open_tiny):
    return open_tiny(tokens=[*vocabulary(), *FILL])


@pytest.fixture(scope="module")
def plain(open_tiny):
    return open_tiny()


def one(model, **changes):
    (done,) = model.complete_many([Request(messages=(), max_tokens=4, temperature=0.0, confidence=True, **changes)])
    return done


@pytest.mark.parametrize(
    ("prompt", "suffix", "tokens"),
    [
        pytest.param("abc", "", 3, id="as-it-stands"),
        pytest.param("<|im_start|>a", "", 2, id="control-tokens-spelled-out"),
        pytest.param("ab", "c", 6, id="three-marks-around"),
        pytest.param("", "c", 4, id="nothing-before"),
    ],
)
def test_prompt_is_what_was_given(model, prompt, suffix, tokens):
    assert one(model, prompt=prompt, suffix=suffix).prompt_tokens == tokens


def test_hole_is_filled_in_the_form_that_models_are_trained_on(model):
    filled = one(model, prompt="ab", suffix="c")
    spelled_out = one(model, prompt=f"{FILL[0]}ab{FILL[1]}c{FILL[2]}")
    assert (filled.text, filled.confidence) == (spelled_out.text, spelled_out.confidence)
    assert filled.confidence != one(model, prompt="abc").confidence


def test_bare_text_is_not_thought_about(model):
    assert one(model, prompt="abc", thinking=Thinking(at_most=50, at_least=10)).thinking_tokens == 0


def test_model_without_marks_refuses_a_suffix(plain):
    with pytest.raises(RequestRefusedError, match="does not fill in the middle"):
        one(plain, prompt="abc", suffix="d")


def test_prompt_longer_than_the_context_is_refused(model):
    with pytest.raises(ContextOverflowError):
        one(model, prompt="a b " * 400)


def test_closed_model_refuses_to_fill_in(open_tiny):
    closed = GgufModel(open_tiny.path(tokens=[*vocabulary(), *FILL]), threads=1)
    closed.close()
    with pytest.raises(ModelError, match="is closed"):
        one(closed, prompt="ab", suffix="c")
