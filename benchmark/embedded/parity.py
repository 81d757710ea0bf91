"""Write what PyTorch and the `tokenizers` library say about a model file, so that tests need neither of them.

`python -m benchmark.embedded.parity --out FILE` unpacks the file's own weights into the network, so the logits are
those of the shipped numbers; quantisation is measured by the exit test, not here. Needs the `train` extra.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from tokenizers import Tokenizer

from benchmark.embedded.chat import NO_MORE, START, STOP, THINK, prompt_text
from benchmark.embedded.evaluate import EMBEDDED
from benchmark.embedded.network import Network
from benchmark.embedded.problems import held_out
from benchmark.embedded.reference import read_model
from benchmark.embedded.tokenizer import load_tokenizer
from nodes.prompting import render

LOGIT_PROMPTS = 4
DIALOGUES = 24
STRANGE = (
    "",
    " ",
    "\n\n\n",
    "naïve café, déjà vu",
    "漢字かな交じり文",
    "🙂👩‍👩‍👧 emoji",
    "line\r\nline\r\n",
    "a\u00a0b\u2003c",
    "nul \x00 inside",
    "it's we've I'LL don't",
    "x = [-1, -22, 333]\n\tif x: pass  ",
    f"{START}user\nHello{STOP}\n{START}assistant\n{THINK}\n\n{NO_MORE}\n\n",
    "0123456789 3.14e-10",
    "['ab', 'cd'], {'k': -1}",
)


def unpacked_network(path: Path) -> Network:
    """Return the PyTorch network with a file's unpacked weights."""
    model = read_model(path)
    network = Network(model.size)
    own = network.state_dict()
    given = {name: torch.from_numpy(model.weights[name.removesuffix(".weight")]) for name in own}
    network.load_state_dict(given)
    return network


def reference(path: Path, tokenizer: Tokenizer) -> dict[str, object]:
    """Return token ids of many texts, and the last logits [vocabulary] of a few prompts."""
    prompts = [
        prompt_text(render("compact", "code", statement=task.spec, plan="", perturbation=""), thinking=bool(i % 2))
        for i, task in enumerate(held_out(DIALOGUES, 11))
    ]
    network = unpacked_network(path)
    rows = []
    for prompt in prompts[:LOGIT_PROMPTS]:
        with torch.no_grad():
            last = network(torch.tensor([tokenizer.encode(prompt).ids]))[0, -1]
        rows.append([round(float(value), 5) for value in last])
    texts = [*prompts, *STRANGE]
    return {"texts": texts, "ids": [tokenizer.encode(text).ids for text in texts], "logits": rows}


def main() -> None:
    """Write the reference as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=EMBEDDED)
    parser.add_argument("--tokenizer", type=Path, default=Path("build/embedded/tokenizer.json"))
    parser.add_argument("--out", type=Path, default=Path("tests/benchmark/embedded/reference.json"))
    given = parser.parse_args()
    text = json.dumps(reference(given.model, load_tokenizer(given.tokenizer)), ensure_ascii=True)
    given.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
