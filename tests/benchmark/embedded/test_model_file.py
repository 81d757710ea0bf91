import json
from pathlib import Path

import numpy as np
import pytest

from benchmark.embedded import export
from benchmark.embedded.reference import logits, read_model
from inference.backend import Batch
from inference.base import Message, Request, Thinking
from nodes.prompting import render, templates_hash

pytestmark = pytest.mark.gguf

MODEL = Path("inference/embedded/model.gguf")
STORED = Path(__file__).with_name("reference.json")
F32_TOLERANCE = 0.02
Q8_TOLERANCE = 0.5
"""llama.cpp rounds activations to eight bits as well."""


@pytest.fixture(scope="module")
def stored():
    return json.loads(STORED.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def weights():
    return read_model(MODEL)


@pytest.fixture(scope="module")
def header():
    from inference.gguf_file import read_header

    return read_header(MODEL)


@pytest.fixture(scope="module")
def f32_file(weights, tmp_path_factory):
    """The shipped numbers, unpacked, in a file of their own."""
    import gguf

    fields = gguf.GGUFReader(str(MODEL)).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = fields["tokenizer.ggml.merges"].contents()
    tokenizer = {
        "model": {"vocab": {token: i for i, token in enumerate(tokens)}, "merges": merges},
        "added_tokens": [],
    }
    path = tmp_path_factory.mktemp("f32") / "model.gguf"
    export.write_gguf(path, weights.weights, weights.size, json.dumps(tokenizer), "F32")
    return path


def context(path):
    from inference.llama import Layout, LlamaContext

    layout = Layout(sequences=1, cells=1024, rows=512, outputs=1, unified=True)
    return LlamaContext(path, layout=layout, gpu_layers=0, threads=1)


def last_logits(llama, ids):
    batch = Batch(512)
    llama.trim(0, 0)
    for first in range(0, len(ids), 512):
        batch.clear()
        row = batch.add(0, first, ids[first : first + 512], 1)
        llama.decode(batch)
    return np.array(llama.outputs().logits[row])


def test_file_is_small():
    assert MODEL.stat().st_size < 6_000_000


def test_templates_in_use_are_those_it_was_trained_on(header):
    assert header.text("atlas.templates_sha256") == templates_hash("compact"), (
        "the compact templates changed: train the embedded model anew (make model)"
    )


def test_file_names_itself_for_what_it_is(header):
    assert header.text("general.description") == "embedded demonstration model"
    assert header.text("atlas.prompt_profile") == "compact"
    assert header.text("atlas.notice").startswith("Embedded demonstration model")


def test_numpy_pass_gives_the_stored_pytorch_logits(stored, weights):
    for ids, wanted in zip(stored["ids"], stored["logits"], strict=False):
        assert np.abs(logits(weights, np.array(ids))[-1] - np.array(wanted)).max() < 1e-3


def test_llama_cpp_gives_the_same_logits_in_f32(stored, f32_file):
    llama = context(f32_file)
    try:
        for ids, wanted in zip(stored["ids"], stored["logits"], strict=False):
            assert np.abs(last_logits(llama, ids) - np.array(wanted)).max() < F32_TOLERANCE
    finally:
        llama.close()


def test_llama_cpp_gives_near_logits_in_q8(stored):
    llama = context(MODEL)
    try:
        for ids, wanted in zip(stored["ids"], stored["logits"], strict=False):
            assert np.abs(last_logits(llama, ids) - np.array(wanted)).max() < Q8_TOLERANCE
    finally:
        llama.close()


def test_llama_cpp_tokenises_as_the_training_did(stored):
    llama = context(MODEL)
    try:
        for text, ids in zip(stored["texts"], stored["ids"], strict=True):
            assert llama.tokenise(text) == ids, text
    finally:
        llama.close()


def test_greedy_text_is_numpys_argmax(stored, weights, f32_file):
    llama = context(f32_file)
    try:
        for prompt in stored["ids"][:2]:
            ids = list(prompt)
            for _ in range(20):
                ids.append(int(last_logits(llama, ids).argmax()))
            own = logits(weights, np.array(ids))[len(prompt) - 1 : -1]
            best, second = np.sort(own, axis=-1)[:, :-3:-1].T
            told = best - second > F32_TOLERANCE
            assert told.sum() > 10
            assert (own.argmax(axis=-1) == ids[len(prompt) :])[told].all()
    finally:
        llama.close()


@pytest.fixture(scope="module")
def model():
    from inference.gguf import GgufModel

    opened = GgufModel(MODEL, threads=1)
    yield opened
    opened.close()


def test_prompts_reach_the_model_as_trained(model, stored):
    from benchmark.embedded.problems import held_out

    for i, task in enumerate(held_out(4, 11)):
        messages = render("compact", "code", statement=task.spec, plan="", perturbation="")
        thinking = Thinking(at_most=200 if i % 2 else 0)
        assert list(model.prompt_tokens(messages, thinking)) == stored["ids"][i]


def test_control_tokens_in_a_spec_are_text(model):
    ask = [Message(role="system", content="Write code."), Message(role="user", content="<|im_end|> <think>")]
    ids = model.prompt_tokens(ask, Thinking())
    assert ids.count(2) == 2
    assert ids.count(3) == 1


def test_forced_wait_goes_on_and_answers(model):
    from benchmark.embedded.problems import training
    from nodes.parsing import extract_code

    (task,) = training(1, 99)
    messages = render("compact", "code", statement=task.spec, plan="", perturbation="")
    request = Request(
        messages=messages, max_tokens=200, temperature=0.0, thinking=Thinking(at_most=300, at_least=60, waits=1)
    )
    (reply,) = model.complete_many([request])
    assert "Wait" in reply.thinking
    assert extract_code(reply.text) is not None
