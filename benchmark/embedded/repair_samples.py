"""Training samples about failing programs: repair, analysis from four angles, and repair from notes.

A failing program is a mutated chain, or a program with a wrong name in it; its failure is what the sandbox would say.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import Any

from benchmark.embedded.chains import Chain, Step, TooLargeError, evaluate, mutate
from benchmark.embedded.primitives import TAKING
from benchmark.embedded.problems import Drawn, call_text
from benchmark.embedded.programs import write_program
from benchmark.embedded.samples import FAULT_TRIES, FAULTS, Sample, faulty, fence, pick_style
from benchmark.embedded.trial_samples import telling_runs
from benchmark.embedded.values import as_text
from nodes.prompting import render

Value = Any
ANGLES = ("logic", "completeness", "assumptions", "alternatives")
ANGLE_OF = {
    "other": "logic",
    "parameter": "logic",
    "swapped": "logic",
    "missing": "completeness",
    "twin": "assumptions",
}
STRAY_NAMES = ("x", "d", "data", "result", "items")


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A failing program and what is known about it."""

    kind: str
    """Kind of the fault: one of `FAULTS`, or `name`."""
    code: str
    failure: str
    wrong: str
    right: str


def value_failure(drawn: Drawn, value: Value, got: Value, expected: Value) -> str:
    """Return the failure text of a wrong value."""
    if drawn.shape.mode == "function":
        return f"{call_text(drawn.shape, value)} returned {got!r}, expected {expected!r}"
    return f"Input:\n{as_text(value)}\nOutput:\n{as_text(got)}\nExpected:\n{as_text(expected)}"


def error_failure(drawn: Drawn, value: Value, error: str) -> str:
    """Return the failure text of an exception."""
    if drawn.shape.mode == "function":
        return f"{call_text(drawn.shape, value)} raised {error}"
    return f"Input:\n{as_text(value)}\nError: {error}"


def explain(wrong: Chain, right: Chain) -> tuple[str, str]:
    """Return what is wrong and what would be right, in canonical steps."""
    if len(wrong) < len(right):
        missing = [step.canonical for step in right if step not in wrong]
        return "a step is missing", "; ".join(missing) or right[-1].canonical
    different = [(a.canonical, b.canonical) for a, b in zip(wrong, right, strict=True) if a != b]
    return "; ".join(a for a, _ in different), "; ".join(b for _, b in different)


def _wrong_run(drawn: Drawn, wrong: Chain, rng: random.Random) -> tuple[Value, Value, Value] | None:
    """Return (input, got, expected) of an example that fails, or of a fresh input."""
    if rng.random() < 0.8:
        for value, expected in drawn.examples:
            got = evaluate(wrong, value)
            if got != expected:
                return value, got, expected
    runs = telling_runs(drawn.chain, wrong, rng, 1)
    return (runs[0][0], runs[0][2], runs[0][1]) if runs else None


def _mutated(drawn: Drawn, rng: random.Random) -> Broken | None:
    kind = rng.choices(list(FAULTS), weights=list(FAULTS.values()))[0]
    wrong = mutate(drawn.chain, kind, rng)
    if wrong is None:
        return None
    if rng.random() < 0.15:
        wrong = faulty(wrong, rng) or wrong
    if wrong[0].primitive.takes != drawn.chain[0].primitive.takes:
        return None
    try:
        run = _wrong_run(drawn, wrong, rng)
    except TooLargeError:
        return None
    if run is None or len(wrong) > len(drawn.chain):
        return None
    said = explain(wrong, drawn.chain)
    code = write_program(wrong, pick_style(rng), drawn.shape)
    return Broken(kind=kind, code=code, failure=value_failure(drawn, *run), wrong=said[0], right=said[1])


def _misnamed(drawn: Drawn, rng: random.Random) -> Broken | None:
    """Put a wrong name for one use of a variable."""
    code = write_program(drawn.chain, pick_style(rng), drawn.shape)
    head, mark, body = code.partition("\n")
    names = "|".join(["a", "b", "c", re.escape(drawn.shape.argument)])
    uses = [m for m in re.finditer(rf"(?<![\"\w])({names})(?![\"\w])(?! =)", body) if m.start()]
    if not uses:
        return None
    use, stray = rng.choice(uses), rng.choice(STRAY_NAMES)
    broken = f"{head}{mark}{body[: use.start()]}{stray}{body[use.end() :]}"
    if re.search(rf"(?:for {stray} in|^\s*{stray} =)", broken, re.MULTILINE) or stray == use.group():
        return None
    failure = error_failure(drawn, drawn.examples[0][0], f"NameError: name {stray!r} is not defined")
    return Broken(kind="name", code=broken, failure=failure, wrong=f"the name {stray}", right=f"the name {use.group()}")


def break_program(drawn: Drawn, rng: random.Random) -> Broken | None:
    """Return a failing program for a problem, or None where no fault shows."""
    for _ in range(FAULT_TRIES):
        made = _misnamed(drawn, rng) if rng.random() < 0.08 else _mutated(drawn, rng)
        if made is not None:
            return made
    return None


def repair_sample(drawn: Drawn, rng: random.Random) -> Sample | None:
    """Map a failing program and its failure to a diagnosis and the right program."""
    broken = break_program(drawn, rng)
    if broken is None:
        return None
    return Sample(
        task="repair",
        messages=render("compact", "repair", statement=drawn.spec, code=broken.code, failure=broken.failure),
        thoughts=f"Wrong: {broken.wrong}\nRight: {broken.right}" if rng.random() < 0.9 else None,
        answer=fence(write_program(drawn.chain, pick_style(rng), drawn.shape)),
    )


def _whole_plan(drawn: Drawn) -> str:
    return "; ".join(step.canonical for step in drawn.chain)


def analyse_sample(drawn: Drawn, rng: random.Random) -> Sample | None:
    """Map a failing program, seen from one angle, to what is wrong and what would be right."""
    broken = break_program(drawn, rng)
    if broken is None:
        return None
    angle = ANGLE_OF.get(broken.kind, "logic") if rng.random() < 0.7 else "alternatives"
    right = _whole_plan(drawn) if angle == "alternatives" else broken.right
    return Sample(
        task="analyse",
        messages=render(
            "compact", "analyse", statement=drawn.spec, code=broken.code, failure=broken.failure, angle=angle
        ),
        answer=f"Wrong: {broken.wrong}\nRight: {right}",
    )


def misleading_note(step: Step, rng: random.Random) -> str:
    """Return a note that names a step that is not at fault."""
    others = [p for p in TAKING[step.primitive.takes] if p.gives == step.primitive.gives and p != step.primitive]
    if not others:
        return f"Wrong: {step.canonical} Right: {step.canonical}"
    other = rng.choice(others)
    k = rng.choice(other.parameters or (0,))
    return f"Wrong: {step.canonical} Right: {other.wordings[0].format(k=k)}"


def synthesise_sample(drawn: Drawn, rng: random.Random) -> Sample | None:
    """Map a failing program with notes, some of them misleading, to the right program."""
    broken = break_program(drawn, rng)
    if broken is None:
        return None
    true_angle = ANGLE_OF.get(broken.kind, "logic")
    angles = [angle for angle in ANGLES if rng.random() < 0.85]
    notes = []
    for angle in angles:
        if angle == true_angle:
            said = f"Wrong: {broken.wrong} Right: {broken.right}"
        elif angle == "alternatives" and rng.random() < 0.5:
            said = f"Wrong: {broken.wrong} Right: {_whole_plan(drawn)}"
        else:
            said = misleading_note(rng.choice(drawn.chain), rng)
        notes.append(f"{angle}: {said}")
    return Sample(
        task="synthesise",
        messages=render(
            "compact", "synthesise", statement=drawn.spec, code=broken.code, failure=broken.failure, notes=notes
        ),
        answer=fence(write_program(drawn.chain, pick_style(rng), drawn.shape)),
    )
