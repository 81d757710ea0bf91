"""Speed on a GPU: tokens per second by width, the share of the memory's bandwidth, and where sampling runs.

At one text a step reads every weight once, so that bandwidth over bytes is the most steps a second that are possible.
`decoding alone` is the same batches without anything else; with sampling on the host llama.cpp's chains draw from rows
that were fetched; with sampling on the device it runs the same chains there and hands back tokens.

Limits: the bytes of the cache are counted at half the text's length. Bandwidth comes from NVML (memory clock and bus
width) or from --bandwidth; without either, no share is given.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

from benchmark.provenance import commit
from benchmark.speed.opened import SETTINGS, SPARE, tell, timed, user
from benchmark.speed.peers import Bare, DrawnAt
from benchmark.speed.random_model import SIZES, random_model
from benchmark.speed.results import Log, Reading, write_json
from inference.backend import Sampling
from inference.footprint import shape_of
from inference.gguf import GgufModel
from inference.gguf_file import GgufHeader, read_header
from inference.layout import Width, layout_for
from inference.llama import LlamaContext
from inference.machine import nvidia_gpus

_ROWS = 512
_GIGA = 1e9
_KV_BYTES = 2
_BOTH_EDGES = 2
_DRAWN: dict[DrawnAt, str] = {
    "nowhere": "decoding alone",
    "host": "decoding, sampling on the host",
    "device": "decoding, sampling on the device",
}
_SAMPLING = Sampling(temperature=0.8, top_k=40, top_p=0.95, min_p=0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What to measure."""

    path: Path
    widths: tuple[int, ...]
    rounds: int
    gpu_layers: int
    threads: int
    prompt_tokens: int
    new_tokens: int

    @property
    def context(self) -> int:
        """Cells of one text."""
        return self.prompt_tokens + self.new_tokens + SPARE

    @property
    def width(self) -> Width:
        """One cache for all, with room for the prompt and every text."""
        most = max(*self.widths, 2)
        return Width(most=most, cells=self.context + most * (self.new_tokens + SPARE), streams=False)


def measure(task: Task, log: Log, tell: Callable[[str], None]) -> None:
    """Run engine and bare decoding in turn, and add what is read to the log."""
    layout = layout_for(read_header(task.path), task.context, _ROWS, task.width)
    engine = GgufModel(
        task.path,
        context_tokens=task.context,
        gpu_layers=task.gpu_layers,
        threads=task.threads,
        width=task.width,
    )
    bare = Bare(task.path, layout=layout, threads=task.threads, gpu_layers=task.gpu_layers)
    with closing(engine), closing(bare):
        for turn in range(1, task.rounds + 1):
            for k in task.widths:
                for reading in _round(task, engine, bare, turn, k):
                    log.add(reading)
                    speed = reading.tokens / reading.seconds
                    tell(f"round {turn}/{task.rounds}  k={k:<3} {speed:9.1f} tokens/s  {reading.peer}")


def _round(task: Task, engine: GgufModel, bare: Bare, turn: int, k: int) -> Iterator[Reading]:
    messages = user(engine, task.prompt_tokens, f"{turn:04} {k:04} ")
    settings = replace(SETTINGS, messages=messages, max_tokens=task.new_tokens)
    asked = [replace(settings, seed=seed) for seed in range(k)]
    prompt = engine.prompt_tokens(messages)

    def read(peer: str, seconds: float) -> Reading:
        tokens = k * task.new_tokens
        return Reading(round=turn, workload="same prompt", peer=peer, k=k, seconds=seconds, tokens=tokens)

    yield read("engine", timed(lambda: engine.complete_many(asked)).wall)
    for drawn, name in _DRAWN.items():
        yield read(name, timed(lambda d=drawn: bare.run([prompt] * k, task.new_tokens, d, _SAMPLING)).wall)  # type: ignore[misc]


def bytes_of_a_step(header: GgufHeader, tokens: int) -> int:
    """Return the bytes that a step of one text must read: all weights but the embeddings, and a cache of `tokens`."""
    tied = "output.weight" not in header.tensors
    weights = sum(one.size for name, one in header.tensors.items() if tied or name != "token_embd.weight")
    cache = sum(layer.key + layer.value for layer in shape_of(header).layers) * _KV_BYTES * tokens
    return weights + cache


def bandwidth() -> float | None:
    """Return the first GPU's bytes per second by NVML, or None."""
    if importlib.util.find_spec("pynvml") is None:
        return None
    import pynvml

    try:
        pynvml.nvmlInit()
        card = pynvml.nvmlDeviceGetHandleByIndex(0)
        clock = pynvml.nvmlDeviceGetMaxClockInfo(card, pynvml.NVML_CLOCK_MEM) * 1e6
        return float(_BOTH_EDGES * clock * pynvml.nvmlDeviceGetMemoryBusWidth(card) / 8)
    except pynvml.NVMLError:
        return None


def table(readings: Sequence[Reading], least_bytes: int, bytes_per_second: float | None) -> str:
    """Return speeds by width as Markdown, and the share of the bandwidth that one text reaches."""
    peers, widths = list(dict.fromkeys(one.peer for one in readings)), sorted({one.k for one in readings})
    lines = [f"| k | {' | '.join(peers)} | growth of the engine |", f"|--:|{'--:|' * (len(peers) + 1)}"]

    def speeds(peer: str, k: int) -> list[float]:
        return [one.tokens / one.seconds for one in readings if (one.peer, one.k) == (peer, k)] or [0.0]

    first = median(speeds("engine", widths[0]))
    for k in widths:
        shown = [f"{median(s):.1f} ({min(s):.1f}-{max(s):.1f})" for s in (speeds(peer, k) for peer in peers)]
        lines.append(f"| {k} | {' | '.join(shown)} | {median(speeds('engine', k)) / first:.2f} |")
    text = "\n".join(lines) + "\n"
    if bytes_per_second and widths[0] == 1:
        share = first * least_bytes / bytes_per_second
        limit = bytes_per_second / _GIGA
        text += f"\none text reads {least_bytes / _GIGA:.2f} GB a step: {share:.0%} of {limit:.0f} GB/s\n"
    return text


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.speed.gpu",
        description="Measure the engine on a GPU. Needs a build for it: make setup CUDA=1.",
        epilog="Prompt processing is included; raise --new-tokens to weigh it less.",
    )
    add = parser.add_argument
    add(
        "--model",
        default="qwen3-14b",
        help="qwen3-14b (random weights, 9 GB, Q4_K_M), mid, tiny, or a GGUF file's path",
    )
    add("--widths", default="1,4,8,16,32,64", help="texts per prompt, several with commas")
    add("--rounds", type=int, default=5)
    add("--gpu-layers", type=int, default=-1, help="-1 for all; 0 tries the benchmark out without a GPU")
    add("--threads", type=int, default=4)
    add("--prompt-tokens", type=int, default=400)
    add("--new-tokens", type=int, default=128)
    add("--bandwidth", type=float, help="the memory's, in GB/s; asked of NVML when not given")
    add("--folder", type=Path, default=Path("build/bench"), help="where random models and readings are kept")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """Measure and write the table to standard output; return the exit code."""
    options = _arguments(given)
    if options.gpu_layers and not LlamaContext.uses_gpu(options.gpu_layers):
        tell("this llama.cpp has no GPU to use: make setup CUDA=1 on a machine with one, or --gpu-layers 0 to try")
        return 1
    named = options.model in SIZES
    task = Task(
        path=random_model(options.folder, options.model) if named else Path(options.model),
        widths=tuple(sorted({int(width) for width in options.widths.split(",")})),
        rounds=options.rounds,
        gpu_layers=options.gpu_layers,
        threads=options.threads,
        prompt_tokens=options.prompt_tokens,
        new_tokens=options.new_tokens,
    )
    cards = [card.name for card in nvidia_gpus()] if options.gpu_layers else []
    setup = asdict(task) | {"path": task.path.name, "cards": cards, "commit": commit(), "build": LlamaContext.build()}
    log = Log(options.folder / f"gpu-{task.path.stem}.jsonl", setup, fresh=True)
    code = 0
    try:
        measure(task, log, tell)
    except KeyboardInterrupt:
        tell("stopped; what was measured follows")
        code = 130
    write_json(options.folder / f"gpu-{task.path.stem}.json", setup, (), log)
    if log.readings:
        limit = options.bandwidth * _GIGA if options.bandwidth else bandwidth()
        least = bytes_of_a_step(read_header(task.path), task.prompt_tokens + task.new_tokens // 2)
        sys.stdout.write(f"{task.path.name}, {', '.join(cards) or 'processor'}, wall time\n\n")
        sys.stdout.write(table(log.readings, least, limit))
    return code


if __name__ == "__main__":
    sys.exit(main())
