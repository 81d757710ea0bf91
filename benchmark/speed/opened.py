"""What every workload of the speed benchmark works with: the task, our engine and its peers, a clock, prompts.

A workload yields readings, one engine after another, a round at a time. What it needs is opened when it is first used
and stays open; each prompt begins with its round, so that nobody profits from what an earlier one left in a cache.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

from benchmark.speed.peers import Bare, Sequential
from benchmark.speed.programs import Device, ServedTexts, Server, Spent, server
from benchmark.speed.results import Reading
from inference.base import Message, Request
from inference.gguf import GgufModel
from inference.layout import ONE_SEARCH, Width

ALONE, BENCH, SEQUENTIAL = "decoding alone", "llama-batched-bench", "Llama, one after another"
ONE_REQUEST, PARALLEL = "llama-server, one request", "llama-server, parallel requests"
PEERS = (BENCH, ALONE, SEQUENTIAL, ONE_REQUEST, PARALLEL)
SPARE = 64
"""Tokens of a context beyond prompt and text."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerMode:
    """How a server keeps and reads its cache."""

    unified: bool
    flash: bool

    @property
    def words(self) -> str:
        """The mode in words."""
        cache = "one cache for all slots" if self.unified else "a cache for each slot"
        return f"with {cache} and {'with' if self.flash else 'without'} flash attention"


def _modes(peer: str, device: Device) -> tuple[ServerMode, ...]:
    """Return the modes of a server among which the fastest may be.

    Flash attention is always on where there is a GPU. Requests of their own are several times slower in one cache for
    all slots, as each reads the cells of all: that is not tried.
    """
    apart = (ServerMode(unified=False, flash=True), ServerMode(unified=False, flash=False))
    together = (ServerMode(unified=True, flash=device.on_gpu),) if peer == ONE_REQUEST else ()
    return (*apart[: 1 if device.on_gpu else 2], *together)


class Opened:
    """Our engine and the peers for one cache size, opened when they are first used."""

    def __init__(self, task: Task, *, context: int, texts: int) -> None:
        """Remember what is wanted."""
        self._task = task
        self._context = context
        self._texts = texts
        self._stack = ExitStack()
        self._servers: dict[ServerMode, Server] = {}
        self._fastest: dict[tuple[str, int], ServerMode] = {}
        self.missing: dict[str, str] = {}

    @cached_property
    def engine(self) -> GgufModel:
        """Our engine."""
        task, width = self._task, self._width
        return self._stack.enter_context(closing(open_engine(task.path, task.device, self._context, width)))

    @cached_property
    def bare(self) -> Bare:
        """Decoding without anything around it, in the same cache."""
        device, how = self._task.device, self.engine.arrangement
        bare = Bare(
            self._task.path,
            layout=how.layout,
            repack=how.repack,
            threads=device.threads,
            gpu_layers=device.gpu_layers,
        )
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
        return replace(device, flash=self.engine.arrangement.layout.flash(on_gpu=device.on_gpu))

    @cached_property
    def unified(self) -> bool:
        """Whether our engine's sequences share one cache."""
        return self.engine.arrangement.layout.unified

    def served(self, peer: str, k: int, act: Callable[[Server], ServedTexts]) -> ServedTexts:
        """Let a server do something in that of its modes which is fastest at it here: all are tried the first time.

        Raises:
            MissingPeerError: no server can be started, or one fails.
        """
        device = self._task.device
        known = self._fastest.get((peer, k))
        done = {mode: act(self._server(mode)) for mode in ([known] if known else _modes(peer, device))}
        fastest = min(done, key=lambda mode: done[mode].spent.seconds(device))
        if not known:
            tell(f"{peer}, k={k}, is measured {fastest.words}, its fastest mode here")
        self._fastest[peer, k] = fastest
        return done[fastest]

    def _server(self, mode: ServerMode) -> Server:
        if mode not in self._servers:
            task, device = self._task, replace(self._task.device, flash=mode.flash)
            opened = server(task.path, slots=self._texts, context=self._context, unified=mode.unified, device=device)
            self._servers[mode] = self._stack.enter_context(opened)
        return self._servers[mode]

    def close(self) -> None:
        """Close what was opened."""
        self._stack.close()

    @property
    def _width(self) -> Width:
        """As users have it the engine chooses how many texts it decodes together, up to its own most."""
        return Width(most=0 if self._texts <= ONE_SEARCH else self._texts, streams=self._task.streams)
