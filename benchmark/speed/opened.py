"""What every workload of the speed benchmark works with: the task, our engine and its peers, a clock, prompts.

A workload yields readings, one engine after another, a round at a time. What it needs is opened when it is first used
and stays open; each prompt begins with its round, so that nobody profits from what an earlier one left in a cache.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

from benchmark.speed.peers import Bare, Sequential
from benchmark.speed.programs import Device, Server, Spent, server
from benchmark.speed.results import Reading
from inference.base import Message, Request
from inference.gguf import GgufModel
from inference.layout import MOST_WIDTH, Width

ALONE, BENCH, SEQUENTIAL = "decoding alone", "llama-batched-bench", "Llama, one after another"
ONE_REQUEST, PARALLEL = "llama-server, one request", "llama-server, parallel requests"
PEERS = (BENCH, ALONE, SEQUENTIAL, ONE_REQUEST, PARALLEL)
SPARE = 64
"""Tokens of a context beyond prompt and text."""
_TRIED_TEXTS = 8
WORDS = "the quick brown fox jumps over the lazy dog and then it writes a program for a stack machine "
SETTINGS = Request(messages=(), max_tokens=1, temperature=0.8, top_k=40, top_p=0.95, min_p=0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanShape:
    """How many plans share how long a problem."""

    plans: int
    shared: int
    own: int

    @property
    def name(self) -> str:
        """What tables call it."""
        return f"plans, {self.plans} x ({self.shared}+{self.own})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What to measure."""

    path: Path
    copying: Path | None
    """A model of the same size that copies its prompt, if there is one."""
    widths: tuple[int, ...]
    device: Device
    prompt_tokens: int
    new_tokens: int
    plans: tuple[PlanShape, ...]
    plan_tokens: int
    streams: bool | None
    peers: tuple[str, ...] = PEERS

    @property
    def most(self) -> int:
        """The widest."""
        return max(self.widths)


Skip = Callable[[str, str, int], bool]
"""Whether a workload, a peer and a k have been read in this round before."""


class Workload(Protocol):
    """Something that engine and peers do in turn."""

    @property
    def name(self) -> str:
        """What tables call it."""

    @property
    def missing(self) -> dict[str, str]:
        """Peers that could not be measured, and why."""

    def round(self, turn: int, skip: Skip) -> Iterator[Reading]:
        """Yield the readings of a round that were not made before."""

    def close(self) -> None:
        """Close engine and peers."""


def timed(act: Callable[[], object]) -> Spent:
    """Run something in this process and return what it took."""
    cpu, wall = time.process_time(), time.perf_counter()
    act()
    return Spent(cpu=time.process_time() - cpu, wall=time.perf_counter() - wall)


def open_engine(path: Path, device: Device, context: int, width: Width | int) -> GgufModel:
    """Return our engine."""
    return GgufModel(path, context_tokens=context, gpu_layers=device.gpu_layers, threads=device.threads, width=width)


def filler(count: Callable[[str], int], tokens: int, name: str) -> str:
    """Return a text that begins with a name and makes `count` say at least so many tokens, and hardly more."""
    text = name + WORDS * (1 + 4 * tokens // len(WORDS))
    low, high = len(name), len(text)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if count(text[:middle]) >= tokens else (middle + 1, high)
    return text[:low]


def user(engine: GgufModel, tokens: int, name: str) -> tuple[Message, ...]:
    """Return a conversation of so many tokens with template, whose text begins with a name."""

    def count(text: str) -> int:
        return engine.count_tokens((Message(role="user", content=text),))

    return (Message(role="user", content=filler(count, tokens, name)),)


def distinct_tokens(prompts: Sequence[Sequence[int]]) -> int:
    """Return the nodes of the trie of some token sequences: what must be computed when all is shared."""
    return len({tuple(prompt[:length]) for prompt in prompts for length in range(1, len(prompt) + 1)})


def tell(line: str) -> None:
    """Say on standard error what is going on."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


class Opened:
    """Our engine and the peers for one cache size, opened when they are first used."""

    def __init__(self, task: Task, *, context: int, texts: int) -> None:
        """Remember what is wanted."""
        self._task = task
        self._context = context
        self._texts = texts
        self._stack = ExitStack()
        self.missing: dict[str, str] = {}

    @cached_property
    def engine(self) -> GgufModel:
        """Our engine."""
        task, width = self._task, self._width
        return self._stack.enter_context(closing(open_engine(task.path, task.device, self._context, width)))

    @cached_property
    def bare(self) -> Bare:
        """Decoding without anything around it, in the same cache."""
        device = self._task.device
        bare = Bare(self._task.path, layout=self.engine.layout, threads=device.threads, gpu_layers=device.gpu_layers)
        return self._stack.enter_context(closing(bare))

    @cached_property
    def sequential(self) -> Sequential:
        """llama-cpp-python's own class."""
        return self._stack.enter_context(
            closing(Sequential(self._task.path, context=self._context, device=self.peer_device))
        )

    @cached_property
    def peer_device(self) -> Device:
        """What peers compute with: flash attention where our engine has it."""
        device = self._task.device
        return replace(device, flash=self.engine.layout.flash(on_gpu=device.on_gpu))

    @cached_property
    def unified(self) -> bool:
        """Whether our engine's sequences share one cache."""
        return self.engine.layout.unified

    @cached_property
    def server(self) -> Server:
        """A server in its best mode: a cache for each slot, and flash attention where that is faster here.

        In a shared cache idle slots slow down the others.
        """
        flash = True if self._task.device.on_gpu else self._tried(True) <= self._tried(False)
        tell(f"llama-server is measured {'with' if flash else 'without'} flash attention, its faster mode here")
        return self._stack.enter_context(self._served(flash))

    def _served(self, flash: bool) -> AbstractContextManager[Server]:
        task, device = self._task, replace(self._task.device, flash=flash)
        return server(task.path, slots=self._texts, context=self._context, unified=False, device=device)

    def _tried(self, flash: bool) -> float:
        """Return the seconds in which a server writes a few texts; it is warm when that is timed."""
        tokens = self._context // 2
        with self._served(flash) as tried:
            for turn in range(2):
                prompt = self.engine.prompt_tokens(user(self.engine, tokens, f"{turn:04} try "))
                spent = tried.parallel([prompt] * min(_TRIED_TEXTS, self._texts), tokens // 4).spent
        return spent.seconds(self._task.device)

    def close(self) -> None:
        """Close what was opened."""
        self._stack.close()

    @property
    def _width(self) -> Width:
        """As users have it the engine chooses how many texts it decodes together, up to its own most."""
        return Width(most=0 if self._texts <= MOST_WIDTH else self._texts, streams=self._task.streams)
