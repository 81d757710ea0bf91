"""Draw well-posed problems of the family and part them into training, tuning and held-out ones.

A problem is a chain with a wording, two examples and nine hidden inputs. Vague steps are settled by the examples:
those are drawn until every other reading fails one of them. Degenerate problems are refused: a step that changes
nothing in either example, empty or equal example outputs, constant hidden outputs, values outside the limits.

Training, tuning and held-out problems are disjoint by construction: training has no unseen pair, the other two have
at least one, and a hash of the chain parts them. Limits: vague specs settled by examples reward a method that runs
the examples, so explicit and vague problems must be reported apart.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmark.embedded.chains import (
    Chain,
    TooLargeError,
    chain_share,
    evaluate,
    is_held_out,
    may_train,
    random_chain,
    trace,
)
from benchmark.embedded.programs import Mode, Shape, write_program
from benchmark.embedded.values import as_text, empty_value, random_value
from benchmark.embedded.wording import describe, new_shape

Value = Any
TRAINING_DEPTHS = {1: 0.12, 2: 0.33, 3: 0.33, 4: 0.22}
TRAINING_VAGUE = 0.45
HELD_OUT_DEPTHS = {2: 0.25, 3: 0.25, 4: 0.25, 5: 0.25}
HELD_OUT_VAGUE = 0.6
"""Chosen on the tuning part after the first training: explicit chains of two to four steps were solved at 95 %, five
steps, which training never shows, at 17 %, vague ones at 30 to 40 % (n = 24 each); this mix puts greedy near a half."""
STDIO_SHARE = 0.22
HIDDEN = 8
EXAMPLE_TRIES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A problem as the generator sees it, with its chain."""

    chain: Chain
    shape: Shape
    description: str
    """The statement without examples."""
    examples: tuple[tuple[Value, Value], ...]
    hidden: tuple[tuple[Value, Value], ...]

    @property
    def spec(self) -> str:
        """The statement as a user types it, examples at the end."""
        return f"{self.description}\n{format_examples(self.shape, self.examples)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedTask:
    """A problem as the benchmark sees it; the solver may only ever get `spec`."""

    task_id: str
    spec: str
    """Statement with its examples, as typed by a user."""
    mode: Mode
    entry_point: str
    """Function name; empty in stdio mode."""
    examples: tuple[tuple[str, str], ...]
    """Pairs of input and expected output: Python literals in function mode, raw text in stdio mode."""
    hidden: tuple[tuple[str, str], ...]
    """Hidden pairs in the same form; for the grader alone."""
    vague: bool
    """Whether the statement has a phrase that only the examples settle."""
    depth: int
    """Number of steps."""
    reference: str
    """A program that passes everything."""


def call_text(shape: Shape, value: Value) -> str:
    """Return the call that gives `value` to the function."""
    return f"{shape.entry_point}({value!r})"


def format_examples(shape: Shape, examples: tuple[tuple[Value, Value], ...]) -> str:
    """Return the examples as a user writes them."""
    if shape.mode == "function":
        return "\n".join(f">>> {call_text(shape, value)}\n{result!r}" for value, result in examples)
    return "\n".join(f"Input:\n{as_text(value)}\nOutput:\n{as_text(result)}" for value, result in examples)


def written_input(shape: Shape, value: Value) -> str:
    """Return an input as the benchmark passes it: the argument's literal, or a line of standard input."""
    return repr(value) if shape.mode == "function" else f"{as_text(value)}\n"


def written_value(shape: Shape, value: Value) -> str:
    """Return a value as the mode writes it: a Python literal or a line of text."""
    return repr(value) if shape.mode == "function" else as_text(value)


def _is_shown_well(mode: Mode, result: Value) -> bool:
    """Refuse results that are empty or whose text would lose its edges."""
    if result in ([], "", {}):
        return False
    return mode == "function" or as_text(result).strip() == as_text(result) != ""


def other_readings(chain: Chain) -> list[Chain]:
    """Return every chain that the vague wordings allow, without the true one."""
    options = [(step, *step.readings()) if step.vague else (step,) for step in chain]
    return [tuple(reading) for reading in itertools.product(*options)][1:]


def settles(chain: Chain, examples: tuple[tuple[Value, Value], ...], readings: list[Chain]) -> bool:
    """Tell whether every other reading fails an example and no step is idle in all of them."""
    for reading in readings:
        if all(evaluate(reading, value) == result for value, result in examples):
            return False
    stages = [[value, *trace(chain, value)] for value, _ in examples]
    return all(any(stage[i] != stage[i + 1] for stage in stages) for i in range(len(chain)))


def _draw_examples(
    chain: Chain, mode: Mode, rng: random.Random
) -> tuple[tuple[Value, Value], tuple[Value, Value]] | None:
    kind = chain[0].primitive.takes
    readings = other_readings(chain)
    for _ in range(EXAMPLE_TRIES):
        first, second = (random_value(kind, rng) for _ in range(2))
        examples = ((first, evaluate(chain, first)), (second, evaluate(chain, second)))
        (_, one), (_, two) = examples
        shown = one != two and _is_shown_well(mode, one) and _is_shown_well(mode, two)
        if shown and settles(chain, examples, readings):
            return examples
    return None


def _has_mode(chain: Chain, mode: Mode) -> bool:
    return mode == "function" or (chain[0].primitive.takes != "D" and chain[-1].primitive.gives in "ISsi")


def draw(chain: Chain, mode: Mode, rng: random.Random) -> Drawn | None:
    """Return a well-posed problem for `chain`, or None where the rules refuse it."""
    if not _has_mode(chain, mode):
        return None
    kind = chain[0].primitive.takes
    try:
        examples = _draw_examples(chain, mode, rng)
        if examples is None:
            return None
        inputs = [*(random_value(kind, rng) for _ in range(HIDDEN)), empty_value(kind)]
        hidden = tuple((value, evaluate(chain, value)) for value in inputs)
    except TooLargeError:
        return None
    if len({repr(result) for _, result in hidden[:-1]}) == 1:
        return None
    shape = new_shape(chain, mode, rng)
    return Drawn(chain=chain, shape=shape, description=describe(chain, shape, rng), examples=examples, hidden=hidden)


def _draw_where(rng: random.Random, depths: dict[int, float], vague: bool, accept: Callable[[Chain], bool]) -> Drawn:
    """Draw until a problem has the wanted vagueness and its chain is accepted."""
    depth = rng.choices(list(depths), weights=list(depths.values()))[0]
    mode: Mode = "stdio" if rng.random() < STDIO_SHARE else "function"
    while True:
        chain = random_chain(depth, rng, 0.4 if vague else 0.0)
        if chain is None or any(step.vague for step in chain) != vague or not accept(chain):
            continue
        drawn = draw(chain, mode, rng)
        if drawn is not None:
            return drawn


def draw_training(rng: random.Random) -> Drawn:
    """Return one training problem."""
    return _draw_where(rng, TRAINING_DEPTHS, rng.random() < TRAINING_VAGUE, may_train)


def as_task(drawn: Drawn, task_id: str) -> EmbeddedTask:
    """Return the benchmark's view of a drawn problem."""
    shape = drawn.shape
    return EmbeddedTask(
        task_id=task_id,
        spec=drawn.spec,
        mode=shape.mode,
        entry_point=shape.entry_point,
        examples=tuple((written_input(shape, a), written_value(shape, b)) for a, b in drawn.examples),
        hidden=tuple((written_input(shape, a), written_value(shape, b)) for a, b in drawn.hidden),
        vague=any(step.vague for step in drawn.chain),
        depth=len(drawn.chain),
        reference=write_program(drawn.chain, "comprehension", shape),
    )


def draw_part(part: str, n: int, seed: int) -> tuple[Drawn, ...]:
    """Return `n` problems of `training`, `tuning` or `held_out` as the generator sees them; equal for equal seeds."""
    rng = random.Random(f"{part} {seed}")
    if part == "training":
        return tuple(draw_training(rng) for _ in range(n))
    upper = part == "held_out"

    def accept(chain: Chain) -> bool:
        return (chain_share(chain) >= 0.5) == upper and is_held_out(chain)

    return tuple(_draw_where(rng, HELD_OUT_DEPTHS, rng.random() < HELD_OUT_VAGUE, accept) for _ in range(n))


def _tasks(part: str, n: int, seed: int) -> tuple[EmbeddedTask, ...]:
    return tuple(as_task(drawn, f"{part}-{seed}-{i:04d}") for i, drawn in enumerate(draw_part(part, n, seed)))


def held_out(n: int, seed: int) -> tuple[EmbeddedTask, ...]:
    """Return `n` reported problems: each has a primitive pair that training never saw. Deterministic."""
    return _tasks("held_out", n, seed)


def tuning(n: int, seed: int) -> tuple[EmbeddedTask, ...]:
    """Return `n` problems to choose settings on; unseen pairs too, but never a chain of `held_out`. Deterministic."""
    return _tasks("tuning", n, seed)


def training(n: int, seed: int) -> tuple[EmbeddedTask, ...]:
    """Return `n` problems from the training distribution. Deterministic."""
    return _tasks("training", n, seed)
