"""Which limits of a box hold exactly, and which are watched and may be passed for a moment; said by `atlas doctor`."""

from __future__ import annotations

_ALWAYS = (
    "exact: processes and threads, files and their size, descriptors, output, bytes of source and input",
    "watched, every 20 ms: wall time",
)
_EXACT = (
    "counted by the kernel for the whole box, and ended within 20 ms: memory with files, shared pages and socket "
    "buffers; CPU seconds of all processes, dead ones too",
    "exact, by a control group: what the box holds at any moment, the program's memory and 112 MB for files and runner",
)
_WATCHED = (
    "exact: address space and CPU seconds of each process; shared memory without a file is refused",
    "watched, every 20 ms, since no control group can be had: memory of all processes, files and sockets together; CPU "
    "seconds of all processes together",
)


def how_limits_hold(*, exact: bool) -> tuple[str, ...]:
    """Return one line for each kind of limit.

    Args:
        exact: whether a control group holds the box.
    """
    return (*(_EXACT if exact else _WATCHED), *_ALWAYS)
