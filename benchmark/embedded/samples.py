"""Training samples: one conversation per task of the pipeline, made from one drawn problem.

The prompts are the compact templates of the project and every answer parses with its parsers. The thinking of a `code`
sample now and then holds a faulty plan, "Wait" and the right one, so that a forced extension goes on sensibly.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from benchmark.embedded.chains import Chain, may_train, mutate
from benchmark.embedded.problems import Drawn, format_examples, other_readings
from benchmark.embedded.programs import Style, write_program
from benchmark.embedded.wording import describe
from inference.base import Message
from nodes.prompting import render

STYLES: tuple[Style, ...] = ("comprehension", "loop")
ROLES = (
    "You are a careful tester.",
    "You are a patient teacher.",
    "You are a fast programmer.",
    "You are a mathematician.",
    "Read the examples first.",
    "Watch the order of the steps.",
    "You are a senior engineer.",
    "Think about the types.",
)
FAULT_TRIES = 8
FAULTS = {"twin": 0.40, "other": 0.30, "parameter": 0.12, "missing": 0.12, "swapped": 0.06}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One conversation to learn."""

    task: str
    messages: tuple[Message, ...]
    answer: str
    thoughts: str | None = None
    """None: a conversation without thinking."""


def fence(code: str) -> str:
    """Return code as one fenced block."""
    return f"```python\n{code}\n```"


def plan_of(chain: Chain, style: Style) -> str:
    """Return a plan: numbered canonical steps and the style line."""
    return "\n".join([*(f"{i}. {step.canonical}" for i, step in enumerate(chain, 1)), f"Style: {style}"])


def pick_style(rng: random.Random) -> Style:
    """Return a style; comprehensions are the common one."""
    return "comprehension" if rng.random() < 0.75 else "loop"


def other_style(style: Style) -> Style:
    """Return the style that `style` is not."""
    return "loop" if style == "comprehension" else "comprehension"


def faulty(chain: Chain, rng: random.Random) -> Chain | None:
    """Return a trainable chain with one fault, or None where no fault fits."""
    for _ in range(FAULT_TRIES):
        made = mutate(chain, rng.choices(list(FAULTS), weights=list(FAULTS.values()))[0], rng)
        if made is not None:
            return made
    return None


def misread(drawn: Drawn, rng: random.Random) -> Chain | None:
    """Return another trainable reading of the statement, if there is one."""
    options = [reading for reading in other_readings(drawn.chain) if may_train(reading)]
    return rng.choice(options) if options else None


def reading_of(drawn: Drawn, rng: random.Random) -> Chain:
    """Return the true reading, or now and then another one: what a plan or a note says is to be followed."""
    other = misread(drawn, rng) if rng.random() < 0.25 else None
    return other or drawn.chain


def _thoughts(chain: Chain, style: Style, rng: random.Random) -> str:
    """Return the plan as thinking; some plans are looked at twice, some are cut short by the cap."""
    plan, dice = plan_of(chain, style), rng.random()
    if dice < 0.09:
        return f"{plan_of(faulty(chain, rng) or chain, style)}\nWait, again:\n{plan}"
    if dice < 0.15:
        return f"{plan}\nWait, again:\n{plan}"
    if dice < 0.19:
        lines = plan.splitlines()
        return "\n".join(lines[: rng.randint(1, len(lines))])
    return plan


def code_sample(drawn: Drawn, rng: random.Random) -> Sample:
    """Map a statement to a program, sometimes with a perturbation."""
    style, perturbation = pick_style(rng), ""
    if rng.random() < 0.3:
        perturbation = f"Style: {style}." if rng.random() < 0.5 else rng.choice(ROLES)
    if perturbation == "Style: comprehension." and rng.random() < 0.5:
        style, perturbation = "loop", "Style: loop."
    statement = drawn.spec
    if rng.random() < 0.15:
        statement = f"{describe(drawn.chain, drawn.shape, rng)}\n{format_examples(drawn.shape, drawn.examples)}"
    return Sample(
        task="code",
        messages=render("compact", "code", statement=statement, plan="", perturbation=perturbation),
        answer=fence(write_program(drawn.chain, style, drawn.shape)),
        thoughts=_thoughts(drawn.chain, style, rng) if rng.random() < 0.45 else None,
    )


def planned_code_sample(drawn: Drawn, rng: random.Random) -> Sample:
    """Map a statement and a plan to a program; the plan is followed even where it reads a vague phrase otherwise."""
    chain, style = reading_of(drawn, rng), rng.choice(STYLES)
    perturbation = rng.choice(ROLES) if rng.random() < 0.1 else ""
    return Sample(
        task="planned code",
        messages=render("compact", "code", statement=drawn.spec, plan=plan_of(chain, style), perturbation=perturbation),
        answer=fence(write_program(chain, style, drawn.shape)),
        thoughts=_thoughts(chain, style, rng) if rng.random() < 0.4 else None,
    )


def _some_steps(chain: Chain, most: int, rng: random.Random) -> list[str]:
    size = rng.randint(1, most)
    return [step.canonical for step in rng.sample(chain, k=size)] if size else []


def sketch_sample(drawn: Drawn, rng: random.Random) -> Sample:
    """Map a statement, and sometimes notes, to a plan."""
    chain, notes = drawn.chain, list[str]()
    if rng.random() < 0.5:
        chain = reading_of(drawn, rng)
        notes = _some_steps(chain, len(chain), rng)
    style = rng.choice(STYLES) if notes else pick_style(rng)
    return Sample(
        task="sketch",
        messages=render("compact", "sketch", statement=drawn.spec, observations=notes),
        answer=plan_of(chain, style),
    )


def observe_sample(drawn: Drawn, rng: random.Random) -> Sample:
    """Map a statement, and sometimes known steps, to the other steps as a list."""
    chain = drawn.chain if rng.random() < 0.7 else reading_of(drawn, rng)
    steps = [step.canonical for step in chain]
    known = _some_steps(chain, len(chain) - 1, rng) if len(chain) > 1 and rng.random() < 0.5 else []
    rest = [step for step in steps if step not in known] or steps
    return Sample(
        task="observe",
        messages=render("compact", "observe", statement=drawn.spec, known=known),
        answer="\n".join(f"- {step}" for step in rest),
    )


def criticise_sample(drawn: Drawn, rng: random.Random) -> Sample:
    """Map a plan, right or wrong, to a flaw and another plan."""
    style = pick_style(rng)
    wrong = misread(drawn, rng) if rng.random() < 0.5 else faulty(drawn.chain, rng)
    if rng.random() < 0.3 or wrong is None:
        other = misread(drawn, rng)
        shown, fixed = drawn.chain, other or drawn.chain
        flaw = "the phrase may mean something else" if other else "another style may be safer"
        answer_style = style if other else other_style(style)
    else:
        shown, fixed, answer_style = wrong, drawn.chain, style
        flaw = "a step is wrong" if len(wrong) == len(fixed) else "a step is missing"
    return Sample(
        task="criticise",
        messages=render("compact", "criticise", statement=drawn.spec, plan=plan_of(shown, style)),
        answer=f"Flaw: {flaw}\nPlan:\n{plan_of(fixed, answer_style)}",
    )


def rephrase_sample(drawn: Drawn, rng: random.Random) -> Sample:
    """Map a statement to the same in other words and without its examples."""
    return Sample(
        task="rephrase",
        messages=render("compact", "rephrase", statement=drawn.spec),
        answer=describe(drawn.chain, drawn.shape, rng),
    )
