"""Make the embedded model from nothing: `python -m benchmark.embedded.train`.

Data, tokenizer, first training, export, the model's own failures, second training, export, exit test, card. Every part
leaves its result in the work folder and is skipped when that exists, so the command goes on where it stopped. Needs
the `train` extra, bubblewrap, and about an hour and a half on two cores.
"""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch
from tokenizers import Tokenizer

from benchmark.embedded import dataset
from benchmark.embedded.card import write_card
from benchmark.embedded.dataset import Shard, sample_texts
from benchmark.embedded.evaluate import EMBEDDED, evaluate
from benchmark.embedded.export import write_gguf
from benchmark.embedded.mix import FIRST_MIX, SECOND_MIX, forced_marks, samples
from benchmark.embedded.network import Network, named_arrays
from benchmark.embedded.on_policy import own_failures
from benchmark.embedded.parity import reference
from benchmark.embedded.samples import Sample
from benchmark.embedded.sizes import Dimensions
from benchmark.embedded.tokenizer import load_tokenizer, train_tokenizer
from benchmark.embedded.training import Run, train

WORK = Path("build/embedded")
REFERENCE = Path("tests/benchmark/embedded/reference.json")
TOKENIZER_SEED, TOKENIZER_SAMPLES = 0, 20_000
FIRST_TOKENS = 10_500_000
SECOND_TOKENS = 4_000_000
OWN_SEED, OWN_PROBLEMS, OWN_TOKENS = 3, 2_000, 450_000
THREADS = 2
FIRST = Run(seed=1, threads=THREADS)
SECOND = Run(seed=2, threads=THREADS, cool_down=0.8, peak=0.6)
REPORTED = {"held_out": (200, 7, 8), "training": (100, 7, 1)}
"""Problems, seed and samples per problem of each part of the exit test."""


def prepare_tokenizer(work: Path) -> Tokenizer:
    """Return the tokenizer, learnt once."""
    path = work / "tokenizer.json"
    if not path.exists():
        source = itertools.islice(samples(TOKENIZER_SEED), TOKENIZER_SAMPLES)
        train_tokenizer("".join(sample_texts(sample)) for sample in source).save(str(path))
    return load_tokenizer(path)


def prepare_shard(path: Path, source: Iterator[Sample], tokens: int, tokenizer: Tokenizer) -> Shard:
    """Return a shard, made once."""
    if not path.exists():
        dataset.save(dataset.encode(source, tokenizer, tokens), path)
    return dataset.load(path)


def export(work: Path, checkpoint: Path, path: Path) -> None:
    """Write a checkpoint as Q8_0."""
    size = Dimensions(vocabulary=prepare_tokenizer(work).get_vocab_size())
    network = Network(size)
    network.load_state_dict(torch.load(checkpoint, weights_only=True)["weights"])
    text = (work / "tokenizer.json").read_text(encoding="utf-8")
    write_gguf(path, named_arrays(network), size, text, "Q8_0")


def first_stage(work: Path) -> None:
    """Train from random weights and export."""
    if (work / "first.gguf").exists():
        return
    tokenizer = prepare_tokenizer(work)
    shard = prepare_shard(work / "first.npz", samples(FIRST.seed), FIRST_TOKENS, tokenizer)
    train(shard, Dimensions(vocabulary=tokenizer.get_vocab_size()), FIRST, work / "first")
    export(work, work / "first" / "checkpoint.pt", work / "first.gguf")


def prepare_own(work: Path) -> Shard:
    """Return the shard of the first model's own failures."""
    path = work / "own.npz"
    if not path.exists():
        made = own_failures(work / "first.gguf", OWN_SEED, OWN_PROBLEMS, THREADS)
        dataset.save(dataset.encode(made, prepare_tokenizer(work), OWN_TOKENS), path)
    return dataset.load(path)


def second_stage(work: Path) -> None:
    """Go on from the first weights with fresh data and the model's own failures, and export."""
    if (work / "second.gguf").exists():
        return
    tokenizer = prepare_tokenizer(work)
    source = map(forced_marks, samples(SECOND.seed, SECOND_MIX))
    fresh = prepare_shard(work / "second.npz", source, SECOND_TOKENS, tokenizer)
    shard = dataset.join([fresh, prepare_own(work)])
    size = Dimensions(vocabulary=tokenizer.get_vocab_size())
    train(shard, size, SECOND, work / "second", start=work / "first" / "checkpoint.pt")
    export(work, work / "second" / "checkpoint.pt", work / "second.gguf")


def exit_test(work: Path) -> None:
    """Measure the exported model on the reported parts, side by side."""
    with ProcessPoolExecutor(max_workers=THREADS) as pool:
        for done in [pool.submit(_measure, work, part, *given) for part, given in REPORTED.items()]:
            done.result()


def _measure(work: Path, part: str, n: int, seed: int, k: int) -> None:
    path = work / f"{part}.json"
    if not path.exists():
        table = evaluate(part, n, seed, k, work / "second.gguf")
        path.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Run every part that is not done yet."""
    WORK.mkdir(parents=True, exist_ok=True)
    first_stage(WORK)
    second_stage(WORK)
    exit_test(WORK)
    shutil.copyfile(WORK / "second.gguf", EMBEDDED)
    mixes = {"first": FIRST_MIX, "second": SECOND_MIX}
    write_card(WORK, EMBEDDED, EMBEDDED.with_name("MODEL_CARD.md"), {"first": FIRST, "second": SECOND}, mixes)
    text = json.dumps(reference(EMBEDDED, prepare_tokenizer(WORK)))
    REFERENCE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
