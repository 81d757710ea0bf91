"""What a step costs beside decoding, in thread CPU time: sampling, signals, all other Python; and a grammar's checks.

The scheduler runs here without its thread, over a context whose calls are timed. Reading the clock around each draw and
each signal costs more than all other Python does, so that the latter is read from steps of their own: they draw a
fixed token, note nothing, and time nothing but decoding.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import numpy as np

from benchmark.speed.opened import open_engine
from benchmark.speed.programs import Device
from inference.backend import Batch, Grammar, Sampler, Sampling
from inference.base import Thinking
from inference.confidence import Signals
from inference.decoding import Terms, Writer
from inference.forcing import ThinkingBudget
from inference.job import Job
from inference.layout import ONE_SEARCH
from inference.llama import Layout, LlamaContext
from inference.prefix_tree import as_tokens
from inference.scheduler import Scheduler
from inference.width import WidthPolicy

_SPARE = 32
_GRAMMAR = "root ::= [^\\x00]*"
_US = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One cost, over its repetitions; microseconds."""

    name: str
    values: tuple[float, ...]
    goal: float | None = None

    def __str__(self) -> str:
        """Return a row of a Markdown table."""
        low, *_, high = quantiles(self.values, n=20) if len(self.values) > 1 else self.values * 2
        goal = "" if self.goal is None else f"{self.goal:.0f} {'yes' if median(self.values) <= self.goal else '**no**'}"
        return f"| {self.name} | {median(self.values):.1f} | {low:.1f}-{high:.1f} | {len(self.values)} | {goal} |"


@dataclass(slots=True)
class _Clock:
    """Thread CPU seconds of the parts of one step."""

    spent: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, began: float) -> None:
        self.spent[name] = self.spent.get(name, 0.0) + time.thread_time() - began


class _TimedContext(LlamaContext):
    """A context whose decoding is timed."""

    def __init__(self, path: Path, layout: Layout, clock: _Clock) -> None:
        super().__init__(path, layout=layout, gpu_layers=0, threads=1)
        self.clock = clock

    def decode(self, batch: Batch, *, hidden: bool = False) -> None:
        began = time.thread_time()
        super().decode(batch, hidden=hidden)
        self.clock.add("decode", began)


class _TimedSampler:
    """A sampler whose draws are timed, whatever they are drawn from."""

    def __init__(self, sampler: Sampler, clock: _Clock) -> None:
        self._sampler = sampler
        self._clock = clock

    def draw(self, *place: Any) -> int:
        began = time.thread_time()
        token = self._sampler.draw(*place)
        self._clock.add("sampling", began)
        return token

    def close(self) -> None:
        self._sampler.close()


class _TimedSignals(Signals):
    """Signals that are timed."""

    def __init__(self, clock: _Clock) -> None:
        super().__init__()
        self._clock = clock

    def add(self, *place: Any) -> None:
        began = time.thread_time()
        super().add(*place)
        self._clock.add("signals", began)


class _FixedToken:
    """A sampler that costs nothing."""

    def draw(self, *_place: Any) -> int:
        return 97

    def close(self) -> None:
        """Hold nothing."""


def step_parts(path: Path, k: int, *, prompt: int, steps: int) -> list[Part]:
    """Decode k texts over one prompt, in the cache that the engine chooses, and return what the parts of a step cost.

    The first steps are left out.
    """
    width = 0 if k <= ONE_SEARCH else k
    with closing(open_engine(path, Device(threads=1), prompt + steps + _SPARE, width)) as engine:
        layout = engine.arrangement.layout
    context = _TimedContext(path, layout, _Clock())
    try:
        drawn = _steps(context, [_job(prompt, steps, _timed_writer(context, seed, steps)) for seed in range(k)])
        fixed = _steps(context, [_job(prompt, steps, _fixed_writer(context, steps)) for _ in range(k)])
    finally:
        context.close()
    return [
        Part(name=f"decoding, a step of {k}", values=drawn["decode"]),
        Part(name=f"sampling, a token at k={k}", values=tuple(one / k for one in drawn["sampling"]), goal=100),
        Part(name=f"self-certainty, a token at k={k}", values=tuple(one / k for one in drawn["signals"])),
        Part(name=f"all other Python, a step of {k}", values=fixed["other"], goal=100 if k == 16 else None),
    ]


def _steps(context: _TimedContext, jobs: Sequence[Job]) -> dict[str, tuple[float, ...]]:
    """Run jobs to their ends; return the microseconds of each part of the steps that decode all of them."""
    clock, scheduler = context.clock, Scheduler(context, width=WidthPolicy(max(len(jobs), 2)))
    for job in jobs:
        scheduler.submit(job)
    costs: dict[str, list[float]] = {"decode": [], "sampling": [], "signals": [], "other": []}
    while scheduler.busy:
        clock.spent.clear()
        began = time.thread_time()
        scheduler.step()
        whole = time.thread_time() - began
        if len(scheduler.live) < len(jobs) or any(job.reading for job in scheduler.live):
            continue
        for name in ("decode", "sampling", "signals"):
            costs[name].append(_US * clock.spent.get(name, 0.0))
        costs["other"].append(_US * (whole - sum(clock.spent.values())))
    while scheduler.cache.evict():
        pass
    return {name: tuple(values[2:]) for name, values in costs.items()}


def _job(prompt: int, steps: int, writer: Writer) -> Job:
    tokens = as_tokens([97 + at % 26 for at in range(prompt)])
    return Job(prompt=tokens, controller=writer, most_tokens=prompt + steps)


def _timed_writer(context: _TimedContext, seed: int, steps: int) -> Writer:
    sampler = context.sampler(Sampling(temperature=0.8, top_k=40, top_p=0.95, min_p=0.05, seed=seed))
    return _writer(context, _TimedSampler(sampler, context.clock), _TimedSignals(context.clock), steps)


def _fixed_writer(context: _TimedContext, steps: int) -> Writer:
    return _writer(context, _FixedToken(), None, steps)


def _writer(context: _TimedContext, sampler: Sampler, signals: Signals | None, steps: int) -> Writer:
    budget = ThinkingBudget(None, Thinking(), opened=False)
    return Writer(context, sampler, budget, Terms(max_tokens=steps), signals)


def grammar_parts(path: Path, repeats: int) -> list[Part]:
    """Return what a grammar's checks cost with the model's vocabulary."""
    layout = Layout(sequences=1, cells=256, rows=64, outputs=1, unified=True)
    with closing(LlamaContext(path, layout=layout, gpu_layers=0, threads=1)) as context:
        row = np.random.default_rng(0).standard_normal(context.shape.vocabulary, np.float32)
        with closing(context.grammar(_GRAMMAR)) as grammar:
            checks = [_timed(partial(_check, grammar, 97 + at % 26)) for at in range(repeats)]
            masks = [_timed(partial(grammar.masked, row)) for _ in range(5)]
    return [
        Part(name="grammar, a token that it allows", values=tuple(checks), goal=50),
        Part(name="grammar, a row after a refusal", values=tuple(masks)),
    ]


def _check(grammar: Grammar, token: int) -> None:
    if grammar.allows(token):
        grammar.accept(token)


def _timed(act: Callable[[], object]) -> float:
    began = time.thread_time()
    act()
    return _US * (time.thread_time() - began)


def part_table(parts: list[Part]) -> str:
    """Return parts as a Markdown table."""
    lines = ["| part, thread CPU time | us, median | 5-95 % | n | at most |", "|---|--:|--:|--:|--:|"]
    return "\n".join([*lines, *map(str, parts)]) + "\n"
