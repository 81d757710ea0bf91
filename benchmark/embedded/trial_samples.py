"""Training samples about running programs: tests, single steps, inputs that tell programs apart, judging outputs."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from benchmark.embedded.chains import Chain, Step, TooLargeError, evaluate, trace
from benchmark.embedded.primitives import PRIMITIVES
from benchmark.embedded.problems import Drawn, call_text, written_value
from benchmark.embedded.programs import write_program
from benchmark.embedded.samples import Sample, faulty, pick_style
from benchmark.embedded.values import as_text, is_small, random_value, spaced
from inference.base import Message
from nodes.prompting import render

Value = Any
TRIES = 40


@cache
def _step_template() -> tuple[str, Template]:
    text = (Path(__file__).parent / "step.j2").read_text(encoding="utf-8")
    system, user = text.split("\n---\n", maxsplit=1)
    return system.strip(), Environment(undefined=StrictUndefined).from_string(user.strip())


def step_messages(step: Step, value: Value) -> tuple[Message, ...]:
    """Return the training-only conversation that asks for one step on one value."""
    system, user = _step_template()
    text = user.render(step=step.canonical, value=spaced(value))
    return (Message(role="system", content=system), Message(role="user", content=text))


def _shown(value: Value) -> bool:
    """Tell whether a value suits a written test: small, not empty, and on one line without edge spaces."""
    return value not in ([], "", {}) and as_text(value) == as_text(value).strip() != ""


def trial_values(chain: Chain, rng: random.Random, count: int) -> list[tuple[Value, list[Value]]]:
    """Return `count` short inputs with the value after each step."""
    found: list[tuple[Value, list[Value]]] = []
    for _ in range(TRIES):
        value = random_value(chain[0].primitive.takes, rng, short=True)
        try:
            stages = trace(chain, value)
        except TooLargeError:
            continue
        if _shown(stages[-1]) and value not in [seen for seen, _ in found]:
            found.append((value, stages))
        if len(found) == count:
            break
    return found


def trace_text(chain: Chain, value: Value, stages: list[Value]) -> str:
    """Return a run as text: the input, then every step with the value after it."""
    lines = [f"{step.canonical}: {spaced(stage)}" for step, stage in zip(chain, stages, strict=True)]
    return "\n".join([f"in: {spaced(value)}", *lines])


def test_text(drawn: Drawn, value: Value, result: Value) -> str:
    """Return one self-written test in the form of the problem's mode."""
    if drawn.shape.mode == "function":
        return f"assert {call_text(drawn.shape, value)} == {result!r}"
    return f"Input:\n{as_text(value)}\nOutput:\n{as_text(result)}"


def tests_sample(drawn: Drawn, rng: random.Random) -> Sample | None:
    """Map a statement to two traced tests."""
    runs = trial_values(drawn.chain, rng, 2)
    if len(runs) < 2:
        return None
    return Sample(
        task="tests",
        messages=render("compact", "tests", statement=drawn.spec),
        thoughts="\n".join(trace_text(drawn.chain, value, stages) for value, stages in runs),
        answer="\n".join(test_text(drawn, value, stages[-1]) for value, stages in runs),
    )


def step_sample(drawn: Drawn, rng: random.Random) -> Sample | None:
    """Map one step on one value to its result: a step of the problem, or any primitive."""
    if rng.random() < 0.5:
        value = random_value(drawn.chain[0].primitive.takes, rng, short=True)
        place = rng.randrange(len(drawn.chain))
        step = drawn.chain[place]
        for earlier in drawn.chain[:place]:
            value = earlier.apply(value)
    else:
        primitive = rng.choice(PRIMITIVES)
        step = Step(primitive=primitive, parameter=rng.choice(primitive.parameters or (0,)))
        value = random_value(primitive.takes, rng, short=rng.random() < 0.7)
    if not is_small(value) or not is_small(step.apply(value)):
        return None
    return Sample(task="step", messages=step_messages(step, value), answer=spaced(step.apply(value)))


def telling_runs(chain: Chain, other: Chain, rng: random.Random, count: int) -> list[tuple[Value, Value, Value]]:
    """Return up to `count` short inputs with the different results of two chains."""
    found: list[tuple[Value, Value, Value]] = []
    for _ in range(TRIES):
        value = random_value(chain[0].primitive.takes, rng, short=True)
        try:
            first, second = evaluate(chain, value), evaluate(other, value)
        except TooLargeError:
            continue
        if first != second and _shown(value):
            found.append((value, first, second))
        if len(found) == count:
            break
    return found


def separate_sample(drawn: Drawn, rng: random.Random) -> Sample | None:
    """Map two programs to two inputs on which they differ."""
    other = faulty(drawn.chain, rng)
    if other is None or other[0].primitive.takes != drawn.chain[0].primitive.takes:
        return None
    runs = telling_runs(drawn.chain, other, rng, 2)
    if len(runs) < 2:
        return None
    programs = [write_program(chain, pick_style(rng), drawn.shape) for chain in (drawn.chain, other)]
    rng.shuffle(programs)
    is_function = drawn.shape.mode == "function"
    inputs = [call_text(drawn.shape, v) if is_function else f"Input:\n{as_text(v)}" for v, _, _ in runs]
    return Sample(
        task="separate",
        messages=render("compact", "separate", statement=drawn.spec, first=programs[0], second=programs[1]),
        answer="\n".join(inputs),
    )


def judge_sample(drawn: Drawn, rng: random.Random) -> Sample | None:
    """Map a case and two outputs to the right one's number, after a trace."""
    other = faulty(drawn.chain, rng)
    if other is None or other[0].primitive.takes != drawn.chain[0].primitive.takes:
        return None
    runs = telling_runs(drawn.chain, other, rng, 1)
    if not runs:
        return None
    value, right, wrong = runs[0]
    outputs = [written_value(drawn.shape, right), written_value(drawn.shape, wrong)]
    answer = rng.choice((1, 2))
    first, second = outputs if answer == 1 else outputs[::-1]
    case = call_text(drawn.shape, value) if drawn.shape.mode == "function" else as_text(value)
    return Sample(
        task="judge",
        messages=render("compact", "judge", statement=drawn.spec, case=case, first=first, second=second),
        thoughts=trace_text(drawn.chain, value, trace(drawn.chain, value)),
        answer=f"Answer: {answer}",
    )
