"""Where tokens and seconds went, box by box, and what they cost in energy and money.

Seconds are those of a run as if nothing had come from the pool. Boxes that ask the model count its own seconds; what
programs took is the sandbox's; the rest of the wall time is the harness. The three add up to the run's seconds, and to
the wall clock where nothing was reused.

Energy is power times seconds. Power is metered where the machine lets us (benchmark/energy.py), otherwise an estimate
that says so; several search processes share it equally. Of searches that share one process each counts its own part of
the seconds, so nothing is shared out twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmark.measurement import Power
from benchmark.runs import Run
from benchmark.statistics import Estimate, bootstrap_ratio

SANDBOX, HARNESS = "sandbox_execution", "harness"
_JOULES_PER_KWH = 3.6e6


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxSpending:
    """What one box spent."""

    tokens: float = 0.0
    """Generated, thinking included."""
    prompt_tokens: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What energy costs, and what an API takes."""

    per_kwh: float
    apis: tuple[ApiPrice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPrice:
    """Price of a remote model, per million tokens."""

    name: str
    prompt: float
    generated: float


def by_box(run: Run) -> dict[str, BoxSpending]:
    """Return what each box of a run spent; the seconds add up to `run.seconds`."""
    boxes = {
        cost.box: BoxSpending(tokens=cost.spent, prompt_tokens=cost.prompt_tokens, seconds=cost.seconds)
        for cost in run.state.costs
        if cost.box != SANDBOX
    }
    boxes[SANDBOX] = BoxSpending(seconds=run.seconds - model_seconds(run) - run.harness_s)
    boxes[HARNESS] = BoxSpending(seconds=run.harness_s)
    return boxes


def model_seconds(run: Run) -> float:
    """Return the seconds that the boxes say the model worked for a run."""
    return sum(cost.seconds for cost in run.state.costs if cost.box != SANDBOX)


def told_and_metered(runs: Sequence[Run]) -> tuple[float, float]:
    """Return the seconds in model and sandbox as the boxes tell them and as the meter read them, which counts apart.

    Only of runs that took nothing from the pool: the boxes also tell what reused work took when it was done.
    """
    fresh = [run for run in runs if not (run.spent.reused or run.spent.recalled)]
    told = sum(cost.seconds for run in fresh for cost in run.state.costs)
    return told, sum(run.spent.model_s + run.spent.sandbox_s for run in fresh)


def mean_by_box(runs: Sequence[Run]) -> dict[str, BoxSpending]:
    """Return the mean spending per task of each box; there is at least one run."""
    total: dict[str, BoxSpending] = {}
    for run in runs:
        for name, spent in by_box(run).items():
            old = total.get(name, BoxSpending())
            total[name] = BoxSpending(
                tokens=old.tokens + spent.tokens / len(runs),
                prompt_tokens=old.prompt_tokens + spent.prompt_tokens / len(runs),
                seconds=old.seconds + spent.seconds / len(runs),
            )
    last = (SANDBOX, HARNESS)
    return {name: total[name] for name in (*(n for n in total if n not in last), *last)}


def joules(run: Run, power: Power, jobs: int) -> float:
    """Return the energy of one run: its seconds times its process's part of the power."""
    return run.seconds * power.watts / jobs


def money(run: Run, power: Power, jobs: int, price: Price) -> float:
    """Return what the energy of a run costs."""
    return joules(run, power, jobs) / _JOULES_PER_KWH * price.per_kwh


def api_money(run: Run, api: ApiPrice) -> float:
    """Return what the tokens of a run would cost at an API, if its model wrote as many."""
    prompt = sum(cost.prompt_tokens for cost in run.state.costs)
    return (prompt * api.prompt + run.tokens * api.generated) / 1e6


def per_solved(costs: Sequence[float], right: Sequence[bool]) -> Estimate | None:
    """Return sum(costs) / tasks solved with its bootstrap interval over tasks; None when none is solved."""
    return bootstrap_ratio(costs, [float(one) for one in right])


def meter_ratio(runs: Mapping[str, Sequence[Run]], power: Power, jobs: int) -> float | None:
    """Return the energy of the wall time that all runs really took, over what the meter read; None without one."""
    if not power.joules:
        return None
    wall = sum(run.own_wall_s for each in runs.values() for run in each)
    return wall * power.watts / jobs / power.joules


def api_prices(text: str) -> tuple[ApiPrice, ...]:
    """Read the setting: `name 1.25/10, other 0.2/0.8`, prices per million prompt and generated tokens.

    Raises:
        ValueError: names the part that cannot be read.
    """
    return tuple(_api_price(part.strip()) for part in text.split(",") if part.strip())


def _api_price(part: str) -> ApiPrice:
    name, _, prices = part.rpartition(" ")
    prompt, slash, generated = prices.partition("/")
    try:
        price = ApiPrice(name=name.strip(), prompt=float(prompt), generated=float(generated))
    except ValueError as error:
        raise ValueError(f"api_prices: {part!r} is not `name PROMPT/GENERATED` (per million tokens)") from error
    if not (slash and price.name) or min(price.prompt, price.generated) < 0:
        raise ValueError(f"api_prices: {part!r} is not `name PROMPT/GENERATED` (per million tokens)")
    return price
