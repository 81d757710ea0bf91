"""Hold whatever a caller's code raises, so that it ends what concerns the caller and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

Owner = TypeVar("Owner")
T = TypeVar("T")


class Guard:
    """A context that holds what was raised inside, whatever it is, for the one whom it concerns."""

    def __init__(self) -> None:
        """Hold nothing."""
        self.error: BaseException | None = None

    def __enter__(self) -> Guard:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        self.error = error
        return error is not None


def for_each(
    pairs: Iterable[tuple[Owner, T]], act: Callable[[Owner, T], None], failed: Callable[[BaseException, Owner], None]
) -> None:
    """Act on each pair in turn; what an act raises goes to `failed` with its owner, and the next pair follows.

    One guard serves until something is raised, as one for each pair would cost as much as a short act.
    """
    todo = iter(pairs)
    for owner, argument in todo:
        current, guard = owner, Guard()
        with guard:
            act(owner, argument)
            for current, further in todo:
                act(current, further)
        if guard.error is not None:
            failed(guard.error, current)
