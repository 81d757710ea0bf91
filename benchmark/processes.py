"""Fresh interpreters for work that must not share memory: search apart from grading, one model per process.

A spawned process holds nothing of its parent but what it was sent, and ends with it, so a killed run leaves nobody.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing.util import Finalize
from typing import NoReturn

_CLOSING_S = 3.0
OnProgress = Callable[[int, int], None]
"""Called with (tasks done, tasks in all)."""


def spawned(jobs: int) -> ProcessPoolExecutor:
    """Return an executor over `jobs` spawned processes; a context manager."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(jobs, mp_context=context, initializer=stand_alone)


@contextmanager
def interruptible(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Give an executor as `spawned` does that, left by an exception, does not wait for work in flight."""
    executor = spawned(jobs)
    try:
        yield executor
    except BaseException:
        give_up(executor)
        raise
    executor.shutdown()


def give_up(executor: ProcessPoolExecutor) -> None:
    """End an executor whose work in flight nobody wants: all processes that this one spawned are killed.

    They keep what they finished, as after a kill of the whole program. Ctrl-C at the moment of a start can leave a
    process that nobody knows here; the executor waits for it in vain, which `leave` does not.
    """
    for child in multiprocessing.active_children():
        child.kill()
    closing = threading.Thread(target=partial(executor.shutdown, cancel_futures=True), daemon=True)
    closing.start()
    closing.join(_CLOSING_S)


def leave(code: int) -> NoReturn:
    """End the program at once, whatever threads and processes still wait for; the latter end with it."""
    gc.collect()  # Semaphores that nobody holds any more are unlinked here; Python warns of the others.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def stand_alone() -> None:
    """Make this process end when its parent does, even by SIGKILL, but not by the terminal's Ctrl-C."""
    os.setsid()
    threading.Thread(target=_wait_for_parent, name="parent-watch", daemon=True).start()


def at_exit(close: Callable[[], None]) -> None:
    """Call `close` when this spawned process ends in good order (`atexit` is not run there)."""
    Finalize(None, close, exitpriority=1)


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
