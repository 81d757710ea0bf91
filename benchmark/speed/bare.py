"""What decoding alone could reach on this machine: the best of all widths, cache layouts and weight layouts.

    python -m benchmark.speed.bare --model MODEL.gguf --prompts prompts.json

For each way to lay out the cache and the weights, and each width: read the prompts of so many texts, eight texts to
each, then decode steps in which nothing is drawn until every text is as long as asked for; and again with other
prompts, until the time is over.

Limits: all texts are equally long, so that no sequence is ever idle or behind another: the rate is rather too high.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from inference.backend import Batch
from inference.cores import decoding_threads
from inference.llama import Layout, LlamaContext

_EACH = 8
_ROWS = 512
_MARGIN = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How texts are decoded."""

    width: int
    streams: bool
    repack: bool

    def __str__(self) -> str:
        cache = "a cache each" if self.streams else "one cache"
        return f"{self.width} texts, {cache}, repacking {'on' if self.repack else 'off'}"

    def open(self, path: Path, each: int) -> LlamaContext:
        """Load the model with so many cells for each text."""
        cells = -(-each // 256) * 256 * self.width
        layout = Layout(sequences=self.width, cells=cells, rows=_ROWS, outputs=self.width, unified=not self.streams)
        return LlamaContext(path, layout=layout, gpu_layers=0, threads=decoding_threads(), repack=self.repack)


def rate(path: Path, prompts: Sequence[str], way: Way, *, tokens: int, seconds: float) -> float:
    """Return tokens a second of texts of so many tokens each, eight to each prompt, within some seconds."""
    with closing(way.open(path, max(len(text) for text in prompts) // 2 + tokens + _MARGIN)) as llama:
        batch, written, turn, needed = Batch(_ROWS), 0, 0, -(-way.width // _EACH)
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            some = [llama.tokenise(prompts[(turn * needed + at) % len(prompts)]) for at in range(needed)]
            turn += 1
            lengths = [_read(llama, batch, some[at // _EACH], at) for at in range(way.width)]
            for step in range(tokens):
                if time.perf_counter() - began >= seconds:
                    break
                batch.clear()
                for sequence, length in enumerate(lengths):
                    batch.add(sequence, length + step, [1000 + 7 * step + sequence], 1)
                llama.decode(batch)
                written += way.width
            for sequence in range(way.width):
                llama.trim(sequence, 0)
        return written / (time.perf_counter() - began)


def _read(llama: LlamaContext, batch: Batch, prompt: list[int], at: int) -> int:
    """Read a prompt into the first sequence of its eight, and copy it into the others; return its length."""
    first = at - at % _EACH
    if at > first:
        llama.copy(first, at, len(prompt))
        return len(prompt)
    for start in range(0, len(prompt), _ROWS):
        batch.clear()
        batch.add(at, start, prompt[start : start + _ROWS], 1)
        llama.decode(batch)
    return len(prompt)


def main(arguments: Sequence[str] | None = None) -> None:
    """Time every way and print a table, the best last."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--prompts", type=Path, required=True, help="JSON file with a list of prompts")
    parser.add_argument("--widths", default="16,32,48,64")
    parser.add_argument("--tokens", type=int, default=200, help="length of a text")
    parser.add_argument(
        "--only", default="", help="ways whose name holds this text, e.g. 'a cache each, repacking off'"
    )
    given = parser.parse_args(arguments)
    prompts = json.loads(given.prompts.read_text(encoding="utf-8"))
    found = {}
    for width, streams, repack in product(map(int, given.widths.split(",")), (True, False), (True, False)):
        way = Way(width=width, streams=streams, repack=repack)
        if given.only in str(way):
            found[way] = rate(given.model, prompts, way, tokens=given.tokens, seconds=given.seconds)
            sys.stdout.write(f"{found[way]:6.1f} tokens a second: {way}\n")
            sys.stdout.flush()
    best = max(found, key=found.__getitem__)
    sys.stdout.write(f"best: {found[best]:.1f} ({best})\n")


if __name__ == "__main__":
    main()
