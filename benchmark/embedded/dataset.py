"""Token shards: samples of a seed, tokenised, with the length of each prompt, and batches of near-equal lengths.

A shard is a pure function of (seed, wanted tokens, tokenizer); its hash goes into the model card.
"""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from benchmark.embedded.chat import CUT, completion_text, prompt_text
from benchmark.embedded.samples import Sample

CONTEXT = 1024
CHUNK = 2000
BUCKET = 1000
BATCH_TOKENS = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """Samples as one run of tokens."""

    tokens: NDArray[np.uint16]
    starts: NDArray[np.int64]
    """Offset of each sample, and the end of the last one."""
    prompts: NDArray[np.int64]
    """Prompt tokens of each sample."""

    @property
    def sha256(self) -> str:
        """Names the content."""
        return hashlib.sha256(self.tokens.tobytes() + self.starts.tobytes() + self.prompts.tobytes()).hexdigest()

    def __len__(self) -> int:
        return len(self.prompts)


def sample_texts(sample: Sample) -> tuple[str, str]:
    """Return the prompt and what the model is to write."""
    prompt = prompt_text(sample.messages, thinking=sample.thoughts is not None)
    return prompt, completion_text(sample.answer, sample.thoughts)


def encode(samples: Iterable[Sample], tokenizer: Tokenizer, wanted: int) -> Shard:
    """Return the first samples that together have `wanted` tokens; those longer than the context are dropped."""
    rows: list[NDArray[np.uint16]] = []
    prompts: list[int] = []
    source, total = iter(samples), 0
    while total < wanted:
        texts = [sample_texts(sample) for sample in itertools.islice(source, CHUNK)]
        if not texts:
            break
        before = tokenizer.encode_batch([prompt for prompt, _ in texts])
        after = [_pieces(completion, tokenizer) for _, completion in texts]
        for prompt, completion in zip(before, after, strict=True):
            ids = [*prompt.ids, *completion]
            if len(ids) > CONTEXT or total >= wanted:
                continue
            rows.append(np.array(ids, dtype=np.uint16))
            prompts.append(len(prompt.ids))
            total += len(ids)
    starts = np.cumsum([0, *(len(row) for row in rows)], dtype=np.int64)
    return Shard(tokens=np.concatenate(rows), starts=starts, prompts=np.array(prompts, dtype=np.int64))


def _pieces(text: str, tokenizer: Tokenizer) -> list[int]:
    return [token for piece in text.split(CUT) for token in tokenizer.encode(piece).ids]


def save(shard: Shard, path: Path) -> None:
    """Write a shard; the file appears whole or not at all."""
    part = path.with_suffix(".part.npz")
    np.savez(part, tokens=shard.tokens, starts=shard.starts, prompts=shard.prompts)
    part.rename(path)


def load(path: Path) -> Shard:
    """Return the shard that `save` wrote."""
    with np.load(path) as file:
        return Shard(tokens=file["tokens"], starts=file["starts"], prompts=file["prompts"])


def join(shards: list[Shard]) -> Shard:
    """Return one shard with the samples of all."""
    offsets = np.cumsum([0, *(shard.starts[-1] for shard in shards)])
    starts = [shard.starts[:-1] + offset for shard, offset in zip(shards, offsets, strict=False)]
    return Shard(
        tokens=np.concatenate([shard.tokens for shard in shards]),
        starts=np.concatenate([*starts, offsets[-1:]]),
        prompts=np.concatenate([shard.prompts for shard in shards]),
    )


def plan_batches(shard: Shard, seed: int) -> list[NDArray[np.int64]]:
    """Return the sample indices of every batch: shuffled buckets, sorted by length inside, about 5 000 tokens each."""
    order = list(range(len(shard)))
    rng = random.Random(f"batches {seed}")
    rng.shuffle(order)
    lengths = np.diff(shard.starts)
    batches: list[NDArray[np.int64]] = []
    for first in range(0, len(order), BUCKET):
        bucket = sorted(order[first : first + BUCKET], key=lambda i: (int(lengths[i]), i))
        made = list(_cut(bucket, lengths))
        rng.shuffle(made)
        batches += made
    return batches


def _cut(bucket: list[int], lengths: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    batch: list[int] = []
    for i in bucket:
        if batch and (len(batch) + 1) * int(lengths[i]) > BATCH_TOKENS:
            yield np.array(batch)
            batch = []
        batch.append(i)
    if batch:
        yield np.array(batch)


def batch_arrays(
    shard: Shard, batch: NDArray[np.int64], prompt_weight: float
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return tokens [rows, length], padded with 0 at the end, and the loss weight of predicting each of them."""
    lengths = shard.starts[batch + 1] - shard.starts[batch]
    tokens = np.zeros((len(batch), int(lengths.max())), dtype=np.int64)
    weights = np.zeros(tokens.shape, dtype=np.float32)
    for row, i in enumerate(batch):
        length, prompt = int(lengths[row]), int(shard.prompts[i])
        tokens[row, :length] = shard.tokens[shard.starts[i] : shard.starts[i + 1]]
        weights[row, :prompt] = prompt_weight
        weights[row, prompt:length] = 1.0
    return tokens, weights
