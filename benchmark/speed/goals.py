"""What the engine shall reach against its peers; a number here is a promise, not a measurement."""

from __future__ import annotations

from benchmark.speed.drafts import UNDRAFTED
from benchmark.speed.opened import ALONE, BENCH, ONE_REQUEST, PARALLEL, SEQUENTIAL
from benchmark.speed.samples import Samples

_SAMPLES = Samples.name
Goals = dict[tuple[str, int, str], float]


def goals(model: str, threads: int) -> Goals:
    """Return the ratio to reach by workload, k and peer."""
    return (_at_one_thread(model) if threads == 1 else _at_more()) | _anywhere()


def _at_one_thread(model: str) -> Goals:
    ceiling = 0.95 if model == "mid" else 0.93
    near = {(_SAMPLES, k, peer): ceiling for k in (4, 8, 16) for peer in (BENCH, ALONE)}
    # The smaller a model, the less there is to gain: on `tiny` llama-batched-bench itself is no faster than this.
    gains = {8: 1.6, 16: 2.0} if model == "mid" else {}
    return near | {(_SAMPLES, k, SEQUENTIAL): goal for k, goal in ({1: 0.95} | gains).items()}


def _at_more() -> Goals:
    return {(_SAMPLES, 16, BENCH): 0.93, (_SAMPLES, 16, ALONE): 0.93, (_SAMPLES, 16, SEQUENTIAL): 3.0}


def _anywhere() -> Goals:
    found = {(_SAMPLES, k, ONE_REQUEST): 0.95 for k in (4, 8, 16)}
    found |= {(_SAMPLES, 8, PARALLEL): 1.4, (_SAMPLES, 16, PARALLEL): 1.7}
    found |= {("plans, 8 x (400+60)", 8, PARALLEL): 1.7, ("plans, 16 x (1200+60)", 16, PARALLEL): 5.0}
    drafts = {
        "a prompt is copied": 1.5,
        "one prompt is copied, seeded": 1.5,
        "nothing to copy": 0.97,
        "nothing to copy, seeded": 0.97,
    }
    return found | {(f"drafts, {name}", 4, UNDRAFTED): goal for name, goal in drafts.items()}
