"""Who may start: a job waits while its prefix is being read for another one, and until its cells are free.

It waits as well while the live texts are faster without it. How many cells a job will need is expected from the share
of their limits that former jobs used.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

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

    def is_faster(self, job: Job, live: Sequence[Job], waiting: int, sibling: Job | None) -> bool:
        """Say whether one more live text is faster, as the others that wait, each like the sibling, are to come.

        Where some draft all are live: those that take turns do not where what is drafted pays for them all.
        """
        if any(one.lookup is not None for one in (job, *live)):
            return True
        tokens = job.all_tokens()
        new = len(tokens) - self._cache.usable(tokens)
        if sibling is not None:
            others = sibling.all_tokens()
            new_too = len(others) - max(self._cache.usable(others), common_length(tokens, others))
        else:
            sibling, new_too = job, new
        self.expect(live, [self._attended(job, new), *[self._attended(sibling, new_too)] * (waiting - 1)])
        return self._width.rows(len(live) + waiting) > len(live)

    def expect(self, live: Sequence[Job], further: Sequence[float] = ()) -> None:
        """Tell the width what cells there are and will be, with live texts and with further ones behind them."""
        texts = [*[self._attended(job, job.outstanding) for job in live], *further]
        if self._shape.shares_cells:
            cells = float(self._shape.cells - self._cache.free_cells)
            self._width.expect(cells, [cells + more for more in accumulate(texts)])
        else:
            cells = sum(job.done for job in live) / max(1, len(live))
            self._width.expect(cells, [length / count for count, length in enumerate(accumulate(texts), 1)])

    def _attended(self, job: Job, new: int) -> float:
        """Return the cells that a text adds on average while it is written, or has where nothing is shared."""
        return (new if self._shape.shares_cells else len(job.tokens)) + self._expected(job.still) / 2

    def has_room(self, job: Job, live: Sequence[Job]) -> bool:
        """Say whether the cells are free that a job and the live ones are expected to need; evicts what is cold."""
        if not live:
            return True
        tokens = job.all_tokens()
        wanted = len(tokens) - self._cache.usable(tokens) + self._expected(job.still)
        promised = sum(one.outstanding + self._expected(one.still) for one in live)
        if self._cache.free_cells + self._cache.cold_cells < wanted + promised:
            return False
        while self._cache.free_cells < wanted + promised:
            if not self._cache.evict(pinned=False):
                return False
            wanted = len(tokens) - self._cache.usable(tokens) + self._expected(job.still)
        return True

    def _expected(self, tokens: int) -> int:
        return int(self._share * tokens)
