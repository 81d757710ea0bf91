"""One program's stay in its box.

Limits: a box belongs to one program; when it dies for reasons of its own the program gets one more, then none.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sandbox.answers import compile_failure, execution_of
from sandbox.base import Execution, SandboxUnavailableError
from sandbox.pool import Pool
from sandbox.processes import STARVED_FACTOR
from sandbox.protocol import Box, BoxDiedError, ask
from sandbox.questions import Questions
from sandbox.streams import STDERR_TAIL

_SLACK_S = 15.0
_SETTLE_S = 0.2


class Visit:
    """One program's stay: its current box, and whether that box knows the program already."""

    def __init__(self, pool: Pool, name: str, asked: Questions, cancelled: Callable[[], bool]) -> None:
        self.cancelled = cancelled
        self.has_been_alone = False
        """Whether a timeout of this program has been run again alone, which is done once."""
        self._pool = pool
        self._name = name
        self._asked = asked
        self._box: Box | None = None

    @property
    def is_patient(self) -> bool:
        """Whether the program gets time back in which it waited for a core of a busy machine."""
        return bool(self._asked.test["patience"] > 1)

    def test(self, stdin: bytes, *, more: bool = False, patience: int = STARVED_FACTOR) -> Execution:
        """Run one input; a box that dies for reasons of its own is replaced once.

        Args:
            stdin: what the program reads.
            more: whether another input follows, for which the box can get ready.
            patience: how many times its wall time a program may take that waits for a core.

        Raises:
            SandboxUnavailableError: it died twice, or no box can be made.
            CancelledError: the caller gave up.
        """
        reason = ""
        for _ in range(2):
            try:
                return self._once(stdin, {"more": more, "patience": min(patience, self._asked.test["patience"])})
            except BoxDiedError as death:
                reason = str(death)
                if self._box and self._box.died_of_memory():
                    self.end()
                    return Execution(status="memory", error="the kernel ended the whole box for lack of memory")
                self.end()
                # What killed this box may be killing its idle neighbours: one of those would count as the second death.
                time.sleep(_SETTLE_S)
        raise SandboxUnavailableError(f"{self._name}: {reason}, twice in a row; is it running? `atlas doctor` tells")

    def _once(self, stdin: bytes, wanted: dict[str, Any]) -> Execution:
        source = b""
        if self._box is None:
            self._box = self._pool.take(self.cancelled)
            source = self._asked.source
            if self._asked.compile:
                header, body = _question(self._box, self._asked.compile, source, b"", self.cancelled)
                source = b""
                if failure := compile_failure(self._asked.language, self._asked.compile, header, body):
                    self.end()
                    return failure
        request = self._asked.test | wanted
        header, body = _question(self._box, request, source, stdin, self.cancelled)
        execution = execution_of(self._asked.language, request, header, body)
        if header["dirty"]:
            self.end()
        return execution

    def kill(self) -> None:
        """Kill the box under the thread that uses it."""
        if box := self._box:
            box.kill()

    def end(self) -> None:
        """Give the box back for good."""
        box, self._box = self._box, None
        if box:
            box.close()


def _question(
    box: Box, request: dict[str, Any], source: bytes, stdin: bytes, cancelled: Callable[[], bool]
) -> tuple[dict[str, Any], bytes]:
    box.reserve(request["memory_bytes"])
    return ask(
        box,
        request | {"source_bytes": len(source)},
        source + stdin,
        wait_s=request["patience"] * request["wall_s"] + _SLACK_S,
        max_body=2 * request["output_bytes"] + STDERR_TAIL,
        cancelled=cancelled,
    )
