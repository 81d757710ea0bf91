"""When should a search stop, decided again from a pool without the model: `python -m benchmark.stopping RUNS`.

Each stored search is followed once more (benchmark/replay.py) and its state kept after each round. A stricter rule than
the one that it ran under (fewer rounds, fewer tokens, a higher `min_gain`, fewer confirmed tests for `verified`) stops
it at the first round where that rule holds; what it would have answered there has a verdict already.

Limits: a looser rule would ask for texts that no pool holds, so none is offered. A rule on tokens stops between rounds,
where a search would cut the last text short. The model file is opened for its tokenizer and never asked.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from statistics import fmean

from benchmark.conditions import CONDITIONS
from benchmark.database import Database
from benchmark.markdown import grid, percent, points
from benchmark.measures import Graded
from benchmark.processes import spawned
from benchmark.provenance import commit, cores
from benchmark.recorded_model import NotInPoolError
from benchmark.replay import replayed
from benchmark.report.stored import Measured, ReportError, load_measured
from benchmark.statistics import paired_difference, wilson
from graphs.factory import open_model
from inference.base import Model, ModelError
from nodes.answering import choose, verification
from nodes.context import Context
from nodes.lens import move_values, program_tokens
from nodes.settings import Settings
from nodes.state import SolveState


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A search after one of its rounds."""

    rounds: int
    tokens: int
    right: bool
    """Whether what it would answer here is right."""
    verified: bool
    verified_by_one: bool
    """Whether it would be verified if one confirmed self-test were enough."""
    gain: float
    """Expected gain of the best next move, for the tokens of one program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When to stop; the search's own rule holds beside it."""

    name: str
    holds: Callable[[Snapshot], bool]
    one_is_enough: bool = False
    """Whether one confirmed self-test makes an answer verified."""


STORED = Rule(name="as it ran", holds=lambda _: False)
RULES = (
    STORED,
    *(Rule(name=f"max_rounds {n}", holds=lambda s, n=n: s.rounds >= n) for n in (1, 2, 3, 4, 6)),  # type: ignore[misc]
    *(Rule(name=f"{n} tokens", holds=lambda s, n=n: s.tokens >= n) for n in (1000, 2000, 4000)),  # type: ignore[misc]
    *(Rule(name=f"min_gain {g:g}", holds=lambda s, g=g: s.gain <= g) for g in (0.008, 0.016, 0.032, 0.064)),  # type: ignore[misc]
    Rule(name="verified_tests 1", holds=lambda s: s.verified_by_one, one_is_enough=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A rule over all tasks that could be followed."""

    rule: Rule
    at: tuple[Snapshot, ...]

    @property
    def verified(self) -> list[Snapshot]:
        """The searches that end verified under this rule."""
        return [s for s in self.at if (s.verified_by_one if self.rule.one_is_enough else s.verified)]


def stopped(rule: Rule, searches: Sequence[Sequence[Snapshot]]) -> Stopped:
    """Return where a rule stops each search: at the first round where it holds, else where the search ended."""
    return Stopped(rule=rule, at=tuple(next(filter(rule.holds, rounds), rounds[-1]) for rounds in searches))


def snapshots(graded: Graded, context: Context, states: Sequence[SolveState]) -> tuple[Snapshot, ...]:
    """Return what a rule may look at after each round, and what the answer there is worth."""
    return tuple(_snapshot(graded, context, state) for state in states)


def _snapshot(graded: Graded, context: Context, state: SolveState) -> Snapshot:
    chosen = choose(state, context)
    gains = [value.per_token * program_tokens(state, context) for value in move_values(state, context)]
    one = replace(context, settings=replace(context.settings, verified_tests=1))
    return Snapshot(
        rounds=len(state.history),
        tokens=state.tokens_spent,
        right=graded.is_right(chosen.code if chosen else ""),
        verified=verification(state, context)[0],
        verified_by_one=verification(state, one)[0],
        gain=max(gains, default=0.0),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What a process is told; it reads everything else from the file."""

    file: str
    condition: str
    part: int
    parts: int


@cache
def _model(settings: Settings) -> Model:
    return open_model(settings)


def _follow(job: _Job) -> list[tuple[Snapshot, ...] | str]:
    """Return the snapshots of every `parts`-th search, or why it cannot be followed."""
    measured = load_measured(job.file)
    settings = settings_of(measured, job.condition)
    found: list[tuple[Snapshot, ...] | str] = []
    with closing(Database(job.file, "")) as pool:
        for graded in measured.results[job.condition][job.part :: job.parts]:
            try:
                sandbox = measured.measurement.sandbox if measured.measurement else ""
                found.append(snapshots(graded, *replayed(graded, settings, _model(settings), pool, sandbox)))
            except NotInPoolError as error:
                found.append(str(error))
    return found


def settings_of(measured: Measured, condition: str) -> Settings:
    """Return the settings that the searches of a condition ran under.

    Raises:
        ReportError: they were not recorded, or the condition was not run.
    """
    if measured.measurement is None or condition not in measured.results:
        known = ", ".join(measured.results) if measured.measurement else "no recorded settings"
        raise ReportError(f"{measured.file} has no condition {condition} to follow; it has {known}")
    return CONDITIONS[condition].settings(measured.measurement.settings)


def follow_all(file: str, condition: str, jobs: int) -> tuple[list[tuple[Snapshot, ...]], list[str]]:
    """Return the snapshots of every search that can be followed, and why the others cannot."""
    with spawned(jobs) as executor:
        parts = [_Job(file=file, condition=condition, part=part, parts=jobs) for part in range(jobs)]
        found = [one for part in executor.map(_follow, parts) for one in part]
    return [one for one in found if not isinstance(one, str)], [one for one in found if isinstance(one, str)]


def table(searches: Sequence[Sequence[Snapshot]]) -> str:
    """Return the rules as Markdown, each with its paired difference from the search as it ran."""
    stored = stopped(STORED, searches)
    lines = [_line(stopped(rule, searches), stored) for rule in RULES]
    head = ["rule", "selected pass@1, %", "points against as it ran", "tokens", "verified, %", "right if verified, %"]
    return grid(head, lines)


def _line(one: Stopped, stored: Stopped) -> list[str]:
    n = len(one.at)
    right, sure = [s.right for s in one.at], one.verified
    return [
        one.rule.name,
        percent(wilson(sum(right), n)),
        points(paired_difference(right, [s.right for s in stored.at])),
        f"{fmean(s.tokens for s in one.at):.0f}",
        percent(wilson(len(sure), n)),
        percent(wilson(sum(s.right for s in sure), len(sure))),
    ]


def main() -> int:
    """Write the table to standard output; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.stopping", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("runs", help="a file of graded runs")
    parser.add_argument("--condition", default="adaptive", help="whose searches are followed")
    parser.add_argument("--jobs", type=int, default=cores(), help="processes")
    given = parser.parse_args()
    began = time.monotonic()
    try:
        settings = settings_of(load_measured(given.runs), given.condition)
        searches, lost = follow_all(given.runs, given.condition, given.jobs)
        if not searches:
            raise ReportError(f"{given.runs}: no search can be followed ({lost[0] if lost else 'none is stored'})")
    except (ReportError, ModelError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    seconds = time.monotonic() - began
    sys.stdout.write(
        f"- {len(searches)} searches of {given.condition} followed without the model, seed {settings.seed}; "
        f"{len(lost)} could not be ({', '.join(sorted(set(lost))) or 'none'})\n"
        f"- {seconds:.1f} s on {given.jobs} processes, commit {commit()}\n\n{table(searches)}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
