"""Waiting jobs, shared out fairly between problems.

A problem is told by its prompts: a job belongs to the first group whose prompt it shares by half or more. Groups take
turns of some jobs each, so that a prompt is read once for all of a turn, whatever else is decoded before the next;
inside a group the first comes first, and a job that was pushed out of the cache comes before all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from inference.job import Job
from inference.prefix_tree import Tokens, common_length

_SHARED = 0.5
_TURN = 8
"""Jobs of a group that go one after another: the programs of a search."""


class _Group:
    """Jobs of one problem."""

    def __init__(self, prompt: Tokens) -> None:
        self.prompt = prompt
        self.jobs: deque[Job] = deque()
        self.taken = 0
        """Jobs of this turn that are gone."""


class FairQueue:
    """Jobs without a sequence."""

    def __init__(self) -> None:
        """Start empty."""
        self._groups: list[_Group] = []
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Job]:
        return (job for group in self._groups for job in group.jobs)

    def push(self, job: Job, *, first: bool = False) -> None:
        """Add a job at the end of its group, or at its head."""
        group = next((group for group in self._groups if _belongs(job.prompt, group.prompt)), None)
        if group is None:
            group = _Group(job.prompt)
            self._groups.append(group)
        (group.jobs.appendleft if first else group.jobs.append)(job)
        self._size += 1

    def heads(self) -> tuple[tuple[Job, int], ...]:
        """Return the first job of each group and how many go with it in this turn, the group whose turn it is first."""
        return tuple((group.jobs[0], min(len(group.jobs), _TURN - group.taken)) for group in self._groups)

    def after(self, job: Job) -> Job | None:
        """Return the second job of the group whose first one this is."""
        group = next(group for group in self._groups if group.jobs[0] is job)
        return group.jobs[1] if len(group.jobs) > 1 else None

    def remove(self, job: Job) -> None:
        """Take a job out; after a turn its group goes to the end of the round."""
        group = next(group for group in self._groups if job in group.jobs)
        group.jobs.remove(job)
        self._size -= 1
        group.taken += 1
        if group.jobs and group.taken < _TURN:
            return
        self._groups.remove(group)
        if group.jobs:
            group.taken = 0
            self._groups.append(group)


def _belongs(prompt: Tokens, other: Tokens) -> bool:
    return common_length(prompt, other) >= _SHARED * min(len(prompt), len(other))
