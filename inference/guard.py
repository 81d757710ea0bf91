"""Hold whatever a caller's code raises, so that it ends what concerns the caller and nothing else."""

from __future__ import annotations


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
