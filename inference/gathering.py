"""Bring the requests of one `abatch` together again, so that the model gets them as one batch."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from inference.base import Completion, ContextOverflowError, Request

CompleteMany = Callable[[Sequence[Request]], Awaitable[tuple[Completion, ...]]]


class Gathering:
    """Waits until every participant has asked or left, then asks the model once."""

    def __init__(self, participants: int, complete_many: CompleteMany) -> None:
        """Expect so many participants."""
        self._expected = participants
        self._complete_many = complete_many
        self._waiting: list[tuple[Request, asyncio.Future[Completion]]] = []
        self._task: asyncio.Task[None] | None = None

    def place(self) -> Place:
        """Return the place of one participant."""
        return Place(self)

    async def ask(self, request: Request) -> Completion:
        """Put a request into the batch and wait for its completion."""
        future: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        self.leave()
        return await future

    def leave(self) -> None:
        """Expect one participant less."""
        self._expected -= 1
        if self._expected <= 0 and self._waiting and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._decode())

    def close(self) -> None:
        """End what is being decoded."""
        if self._task is not None:
            self._task.cancel()

    async def _decode(self) -> None:
        requests = [request for request, _ in self._waiting]
        try:
            results: Sequence[Completion | BaseException] = await self._complete_many(requests)
        except ContextOverflowError:
            one_by_one = (self._complete_many([request]) for request in requests)
            done = await asyncio.gather(*one_by_one, return_exceptions=True)
            results = [one if isinstance(one, BaseException) else one[0] for one in done]
        except Exception as error:  # noqa: BLE001  # whatever it is, those who wait must hear it
            results = [error] * len(requests)
        for (_, future), result in zip(self._waiting, results, strict=True):
            if future.done():
                continue
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)


class Place:
    """One participant's place in a gathering; used at most once."""

    def __init__(self, gathering: Gathering) -> None:
        """Take a place."""
        self._gathering: Gathering | None = gathering

    def take(self) -> Gathering | None:
        """Return the gathering for the first request; a further one of the same participant asks alone."""
        gathering, self._gathering = self._gathering, None
        return gathering

    def leave(self) -> None:
        """Give the place up if it was not used, so that nobody waits for it."""
        if (gathering := self.take()) is not None:
            gathering.leave()
