"""Further ways to count, beside the score.

The tolerant comparison of LiveCodeBench, base inputs of EvalPlus, steps of SciCode, and the tasks without errata.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmark.markdown import grid, percent
from benchmark.measures import Graded
from benchmark.statistics import Estimate, bootstrap_ratio, wilson
from benchmark.verdict import NO_PROGRAM, Verdict, reading
from nodes.state import content_id

_STEP = "step "
_IN_WORDS = {"tolerant": "tolerant comparison where a problem has several answers or floats"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One condition under one way to count."""

    condition: str
    name: str
    n: int
    """Tasks."""
    share: Estimate | None
    otherwise: tuple[str, ...] = ()
    """Tasks whose answer is right or wrong by this way to count alone."""


def other_readings(results: Mapping[str, Sequence[Graded]]) -> list[Reading]:
    """Return every way to count that the verdicts know, after the score itself; empty where they know no other."""
    names = sorted({name for graded in results.values() for g in graded for v in g.verdicts.values()
                    for name, _ in v.readings})  # fmt: skip
    plain = [name for name in names if not name.startswith(_STEP)]
    made = []
    for condition, graded in results.items():
        made += [_by_name(condition, graded, name) for name in plain]
        made += [_by_step(condition, graded)] if len(plain) < len(names) else []
        kept = [g for g in graded if "errata" not in g.sheet.tags]
        if 0 < len(kept) < len(graded):
            share = wilson(sum(g.right for g in kept), len(kept))
            made.append(Reading(condition=condition, name="without errata", n=len(kept), share=share))
    scores = [_score(condition, graded) for condition, graded in results.items()]
    return [one for score in scores for one in (score, *(m for m in made if m.condition == score.condition)) if made]


def readings_table(results: Mapping[str, Sequence[Graded]]) -> str:
    """Return selected pass@1 under every way to count, as Markdown; empty where there is only one."""
    lines = [[one.condition, one.name, str(one.n), percent(one.share)] for one in other_readings(results)]
    head = ["condition", "counted by", "tasks", "selected pass@1, % [95 %]"]
    return "**Other readings**\n\n" + grid(head, lines) if lines else ""


def _score(condition: str, graded: Sequence[Graded]) -> Reading:
    share = wilson(sum(g.right for g in graded), len(graded))
    return Reading(condition=condition, name="the score (official comparison)", n=len(graded), share=share)


def _by_name(condition: str, graded: Sequence[Graded], name: str) -> Reading:
    right = [reading(_answer(g), name) for g in graded]
    return Reading(
        condition=condition,
        name=_IN_WORDS.get(name, name),
        n=len(graded),
        share=wilson(sum(right), len(graded)),
        otherwise=tuple(g.sheet.name for g, is_right in zip(graded, right, strict=True) if is_right != g.right),
    )


def _by_step(condition: str, graded: Sequence[Graded]) -> Reading:
    """Return the share of steps that are right; tasks are the unit of its interval."""
    whole = [_steps(g) for g in graded]
    right = [sum(is_right for name, is_right in _answer(g).readings if name.startswith(_STEP)) for g in graded]
    share = bootstrap_ratio(list(map(float, right)), list(map(float, whole)))
    return Reading(condition=condition, name=f"{sum(whole)} steps", n=len(graded), share=share)


def _steps(graded: Graded) -> int:
    """Return how many steps a task has, as any verdict on it tells."""
    return max((sum(n.startswith(_STEP) for n, _ in v.readings) for v in graded.verdicts.values()), default=0)


def _answer(graded: Graded) -> Verdict:
    code = graded.run.code
    return graded.verdicts[content_id(code)] if code else NO_PROGRAM
