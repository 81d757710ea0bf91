"""Chains of primitives, the split by unseen pairs, and mutations.

A chain is one to four typed steps. Ten per cent of the adjacent primitive *pairs*, chosen by a hash of their names,
never occur in training; a held-out chain has at least one of them. A held-out pair that behaves like a chain that
training may contain (one step, or a trained pair) is dropped from both sides, so that held-out means unseen behaviour.
"""

from __future__ import annotations

import hashlib
import itertools
import random
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from benchmark.embedded.primitives import TAKING, Primitive, function_of, twins
from benchmark.embedded.values import empty_value, is_small, random_value

Value = Any
HELD_OUT_SHARE = 0.10
STARTS = {"I": 0.42, "S": 0.26, "s": 0.20, "D": 0.06, "i": 0.06}
PROBES = 24


class TooLargeError(ValueError):
    """A value left the family's limits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One primitive with its parameter."""

    primitive: Primitive
    parameter: int = 0
    vague: bool = False
    """Whether the statement words it vaguely, so that only the examples tell its reading."""

    @property
    def canonical(self) -> str:
        """The unambiguous wording."""
        return self.primitive.wordings[0].format(k=self.parameter)

    def apply(self, value: Value) -> Value:
        """Return the value after this step."""
        return function_of(self.primitive.name, self.parameter)(value)

    def readings(self) -> tuple[Step, ...]:
        """Return the other readings of this step's vague wording."""
        return tuple(replace(self, primitive=p) for p in twins(self.primitive.name, self.parameter))


Chain = tuple[Step, ...]


def trace(chain: Chain, value: Value) -> list[Value]:
    """Return the value after each step.

    Raises:
        TooLargeError: a value left the limits.
    """
    stages = []
    for step in chain:
        value = step.apply(value)
        if not is_small(value):
            raise TooLargeError(step.canonical)
        stages.append(value)
    return stages


def evaluate(chain: Chain, value: Value) -> Value:
    """Return the chain's result; raises `TooLargeError` like `trace`."""
    return trace(chain, value)[-1]


def _hash(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48


@cache
def is_unseen_pair(first: str, second: str) -> bool:
    """Tell whether a pair of primitive names is kept out of training."""
    return _hash(f"{first} -> {second}") < HELD_OUT_SHARE


def pairs(chain: Chain) -> list[tuple[str, str]]:
    """Return the adjacent primitive names of a chain."""
    return [(a.primitive.name, b.primitive.name) for a, b in itertools.pairwise(chain)]


def may_train(chain: Chain) -> bool:
    """Tell whether a chain has no unseen pair."""
    return not any(is_unseen_pair(*pair) for pair in pairs(chain))


def chain_share(chain: Chain) -> float:
    """Return a number in [0, 1) that depends on the primitives only; it parts tuning from reported problems."""
    return _hash(" / ".join(step.primitive.name for step in chain))


@cache
def _probes(kind: str) -> tuple[Value, ...]:
    rng = random.Random(f"probes {kind}")
    return (*(random_value(kind, rng) for _ in range(PROBES)), empty_value(kind))


def behaviour(chain: Chain) -> int:
    """Return a fingerprint of what a chain computes on fixed probe inputs."""
    results = []
    for probe in _probes(chain[0].primitive.takes):
        value = probe
        for step in chain:
            value = step.apply(value)
        results.append(repr(value))
    return hash((chain[0].primitive.takes, tuple(results)))


def _with_parameters(primitive: Primitive) -> list[Step]:
    return [Step(primitive=primitive, parameter=k) for k in primitive.parameters or (0,)]


@cache
def trained_behaviours(kind: str) -> frozenset[int]:
    """Return the behaviours of all trainable chains of one or two steps that take type `kind`."""
    seen = set()
    for first in (step for p in TAKING[kind] for step in _with_parameters(p)):
        seen.add(behaviour((first,)))
        for second in TAKING[first.primitive.gives]:
            if not is_unseen_pair(first.primitive.name, second.name):
                seen.update(behaviour((first, step)) for step in _with_parameters(second))
    return frozenset(seen)


def is_held_out(chain: Chain) -> bool:
    """Tell whether a chain has an unseen pair whose behaviour no short trained chain shares."""
    return any(
        is_unseen_pair(a.primitive.name, b.primitive.name)
        and behaviour((a, b)) not in trained_behaviours(a.primitive.takes)
        for a, b in itertools.pairwise(chain)
    )


def _draw(options: tuple[Primitive, ...], rng: random.Random) -> Primitive:
    return rng.choices(options, weights=[p.weight for p in options])[0]


def random_chain(depth: int, rng: random.Random, vague_share: float) -> Chain | None:
    """Return a random chain of `depth` steps, or None where the types come to an end before that."""
    kind = rng.choices(list(STARTS), weights=list(STARTS.values()))[0]
    steps: list[Step] = []
    for place in range(depth):
        options = TAKING[kind]
        if place + 1 < depth:
            options = tuple(p for p in options if TAKING[p.gives] and (p.gives != "i" or rng.random() < 0.3))
        if not options:
            return None
        primitive = _draw(options, rng)
        parameter = rng.choice(primitive.parameters) if primitive.parameters else 0
        steps.append(Step(primitive=primitive, parameter=parameter))
        kind = primitive.gives
    return tuple(replace(step, vague=bool(step.readings()) and rng.random() < vague_share) for step in steps)


def _other_primitives(step: Step) -> list[Step]:
    own = step.primitive
    options = [p for p in TAKING[own.takes] if p.gives == own.gives and p.name != own.name]
    return [
        replace(step, primitive=p, parameter=step.parameter if step.parameter in p.parameters else p.parameters[0])
        if p.parameters
        else replace(step, primitive=p, parameter=0)
        for p in options
    ]


def mutate(chain: Chain, kind: str, rng: random.Random) -> Chain | None:
    """Return the chain with one fault of `kind` (twin, other, parameter, missing, swapped), or None where none fits.

    A chain with an unseen pair is never returned.
    """
    place = rng.randrange(len(chain))
    step = chain[place]
    before, after = chain[:place], chain[place + 1 :]
    made: Chain | None = None
    if kind == "missing":
        made = before + after if step.primitive.takes == step.primitive.gives and len(chain) > 1 else None
    elif kind == "swapped":
        made = _swapped(chain, place)
    else:
        options = _replacements(step, kind)
        made = (*before, rng.choice(options), *after) if options else None
    return made if made and may_train(made) else None


def _replacements(step: Step, kind: str) -> list[Step]:
    if kind == "twin":
        return list(step.readings())
    if kind == "parameter":
        return [replace(step, parameter=k) for k in step.primitive.parameters if abs(k - step.parameter) == 1]
    return _other_primitives(step)


def _swapped(chain: Chain, place: int) -> Chain | None:
    if place + 1 == len(chain):
        return None
    first, second = chain[place], chain[place + 1]
    if not first.primitive.takes == first.primitive.gives == second.primitive.takes == second.primitive.gives:
        return None
    return (*chain[:place], second, first, *chain[place + 2 :])
