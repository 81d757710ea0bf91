"""Shards of one choice of tasks, each measured into a file of its own, put together as if one run had made them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmark.conditions import shaping
from benchmark.database import Database
from benchmark.measurement import Measurement, Power
from benchmark.plan import Plan, plans_of
from benchmark.pool import name_of
from benchmark.report.stored import Measured
from benchmark.sampling import shard_of

SHARD = "choice of tasks, shard"
_OF_A_SHARD = {SHARD, "tasks", "data"}
"""What the plans of two shards of one run differ in."""
_SUFFIX = re.compile(r"-shard-\d+-of-\d+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shard:
    number: int
    parts: int
    run: str
    """Names the run: its plan but for the shard, and the machine that its cost is told for."""
    one: Measured
    made: Measurement


def united(measured: Sequence[Measured]) -> list[Measured]:
    """Return the measurements, those that are shards of one run as one, in the place of the first of these.

    Shards of one run have stored plans that differ in nothing but the shard, and were searched on machines with as many
    cores and search processes. Everything else stays as it is, also the second copy of a shard.
    """
    groups: dict[str, dict[int, _Shard]] = {}
    places: list[Measured | str] = []
    for one in measured:
        shard = _shard(one)
        if shard is None or shard.number in groups.get(shard.run, {}):
            places.append(one)
            continue
        if shard.run not in groups:
            places.append(shard.run)
        groups.setdefault(shard.run, {})[shard.number] = shard
    return [_joined(groups[place]) if isinstance(place, str) else place for place in places]


def _shard(one: Measured) -> _Shard | None:
    """Return a measurement as a shard; None where its plan is not known, or is that of a whole run."""
    made = one.measurement
    plan = _plan(one.file, made) if made else None
    if made is None or plan is None:
        return None
    number, parts = shard_of(plan[SHARD])
    rest = sorted((name, value) for name, value in plan.items() if name not in _OF_A_SHARD)
    run = name_of(rest, parts, made.selection.digests, made.cores, made.jobs, made.searches)
    return _Shard(number=number, parts=parts, run=run, one=one, made=made) if parts > 1 else None


def _plan(file: str, made: Measurement) -> Plan | None:
    """Return the plan that a measurement was made by; None where none of its file's is."""
    told = {
        "data": name_of([task.key for task in made.tasks])[:12],
        "model": made.selection.model,
        "code": made.selection.code,
        "sandbox": made.sandbox,
        "policies": ",".join(name for name, _ in made.selection.digests),
        **{name: str(value) for name, value in shaping(made.settings).items()},
    }
    with Database(file, "") as database:
        return next((plan for plan in plans_of(database) if told.items() <= plan.items() and SHARD in plan), None)


def _joined(group: Mapping[int, _Shard]) -> Measured:
    """Return shards of one run as a single measurement, its tasks in the order of the data set."""
    shards = [group[number] for number in sorted(group)]
    first = shards[0]
    if len(shards) == 1:
        return first.one
    place = {t.name: s.number - 1 + i * s.parts for s in shards for i, t in enumerate(s.made.tasks)}
    lacking = "" if len(shards) == first.parts else f", shards {', '.join(map(str, sorted(group)))} of {first.parts}"
    made = replace(
        first.made,
        data=f"{first.made.data}{lacking}",
        tasks=tuple(sorted((t for s in shards for t in s.made.tasks), key=lambda task: place[task.name])),
        commit=", ".join(dict.fromkeys(s.made.commit for s in shards)),
        ended=max(s.made.ended for s in shards),
        power=_power([s.made.power for s in shards]),
    )
    results = {
        name: tuple(sorted((g for s in shards for g in s.one.results[name]), key=lambda g: place[g.sheet.name]))
        for name in first.one.results
    }
    return replace(
        first.one,
        label=" + ".join(dict.fromkeys(_SUFFIX.sub("", Path(s.one.file).stem) for s in shards)),
        results=results,
        data_hash=made.data_hash,
        unfinished=sum(s.one.unfinished for s in shards),
        measurement=made,
        is_one_of_seeds=all(s.one.is_one_of_seeds for s in shards),
    )


def _power(metered: Sequence[Power | None]) -> Power | None:
    """Return what all shards metered, together; None where one metered nothing, so that no part stands for all."""
    known = [power for power in metered if power is not None]
    if len(known) < len(metered):
        return None
    seconds, joules = (sum(values) for values in zip(*((p.seconds, p.joules) for p in known), strict=True))
    return replace(known[0], watts=joules / seconds, seconds=seconds, joules=joules)
