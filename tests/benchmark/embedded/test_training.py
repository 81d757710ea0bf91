import itertools
from dataclasses import replace

import numpy as np
import pytest

from benchmark.embedded.mix import forced_marks, samples
from benchmark.embedded.reference import logits, read_model
from benchmark.embedded.sizes import Dimensions

pytestmark = pytest.mark.train

TINY = Dimensions(vocabulary=1024, width=64, layers=1, heads=2, key_value_heads=1, hidden=128)


@pytest.fixture(scope="module")
def tokenizer():
    from benchmark.embedded.dataset import sample_texts
    from benchmark.embedded.tokenizer import train_tokenizer

    return train_tokenizer("".join(sample_texts(sample)) for sample in itertools.islice(samples(0), 1500))


@pytest.fixture(scope="module")
def shard(tokenizer):
    from benchmark.embedded.dataset import encode

    return encode(samples(1), tokenizer, 60_000)


@pytest.fixture
def small_batches(monkeypatch):
    from benchmark.embedded import dataset

    monkeypatch.setattr(dataset, "BATCH_TOKENS", 2000)


def run_of(seed):
    from benchmark.embedded.training import Run

    return Run(seed=seed, threads=1)


def losses(folder):
    import json

    return [json.loads(line)["answer_loss"] for line in (folder / "log.jsonl").read_text().splitlines()]


def test_special_tokens_come_first_and_are_single(tokenizer):
    from benchmark.embedded.chat import SPECIAL

    assert [tokenizer.encode(text).ids for text in SPECIAL] == [[i] for i in range(len(SPECIAL))]


def test_digits_are_tokens_of_their_own(tokenizer):
    assert len(tokenizer.encode("1234567").ids) == 7


def test_shards_are_reproducible(tokenizer, shard):
    from benchmark.embedded.dataset import encode

    assert encode(samples(1), tokenizer, 60_000).sha256 == shard.sha256


def test_shard_keeps_prompt_and_answer(tokenizer, shard):
    from benchmark.embedded.dataset import sample_texts

    for i, sample in enumerate(itertools.islice(samples(1), 20)):
        prompt, completion = sample_texts(sample)
        row = shard.tokens[shard.starts[i] : shard.starts[i + 1]]
        assert tokenizer.decode([int(t) for t in row], skip_special_tokens=False) == prompt + completion
        assert len(tokenizer.encode(prompt).ids) == shard.prompts[i]


def test_forced_texts_are_tokenised_apart(tokenizer):
    from benchmark.embedded.chat import CUT
    from benchmark.embedded.dataset import encode

    forced = [s for s in map(forced_marks, itertools.islice(samples(8), 2000)) if s.thoughts and CUT in s.thoughts]
    shard = encode(forced, tokenizer, 10**9)
    newline = tokenizer.encode("\n").ids
    both = bytes(np.array([*newline, *newline, *tokenizer.encode("Wait").ids], dtype=np.uint16).tobytes())
    assert shard.tokens.tobytes().count(both) >= len(forced)
    assert CUT not in tokenizer.decode([int(t) for t in shard.tokens], skip_special_tokens=False)


def test_every_sample_is_in_one_batch(shard):
    from benchmark.embedded.dataset import plan_batches

    assert sorted(np.concatenate(plan_batches(shard, 1))) == list(range(len(shard)))


def test_weights_are_zero_only_on_padding(shard):
    from benchmark.embedded.dataset import batch_arrays, plan_batches

    batch = plan_batches(shard, 1)[0]
    tokens, weights = batch_arrays(shard, batch, 0.15)
    assert tokens.shape == weights.shape
    assert (weights > 0).sum() == (shard.starts[batch + 1] - shard.starts[batch]).sum()


def test_joined_shards_hold_both(shard):
    from benchmark.embedded.dataset import join

    twice = join([shard, shard])
    assert len(twice) == 2 * len(shard)
    assert twice.starts[-1] == 2 * shard.starts[-1] == len(twice.tokens)


def test_thirty_steps_learn_and_export(tokenizer, shard, small_batches, tmp_path, monkeypatch):
    import torch

    from benchmark.embedded import training
    from benchmark.embedded.export import write_gguf
    from benchmark.embedded.network import named_arrays

    monkeypatch.setattr(training, "LOG_EVERY", 5)
    network = training.train(shard, TINY, run_of(1), tmp_path)
    curve = losses(tmp_path)
    assert len(curve) >= 6
    assert curve[-1] < curve[0] - 1
    assert sum(p.numel() for p in network.parameters()) < 120_000
    path = tmp_path / "tiny.gguf"
    write_gguf(path, named_arrays(network), TINY, tokenizer.to_str(), "F32")
    ids = np.array(shard.tokens[:50], dtype=np.int64)
    with torch.no_grad():
        wanted = network(torch.from_numpy(ids)[None])[0].numpy()
    assert np.abs(logits(read_model(path), ids) - wanted).max() < 1e-3


def test_a_resumed_run_ends_with_the_same_weights(shard, small_batches, tmp_path, monkeypatch):
    import torch

    from benchmark.embedded import training

    half = replace(shard, starts=shard.starts[:61], prompts=shard.prompts[:60])
    whole = training.train(half, TINY, run_of(2), tmp_path / "whole")
    monkeypatch.setattr(training, "SAVE_EVERY", 3)
    real, calls = training.loss_of, []

    def stopping(*given):
        calls.append(given)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(training, "loss_of", stopping)
    with pytest.raises(KeyboardInterrupt):
        training.train(half, TINY, run_of(2), tmp_path / "cut")
    monkeypatch.setattr(training, "loss_of", real)
    resumed = training.train(half, TINY, run_of(2), tmp_path / "cut")
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


@pytest.mark.parametrize(("step", "rate"), [(0, 1 / 30), (29, 1.0), (59, 1.0), (80, 0.5), (100, 0.0)])
def test_rate_warms_up_and_cools_down(step, rate):
    from benchmark.embedded.training import rate_at

    assert rate_at(step, 100, run_of(1)) == pytest.approx(rate)
