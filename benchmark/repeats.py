"""The same measurement under several seeds, taken together: the task is the unit, seeds are averaged inside a task.

Programs of one task rise and fall together, whatever the seed; taking each run for an observation of its own would make
the intervals too narrow by up to the square root of the number of seeds. So a task's value is its mean over seeds, and
intervals are bootstrapped over tasks. They say what other tasks of the same kind would give, with as many seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmark.measures import Graded, single_shot
from benchmark.statistics import Estimate, bootstrap_mean, bootstrap_ratio

Repeated = Sequence[Mapping[str, Sequence[Graded]]]
"""Results of each seed by condition, all on the same tasks in the same order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """A condition over all tasks and seeds."""

    condition: str
    single: Estimate | None
    selected: Estimate | None
    oracle: Estimate | None
    efficiency: Estimate | None
    verified: Estimate | None
    verified_right: Estimate | None
    """Right among the verified answers."""
    tokens: float
    seconds: float


def pooled(seeds: Repeated, condition: str) -> Pooled:
    """Return the numbers of a condition, seeds averaged inside a task."""
    single = over_seeds([[float(one) for one in single_shot(results, condition)] for results in seeds])
    right = _shares(seeds, condition, lambda graded: graded.right)
    somewhere = _shares(seeds, condition, lambda graded: graded.right_somewhere)
    verified = _shares(seeds, condition, lambda graded: graded.run.verified)
    both = _shares(seeds, condition, lambda graded: graded.run.verified and graded.right)
    runs = [graded.run for results in seeds for graded in results[condition]]
    return Pooled(
        condition=condition,
        single=bootstrap_mean(single),
        selected=bootstrap_mean(right),
        oracle=bootstrap_mean(somewhere),
        efficiency=bootstrap_ratio(_less(right, single), _less(somewhere, single)),
        verified=bootstrap_mean(verified),
        verified_right=bootstrap_ratio(both, verified),
        tokens=fmean(run.tokens for run in runs),
        seconds=fmean(run.seconds for run in runs),
    )


def pooled_difference(seeds: Repeated, ours: str, theirs: str) -> Estimate | None:
    """Return the difference in selected pass@1 of two conditions, each task's averaged over seeds."""
    mine, other = (_shares(seeds, name, lambda graded: graded.right) for name in (ours, theirs))
    return bootstrap_mean(_less(mine, other))


def over_seeds(values: Sequence[Sequence[float]]) -> list[float]:
    """Return each task's mean over seeds, (seeds, tasks) -> (tasks,).

    Raises:
        ValueError: the seeds are not about equally many tasks.
    """
    return [fmean(of_task) for of_task in zip(*values, strict=True)]


def _shares(seeds: Repeated, condition: str, what: Callable[[Graded], bool]) -> list[float]:
    return over_seeds([[float(what(graded)) for graded in results[condition]] for results in seeds])


def _less(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    return [a - b for a, b in zip(ours, theirs, strict=True)]
