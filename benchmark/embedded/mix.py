"""The training mixes: which share of the samples each task gets in the first and in the second training."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from benchmark.embedded.chat import CUT, HAND_OVER
from benchmark.embedded.problems import Drawn, draw_training
from benchmark.embedded.repair_samples import analyse_sample, repair_sample, synthesise_sample
from benchmark.embedded.samples import (
    Sample,
    code_sample,
    criticise_sample,
    observe_sample,
    planned_code_sample,
    rephrase_sample,
    sketch_sample,
)
from benchmark.embedded.trial_samples import judge_sample, separate_sample, step_sample, tests_sample

Maker = Callable[[Drawn, random.Random], Sample | None]

MAKERS: dict[str, Maker] = {
    "code": code_sample,
    "planned code": planned_code_sample,
    "sketch": sketch_sample,
    "observe": observe_sample,
    "criticise": criticise_sample,
    "rephrase": rephrase_sample,
    "tests": tests_sample,
    "step": step_sample,
    "repair": repair_sample,
    "analyse": analyse_sample,
    "synthesise": synthesise_sample,
    "judge": judge_sample,
    "separate": separate_sample,
}
FIRST_MIX = {
    "code": 0.26,
    "planned code": 0.10,
    "sketch": 0.09,
    "observe": 0.03,
    "criticise": 0.04,
    "rephrase": 0.03,
    "tests": 0.11,
    "step": 0.18,
    "repair": 0.08,
    "analyse": 0.02,
    "synthesise": 0.02,
    "judge": 0.025,
    "separate": 0.015,
}
SECOND_MIX = {
    "code": 0.17,
    "planned code": 0.06,
    "sketch": 0.06,
    "observe": 0.025,
    "criticise": 0.04,
    "rephrase": 0.02,
    "tests": 0.20,
    "step": 0.27,
    "repair": 0.07,
    "analyse": 0.02,
    "synthesise": 0.02,
    "judge": 0.03,
    "separate": 0.015,
}
"""After the first training programs come easily and running them does not: half of the second is execution."""


def draw_sample(rng: random.Random, mix: Mapping[str, float]) -> Sample:
    """Return one sample of a mix; draws until a problem suits the task."""
    task = rng.choices(list(mix), weights=list(mix.values()))[0]
    while True:
        sample = MAKERS[task](draw_training(rng), rng)
        if sample is not None:
            return sample


def samples(seed: int, mix: Mapping[str, float] = FIRST_MIX) -> Iterator[Sample]:
    """Yield the endless, reproducible stream of samples of a seed."""
    rng = random.Random(f"samples {seed}")
    while True:
        yield draw_sample(rng, mix)


def forced_marks(sample: Sample) -> Sample:
    """Return a sample whose second look or cut-short thinking looks as the engine forces it.

    The engine puts a newline and "Wait" where the model would have ended, after the newline that the model wrote, and
    the hand-over where the cap cuts. `CUT` parts texts that are tokenised apart.
    """
    if sample.thoughts is None or sample.task not in ("code", "planned code"):
        return sample
    thoughts = sample.thoughts.replace("\nWait, again:", f"\n{CUT}\nWait, again:")
    if "Style:" not in thoughts:
        thoughts += HAND_OVER
    return replace(sample, thoughts=thoughts)
