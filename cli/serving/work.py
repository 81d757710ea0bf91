"""The one queue of work: a bounded number runs together, the others wait in a fair order and are told their place.

Work outlives the connection that asked for it: a connection listens, and stops the work when nobody wants it any more.
Who holds fewest turns is next, then whose last turn is longest ago, then who came first: one client's hundred requests
do not delay another's one.
Two lanes: searches take minutes, single texts seconds, and an editor's completion must not wait for a search.

Everything here runs in one event loop; nothing is safe to be called from another thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Literal
from uuid import uuid4

Lane = Literal["search", "text"]

_REMEMBERED = 0.2
"""Weight of the newest run in the mean duration of a lane."""
_FIRST_GUESS_S = 10.0
_LONGEST_ADVICE_S = 600


class BusyError(RuntimeError):
    """No more work is taken now; the message is one sentence for the client."""

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        """Keep the seconds after which another try makes sense."""
        super().__init__(message)
        self.retry_after_s = retry_after_s


class QueueFullError(BusyError):
    """As many wait as may."""


class ClosingError(BusyError):
    """The server is shutting down."""


class StoppedError(RuntimeError):
    """Somebody stopped the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An event: the work has still to wait for its turn."""

    ahead: int
    """How many come before it."""


Perform = Callable[["Run"], Awaitable[None]]
Watch = Callable[["Run", object], None]


def _nothing(*_: object) -> None:
    """Take a call that nobody needs."""


class Run:
    """One piece of work, from the moment it is asked for; its events are kept for all who listen."""

    def __init__(self, perform: Perform, *, lane: Lane, client: str, watch: Watch) -> None:
        """Wait; `Work.submit` makes runs."""
        self.id = uuid4().hex
        self.lane = lane
        self.client = client
        self.label = ""
        """Set by the work: what kind of work it is, for counting."""
        self.events: list[object] = []
        self.error: BaseException | None = None
        self.done = False
        self.stopped = False
        """Whether it was asked to end before it was done."""
        self.on_stop: Callable[[], None] = _nothing
        """Set by the work: ends it soon, with what it has."""
        self._perform = perform
        self._watch = watch
        self._turn = asyncio.Event()
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._began = 0.0

    def post(self, event: object) -> None:
        """Tell all listeners."""
        self._watch(self, event)
        self.events.append(event)
        self._wake()

    def stop(self) -> None:
        """End soon: a run that waits gives up its place, one that works ends with what it has."""
        if self.done or self.stopped:
            return
        self.stopped = True
        if self._turn.is_set():
            self.on_stop()
        elif self._task is not None:
            self._task.cancel()

    def kill(self) -> None:
        """Cancel the task of the work, whatever it does."""
        self.stop()
        if self._task is not None:
            self._task.cancel()

    async def listen(self, start: int = 0) -> AsyncIterator[object]:
        """Yield every event from number `start` on until the work is done, then raise its error if there was one."""
        while True:
            while start < len(self.events):
                yield self.events[start]
                start += 1
            if self.done:
                break
            await self._news.wait()
        if self.error is not None:
            raise self.error

    async def finished(self) -> None:
        """Wait until the work is done; raises nothing."""
        while not self.done:
            await self._news.wait()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _end(self, error: BaseException | None) -> None:
        if error is not None:
            self._watch(self, error)
        self.error = error
        self.done = True
        self._wake()


class Work:
    """Admits runs to their turn."""

    def __init__(self, *, at_once: Mapping[Lane, int], most_waiting: int, watch: Watch = _nothing) -> None:
        """Start empty.

        Args:
            at_once: how many runs of each lane work together.
            most_waiting: how many may wait, over both lanes.
            watch: told every event of every run, and the error that one ended with.
        """
        self._at_once = dict(at_once)
        self._most_waiting = most_waiting
        self._watch = watch
        self._waiting: list[Run] = []
        self._running: list[Run] = []
        self._mean_s: dict[Lane, float] = {}
        self._turns = 0
        self._last_turn: dict[str, int] = {}
        self.closing = False

    @property
    def waiting(self) -> int:
        """How many runs wait."""
        return len(self._waiting)

    @property
    def running(self) -> tuple[Run, ...]:
        """The runs that have their turn, the oldest first."""
        return tuple(self._running)

    def count(self, lane: Lane) -> tuple[int, int]:
        """Return how many runs of a lane wait and work."""
        return sum(run.lane == lane for run in self._waiting), sum(run.lane == lane for run in self._running)

    def submit(self, perform: Perform, *, lane: Lane, client: str = "") -> Run:
        """Return a run that waits for its turn and then performs; needs a running event loop.

        Args:
            perform: does the work in a task of its own; posts events, sets `on_stop`, and raises what went wrong.
            lane: what kind of work it is.
            client: whose turns are counted together.

        Raises:
            QueueFullError: as many wait as may.
            ClosingError: the server is shutting down.
        """
        if self.closing:
            raise self._closing()
        if self._full(lane):
            seconds = self.advice_s(lane)
            raise QueueFullError(
                f"{self.waiting} requests wait already: try again in {seconds} s", retry_after_s=seconds
            )
        run = Run(perform, lane=lane, client=client, watch=self._watch)
        self._waiting.append(run)
        run._task = asyncio.create_task(self._go(run), name=f"atlas-run {run.id}")
        run._task.add_done_callback(lambda task: self._end(run, task))
        self._admit()
        return run

    def advice_s(self, lane: Lane) -> int:
        """Return after how many seconds a place is likely to be free."""
        waiting, _ = self.count(lane)
        expected = self._mean_s.get(lane, _FIRST_GUESS_S) * (waiting + 1) / self._at_once[lane]
        return min(_LONGEST_ADVICE_S, max(1, ceil(expected)))

    def close(self) -> None:
        """Take no more work, and send those away that wait."""
        self.closing = True
        for run in self._waiting:
            run.stop()

    def stop_all(self) -> None:
        """Ask everything that runs to end with what it has."""
        for run in self._running:
            run.stop()

    async def drain(self, *, grace_s: float, kill_s: float = 20.0) -> None:
        """Take no more work, let what runs finish, and after `grace_s` ask it to end with what it has.

        What has not ended `kill_s` later is cancelled.
        """
        self.close()
        await self._idle(grace_s)
        self.stop_all()
        await self._idle(kill_s)
        for run in self.running:
            run.kill()
        await self._idle(kill_s)

    async def _idle(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            tasks = [run._task for run in (*self._running, *self._waiting) if run._task is not None]
            if not tasks:
                return
            await asyncio.wait(tasks, timeout=left)

    def _closing(self) -> ClosingError:
        return ClosingError("the server is shutting down: ask again when it is back", retry_after_s=5)

    def _full(self, lane: Lane) -> bool:
        _, running = self.count(lane)
        must_wait = running >= self._at_once[lane]
        return must_wait and self.waiting >= self._most_waiting

    async def _go(self, run: Run) -> None:
        await run._turn.wait()
        if run.stopped:  # between the turn and its first step there was nothing to tell
            raise asyncio.CancelledError
        run._began = time.monotonic()
        await run._perform(run)

    def _end(self, run: Run, task: asyncio.Task[None]) -> None:
        """Free a place; called when the task has ended, which a task that was cancelled early never says itself."""
        (self._running if run in self._running else self._waiting).remove(run)
        if run._began:
            seconds = time.monotonic() - run._began
            mean = self._mean_s.get(run.lane, seconds)
            self._mean_s[run.lane] = mean + _REMEMBERED * (seconds - mean)
        if task.cancelled():
            run._end(self._closing() if self.closing else StoppedError("it was stopped before it was done"))
        else:
            run._end(task.exception())
        self._admit()

    def _admit(self) -> None:
        """Give free turns to those who are next, and tell the others their place."""
        for lane, most in self._at_once.items():
            order = self._order(lane)
            while order and self.count(lane)[1] < most:
                run = order[0]
                self._waiting.remove(run)
                self._running.append(run)
                run._turn.set()
                self._turns += 1
                self._last_turn[run.client] = self._turns
                order = self._order(lane)
            for ahead, run in enumerate(order):
                if not run.events or run.events[-1] != Waiting(ahead=ahead):
                    run.post(Waiting(ahead=ahead))

    def _order(self, lane: Lane) -> list[Run]:
        """Return who waits in a lane, the next one first."""
        held: dict[str, int] = {}
        for run in self._running:
            held[run.client] = held.get(run.client, 0) + (run.lane == lane)
        places: list[tuple[int, int, Run]] = []
        for run in self._waiting:
            if run.lane == lane:
                held[run.client] = held.get(run.client, 0) + 1
                places.append((held[run.client], self._last_turn.get(run.client, 0), run))
        return [run for _, _, run in sorted(places, key=lambda place: place[:2])]
