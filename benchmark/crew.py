"""Several searches at once in one process: threads over one workbench, so that one engine decodes for all of them.

The threads take tasks in order, and tell of beginnings and ends through one queue. The first failure ends the run, as
it does for one search alone: what is stored stays, and so does every text of the others that was finished.

Limits: Python runs one thread at a time; a model that needs a millisecond for a step leaves little room beside it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from queue import Empty, SimpleQueue

from benchmark.runner import Search, Tick, Workbench
from benchmark.task import Sheet
from graphs.factory import EMBEDDED_NAME
from inference.base import Message

AT_ONCE = 8
"""Searches that share an engine when nobody says how many: five to eight programs each, and tests and repairs of a few
texts each in between, fill the batches of some forty texts in which a real model writes most tokens a second."""
AT_ONCE_SMALL = 2
"""Of the embedded model, for which reading the cache is most of the work: in a shared one a row reads the cells of all
tasks, so that a CPU second of decoding wrote two thirds as many tokens for four tasks as for one, and little more than
a third for eight. Two searches still use the time in which one of them runs its programs."""
_TELL_EVERY_S = 2.0


def searches_at_once(search: Search) -> int:
    """Return how many searches share an engine when nobody says how many.

    One where texts are decoded one at a time, as the prompt in the cache would change with every text, and one where a
    server is asked, of which nobody knows what it bears.
    """
    settings = search.settings
    if settings.batch_width == 1 or settings.model.startswith(("http://", "https://")):
        return 1
    return AT_ONCE_SMALL if settings.model in ("", EMBEDDED_NAME) else AT_ONCE


class Crew:
    """The searches of one process."""

    def __init__(self, bench: Workbench, at_once: int) -> None:
        """Keep the workbench; `begin` starts the threads.

        Args:
            bench: model, sandbox and file.
            at_once: how many tasks are searched at the same time.
        """
        self._bench = bench
        self._at_once = at_once
        self._lock = threading.Lock()
        self._left: deque[Sheet] = deque()
        self._at_work: dict[str, None] = {}
        self._events: SimpleQueue[Sheet | BaseException] = SimpleQueue()

    def begin(self, sheets: Sequence[Sheet]) -> None:
        """Start to search what tasks lack.

        Raises:
            ModelError: the model cannot write a prompt.
        """
        # A model renders its chat template in a process when it is first asked; asked by all threads at once it would
        # start one for each.
        self._bench.model.count_tokens((Message(role="user", content="a"),))
        self._left.extend(sheets)
        for number in range(min(self._at_once, len(sheets))):
            threading.Thread(target=self._search, name=f"atlas-search-{number}", daemon=True).start()

    def next(self) -> Tick:
        """Wait until a task has ended, for a moment only, and tell how things are.

        Raises:
            ModelError: the model failed; everything finished before is stored.
            SandboxUnavailableError: the sandbox failed.
        """
        ended: Sheet | None = None
        try:
            event = self._events.get(timeout=_TELL_EVERY_S)
        except Empty:
            pass
        else:
            if isinstance(event, BaseException):
                raise event
            ended = event
        with self._lock:
            return Tick(ended=ended, at_work=tuple(self._at_work), tokens=self._bench.shared.tokens)

    def _search(self) -> None:
        while (sheet := self._take()) is not None:
            try:
                self._bench.run_missing(sheet)
            except BaseException as error:  # noqa: BLE001  # whatever it is, who waits for the task must hear it
                self._events.put(error)
                return
            with self._lock:
                del self._at_work[sheet.name]
            self._events.put(sheet)

    def _take(self) -> Sheet | None:
        with self._lock:
            if not self._left:
                return None
            sheet = self._left.popleft()
            self._at_work[sheet.name] = None
            return sheet
