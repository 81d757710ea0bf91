"""Make the embedded model from nothing: `python -m benchmark.embedded.train`.

Data, tokenizer, first training, export, on-policy data, second training, export. Every part leaves its result in the
work folder and is skipped when that exists, so the command goes on where it stopped. Needs the `train` extra.
"""

from __future__ import annotations

import itertools
from pathlib import Path

from tokenizers import Tokenizer

from benchmark.embedded import dataset
from benchmark.embedded.dataset import Shard, sample_texts
from benchmark.embedded.mix import samples
from benchmark.embedded.sizes import Dimensions
from benchmark.embedded.tokenizer import load_tokenizer, train_tokenizer
from benchmark.embedded.training import Run, train

WORK = Path("build/embedded")
TOKENIZER_SEED, TOKENIZER_SAMPLES = 0, 20_000
FIRST_SEED, FIRST_TOKENS = 1, 10_500_000
THREADS = 2


def prepare_tokenizer(work: Path) -> Tokenizer:
    """Return the tokenizer, learnt once."""
    path = work / "tokenizer.json"
    if not path.exists():
        source = itertools.islice(samples(TOKENIZER_SEED), TOKENIZER_SAMPLES)
        train_tokenizer("".join(sample_texts(sample)) for sample in source).save(str(path))
    return load_tokenizer(path)


def prepare_shard(work: Path, name: str, seed: int, tokens: int, tokenizer: Tokenizer) -> Shard:
    """Return the shard of a seed, made once."""
    path = work / f"{name}.npz"
    if not path.exists():
        dataset.save(dataset.encode(samples(seed), tokenizer, tokens), path)
    return dataset.load(path)


def first_stage(work: Path) -> Path:
    """Train from random weights; return the checkpoint."""
    tokenizer = prepare_tokenizer(work)
    shard = prepare_shard(work, "first", FIRST_SEED, FIRST_TOKENS, tokenizer)
    size = Dimensions(vocabulary=tokenizer.get_vocab_size())
    train(shard, size, Run(seed=FIRST_SEED, threads=THREADS), work / "first")
    return work / "first" / "checkpoint.pt"


def main() -> None:
    """Run every part that is not done yet."""
    WORK.mkdir(parents=True, exist_ok=True)
    first_stage(WORK)


if __name__ == "__main__":
    main()
