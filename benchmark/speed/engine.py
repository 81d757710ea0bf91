"""Speed of the engine: ratios to decoding alone and to sequential `Llama`, interleaved in one process.

The unit is the CPU second of the whole process, which on one thread equals wall time on an idle machine and is little
disturbed by neighbours; with more threads it is wall time. Each round runs every peer on every workload in turn; a
ratio is taken inside a round, and the table gives its median and its range over the rounds.

    python -m benchmark.speed.engine --model tiny --rounds 5
    python -m benchmark.speed.engine --model mid --widths 8,16 --threads 2
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from statistics import median

from benchmark.speed.peers import Bare, Sequential
from benchmark.speed.random_model import random_model
from inference.base import Message, Request
from inference.gguf import GgufModel
from inference.gguf_file import read_header
from inference.layout import Width, layout_for

_CACHES = {"auto": None, "unified": False, "streams": True}
_SPARE = 64
_TEMPLATE_TOKENS = 20
_SETTINGS = Request(messages=(), max_tokens=1, temperature=0.8, top_k=40, top_p=0.95, min_p=0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What to measure."""

    path: Path
    widths: tuple[int, ...]
    rounds: int
    threads: int
    prompt_tokens: int
    new_tokens: int
    streams: bool | None


def conversation(tokens: int, name: str) -> tuple[Message, ...]:
    """Return a conversation of about as many tokens; the random model's vocabulary reads one token a byte.

    It begins with its name, so that nobody profits from what an earlier round left in a cache.
    """
    words = "the quick brown fox jumps over the lazy dog and then it writes a program for a stack machine " * 200
    return (Message(role="user", content=name + words[: tokens - len(name)]),)


def measure(task: Task, report: Callable[[str], None]) -> list[tuple[str, list[float]]]:
    """Return rows of (name, one ratio per round); more than 1 means that the engine is faster."""
    context = task.prompt_tokens + task.new_tokens + _SPARE
    width = Width(most=max(max(task.widths), 2), streams=task.streams)
    layout = layout_for(read_header(task.path), context, 512, width)
    engine = GgufModel(task.path, context_tokens=context, gpu_layers=0, threads=task.threads, width=width)
    bare = Bare(task.path, layout=layout, threads=task.threads)
    sequential = Sequential(task.path, context=context, threads=task.threads)
    ratios: dict[str, list[float]] = {}
    clock = time.process_time if task.threads == 1 else time.perf_counter
    for turn, k in product(range(task.rounds), task.widths):
        messages = conversation(task.prompt_tokens - _TEMPLATE_TOKENS, f"{turn:04} {k:04} ")
        prompt = engine.prompt_tokens(messages)
        asked = [replace(_SETTINGS, messages=messages, max_tokens=task.new_tokens, seed=seed) for seed in range(k)]
        ours = _timed(clock, lambda asked=asked: engine.complete_many(asked))  # type: ignore[misc]
        alone = _timed(clock, lambda prompt=prompt, k=k: bare.run(prompt, k, task.new_tokens))  # type: ignore[misc]
        one = _timed(clock, lambda prompt=prompt, k=k: sequential.run([prompt] * k, task.new_tokens))  # type: ignore[misc]
        ratios.setdefault(f"k={k} against decoding alone", []).append(alone / ours)
        ratios.setdefault(f"k={k} against Llama, one after another", []).append(one / ours)
        speeds = [round(k * task.new_tokens / seconds, 1) for seconds in (ours, alone, one)]
        report(f"round {turn + 1} k={k}: engine {speeds[0]}, alone {speeds[1]}, Llama {speeds[2]} tokens/s")
    for peer in (engine, bare, sequential):
        peer.close()
    return list(ratios.items())


def table(rows: Sequence[tuple[str, list[float]]]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| workload | ratio, median | range | rounds |", "|---|--:|--:|--:|"]
    for name, values in rows:
        lines.append(f"| {name} | {median(values):.2f} | {min(values):.2f}-{max(values):.2f} | {len(values)} |")
    return "\n".join(lines) + "\n"


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _timed(clock: Callable[[], float], act: Callable[[], object]) -> float:
    began = clock()
    act()
    return clock() - began


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the batching engine against its peers; higher is better.")
    parser.add_argument("--model", default="tiny", help="tiny, mid (311 M parameters), or the path of a GGUF file")
    parser.add_argument("--folder", type=Path, default=Path("build/bench"), help="where the random models are kept")
    parser.add_argument("--widths", default="1,4,8,16", help="texts per prompt, several with commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="1 measures CPU seconds, more measure wall time")
    parser.add_argument("--prompt-tokens", type=int, default=400)
    parser.add_argument("--new-tokens", type=int, default=128)
    parser.add_argument("--cache", choices=_CACHES, default="auto", help="how the cells are laid out, for both")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """Measure and write the table to standard output; return the exit code."""
    options = _arguments(given)
    named = options.model in {"tiny", "mid"}
    task = Task(
        path=random_model(options.folder, options.model) if named else Path(options.model),
        widths=tuple(int(width) for width in options.widths.split(",")),
        rounds=options.rounds,
        threads=options.threads,
        prompt_tokens=options.prompt_tokens,
        new_tokens=options.new_tokens,
        streams=_CACHES[options.cache],
    )
    try:
        rows = measure(task, _tell)
    except KeyboardInterrupt:
        sys.stderr.write("stopped; nothing was kept\n")
        return 130
    unit = "CPU seconds, 1 thread" if task.threads == 1 else f"wall seconds, {task.threads} threads"
    lengths = f"{task.prompt_tokens}+{task.new_tokens} tokens"
    sys.stdout.write(f"{task.path.name}, {unit}, {lengths}, cache {options.cache}\n\n{table(rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
