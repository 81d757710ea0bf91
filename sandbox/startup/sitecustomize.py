"""Runs inside the box, in the process of a Python program and before it: waits for its order, then takes its limits.

Python imports a module of this name once its own start is done and before it reads the program. So the interpreter of
the next test can be started while nobody waits for it, and a test pays for its program alone.

Limits: standard library only, and nothing that the interpreter has not loaded by itself but `resource`.
"""

# Every test pays for what is imported here.

import os
import sys

ORDER_FD = 4
_CHUNK = 1 << 16
_NO_ORDER = 127


def read_order(fd: int) -> bytes:
    """Return all that comes until the runner closes its end; nothing when it has gone."""
    order = bytearray()
    while chunk := os.read(fd, _CHUNK):
        order += chunk
    os.close(fd)
    return bytes(order)


def take_limits(nice: int, limits: list[list[int]]) -> None:
    """Give up priority and resources for good; no limit becomes weaker than it is.

    Args:
        nice: least niceness.
        limits: pairs of a resource's number and its limit.
    """
    import resource

    for number, most in limits:
        hard = resource.getrlimit(number)[1]
        lower = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(number, (lower, lower))
    # Nobody may raise the priority that a host under `nice` handed down.
    os.setpriority(os.PRIO_PROCESS, 0, max(nice, os.getpriority(os.PRIO_PROCESS, 0)))


def ask_to_die_first() -> None:
    """Let the kernel end this process before the runner when memory runs out."""
    try:
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
    except OSError:
        # Where /proc is read-only, all of the box has that number from its start.
        return
    try:
        os.write(fd, b"1000")
    except OSError:
        pass
    finally:
        os.close(fd)


def _hide() -> None:
    """Take back what made Python find this module."""
    own, _, others = os.environ.pop("PYTHONPATH").partition(os.pathsep)
    if others:
        os.environ["PYTHONPATH"] = others
    sys.path.remove(own)
    sys.path_importer_cache.pop(own, None)


def _begin() -> None:
    ready = False
    try:
        _hide()
        ask_to_die_first()
        if order := read_order(ORDER_FD):
            nice, *numbers = map(int, order.split(b","))
            take_limits(nice, [numbers[i : i + 2] for i in range(0, len(numbers), 2)])
            ready = True
    finally:
        # Python would report an exception and go on, without any limit.
        if not ready:
            os._exit(_NO_ORDER)


if __name__ == "sitecustomize":
    _begin()
