"""Which tasks of a data set are run: a window of dates, a stratified sample, the first few, one shard of many."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from benchmark.task import Sheet, TaskError


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What to take of a data set, in this order: dates, sample, limit, shard."""

    since: str = ""
    """First day, `2024-08-01`; a task without a date is then left out."""
    until: str = ""
    """Last day."""
    sample: int = 0
    """Tasks drawn, stratified by tags (difficulty, platform); 0: all."""
    sample_seed: int = 1
    limit: int = 0
    """Only the first so many; 0: all."""
    shard: str = "1/1"
    """`i/n`: every n-th task, beginning with the i-th."""


def choose(sheets: Sequence[Sheet], choice: Choice) -> tuple[Sheet, ...]:
    """Return the chosen tasks, in the order of the data set.

    Raises:
        TaskError: nothing is left, a date or the shard is none, or dates are asked of a set without any.
    """
    check_dates(choice)
    part, parts = shard_of(choice.shard)
    if (choice.since or choice.until) and not any(sheet.date for sheet in sheets):
        raise TaskError("this set has no dates: leave --from and --to out")
    chosen = [sheet for sheet in sheets if _is_within(sheet.date, choice)]
    if choice.sample:
        chosen = stratified(chosen, choice.sample, choice.sample_seed)
    if choice.limit:
        chosen = chosen[: choice.limit]
    chosen = chosen[part - 1 :: parts]
    if not chosen:
        raise TaskError(f"no task is left of {len(sheets)}: widen the dates, the limit or the shard")
    return tuple(chosen)


def check_dates(choice: Choice) -> None:
    """Make sure that first and last day are dates, in the form that sorts as they do.

    Raises:
        TaskError: one is not.
    """
    for text in filter(None, (choice.since, choice.until)):
        try:
            written = date.fromisoformat(text).isoformat()
        except ValueError:
            written = ""
        if written != text:
            raise TaskError(f"{text} is no date: write 2024-08-01")


def stratified(sheets: Sequence[Sheet], n: int, seed: int) -> list[Sheet]:
    """Return `n` tasks, each group of equal tags in proportion (largest remainders), in the order of the data set.

    The draw within a group depends on the seed and on the names alone, not on the order of the file.
    """
    groups: dict[tuple[str, ...], list[Sheet]] = {}
    for sheet in sheets:
        groups.setdefault(sheet.tags, []).append(sheet)
    shares = {tags: min(n, len(sheets)) * len(members) / len(sheets) for tags, members in groups.items()}
    counts = {tags: int(share) for tags, share in shares.items()}
    by_remainder = sorted(shares, key=lambda tags: (counts[tags] - shares[tags], tags))
    for tags in by_remainder[: min(n, len(sheets)) - sum(counts.values())]:
        counts[tags] += 1
    drawn: set[str] = set()
    for tags, members in groups.items():
        names = sorted(sheet.name for sheet in members)
        drawn.update(random.Random(f"{seed} {tags}").sample(names, counts[tags]))
    return [sheet for sheet in sheets if sheet.name in drawn]


def shard_of(text: str) -> tuple[int, int]:
    """Return (i, n) of `i/n`.

    Raises:
        TaskError: not 1 <= i <= n.
    """
    left, _, right = text.partition("/")
    if not (left.isdecimal() and right.isdecimal() and 1 <= int(left) <= int(right)):
        raise TaskError(f"{text} is no shard: give i/n, such as 2/8 for the second of eight")
    return int(left), int(right)


def _is_within(day: str, choice: Choice) -> bool:
    if not (choice.since or choice.until):
        return True
    return bool(day) and (choice.since or day) <= day <= (choice.until or day)
