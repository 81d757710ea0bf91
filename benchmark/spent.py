"""Where the time of a run went, also of one that shares a model and a sandbox with others.

What several runs use at the same moment is split among them, so that the seconds of all of them add up to what the
clock shows. The rest of a run's time in the model or the sandbox went to the others: it waited.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from nodes.shares import Shares


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Where the time of a run went."""

    model_s: float = 0.0
    """Seconds in the model itself, by its own account: waiting for its turn is in no completion's seconds."""
    sandbox_s: float = 0.0
    """Seconds in the sandbox itself, added up over threads."""
    saved_s: float = 0.0
    """Seconds that work from the pool took when it was done."""
    waited_s: float = 0.0
    """Wall seconds that model and sandbox gave to other runs while this one waited for them."""
    generated: int = 0
    reused: int = 0
    """Completions from the pool."""
    executed: int = 0
    recalled: int = 0
    """Executions from the pool."""


class Meter:
    """Adds up what one run spends; several threads report to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spent = Spent()

    def add(self, **amounts: float) -> None:
        """Add to fields of `Spent`."""
        with self._lock:
            self._spent = Spent(**{name: value + amounts.get(name, 0) for name, value in asdict(self._spent).items()})

    def read(self) -> Spent:
        """Return the sums since the last reading, and start at zero."""
        with self._lock:
            spent, self._spent = self._spent, Spent()
        return spent


@dataclass(frozen=True, slots=True, kw_only=True)
class Lap:
    """One call on what several runs share."""

    own_s: float
    """Its part of the time."""
    waited_s: float
    """What others had meanwhile."""


class Clock:
    """Times the calls of one run on something that other runs use as well."""

    def __init__(self, shares: Shares) -> None:
        """Split the time with all that have these shares."""
        self._all = shares
        self._alone = Shares()

    @contextmanager
    def lap(self, weight: int = 1) -> Iterator[Callable[[], Lap]]:
        """Give what tells how long a call takes; of calls of one run at the same moment each counts its part."""
        with self._alone.part(weight) as alone, self._all.part(weight) as shared:

            def read() -> Lap:
                own = shared()
                return Lap(own_s=own, waited_s=max(0.0, alone() - own))

            yield read

    @contextmanager
    def wait(self) -> Iterator[Callable[[], float]]:
        """Give what tells the seconds in which this run only waits."""
        with self._alone.part() as alone:
            yield alone
