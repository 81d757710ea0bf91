"""Who may start: a job waits while its prefix is being read for another one, and until its cells are free.

It waits as well while the live texts are faster without it. How many cells a job will need is expected from the share
of their limits that former jobs used.
"""

from __future__ import annotations

from collections.abc import Sequence

from inference.backend import Shape
from inference.job import Job
from inference.prefix_cache import PrefixCache
from inference.prefix_tree import common_length
from inference.width import WidthPolicy

_WORTH_WAITING = 16
_SHARE_KEPT = 0.9
_LEAST_SHARE = 0.25


class Admission:
    """Decides over one cache."""

    def __init__(self, shape: Shape, cache: PrefixCache, width: WidthPolicy) -> None:
        """Expect jobs to use all that they may."""
        self._shape = shape
        self._cache = cache
        self._width = width
        self._share = 1.0

    def learn(self, job: Job) -> None:
        """Take how much of its limit a finished job used."""
        used = (len(job.tokens) - job.prompt_length) / max(1, job.most_tokens - job.prompt_length)
        self._share = max(_LEAST_SHARE, _SHARE_KEPT * self._share + (1 - _SHARE_KEPT) * min(1.0, used))

    def was_wrong(self) -> None:
        """Expect the most again."""
        self._share = 1.0

    def waits(self, job: Job, live: Sequence[Job]) -> bool:
        """Say whether a job had better wait, as what it shares is just being read for another one."""
        reading = [other for other in live if other.reading]
        if not reading or not self._shape.can_fork:
            return False
        tokens = job.all_tokens()
        promised = max(common_length(tokens, other.all_tokens()[: other.to_read - 1]) for other in reading)
        return promised >= self._cache.usable(tokens) + _WORTH_WAITING

    def is_faster(self, job: Job, live: Sequence[Job], waiting: int) -> bool:
        """Say whether one more live text, the next of `waiting` like it, is faster; with drafts all are live.

        Those take turns where that is faster, and do not where what is drafted pays for them all.
        """
        tokens = job.all_tokens()
        own = len(tokens) - self._cache.usable(tokens) + self._expected(job.most_tokens - len(tokens)) / 2
        self.expect(live, [own] * waiting)
        return self._width.rows(len(live) + waiting) > len(live) or any(one.lookup for one in (job, *live))

    def expect(self, live: Sequence[Job], others: Sequence[float] = ()) -> None:
        """Tell the width what cells there are and what live texts, and others behind them, will add to them."""
        if self._shape.shares_cells:
            cells = float(self._shape.cells - self._cache.free_cells)
        else:
            cells = sum(job.done for job in live) / max(1, len(live))
        growth = [one.outstanding + self._expected(one.most_tokens - len(one.tokens)) / 2 for one in live]
        self._width.expect(cells, [*growth, *others])

    def has_room(self, job: Job, live: Sequence[Job]) -> bool:
        """Say whether the cells are free that a job and the live ones are expected to need; evicts what is cold."""
        if not live:
            return True
        tokens = job.all_tokens()
        wanted = len(tokens) - self._cache.usable(tokens) + self._expected(job.most_tokens - len(tokens))
        promised = sum(one.outstanding + self._expected(one.most_tokens - len(one.tokens)) for one in live)
        if self._cache.free_cells + self._cache.cold_cells < wanted + promised:
            return False
        while self._cache.free_cells < wanted + promised:
            if not self._cache.evict(pinned=False):
                return False
            wanted = len(tokens) - self._cache.usable(tokens) + self._expected(job.most_tokens - len(tokens))
        return True

    def _expected(self, tokens: int) -> int:
        return int(self._share * tokens)
