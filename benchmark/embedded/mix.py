"""The training mix: which share of the samples each task gets."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

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

MIX: dict[str, tuple[float, Callable[[Drawn, random.Random], Sample | None]]] = {
    "code": (0.26, code_sample),
    "planned code": (0.10, planned_code_sample),
    "sketch": (0.09, sketch_sample),
    "observe": (0.03, observe_sample),
    "criticise": (0.04, criticise_sample),
    "rephrase": (0.03, rephrase_sample),
    "tests": (0.11, tests_sample),
    "step": (0.18, step_sample),
    "repair": (0.08, repair_sample),
    "analyse": (0.02, analyse_sample),
    "synthesise": (0.02, synthesise_sample),
    "judge": (0.025, judge_sample),
    "separate": (0.015, separate_sample),
}


def draw_sample(rng: random.Random) -> Sample:
    """Return one sample of the mix; draws until a problem suits the task."""
    task = rng.choices(list(MIX), weights=[share for share, _ in MIX.values()])[0]
    while True:
        sample = MIX[task][1](draw_training(rng), rng)
        if sample is not None:
            return sample


def samples(seed: int) -> Iterator[Sample]:
    """Yield the endless, reproducible stream of samples of a seed."""
    rng = random.Random(f"samples {seed}")
    while True:
        yield draw_sample(rng)
