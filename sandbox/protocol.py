"""One question to the runner in a box, one answer: the host's side of the frames, with a deadline for everything.

The box is hostile. An answer must repeat the question's nonce, keep within its size and have the right shape; anything
else counts as the box's death.
"""

from __future__ import annotations

import json
import secrets
import select
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

_HEAD = struct.Struct(">II")
_MAX_HEADER = 1 << 16
_POLL_S = 0.05


class BoxDiedError(Exception):
    """The box ended, hung or spoke nonsense; the message says which."""


class CancelledError(Exception):
    """The caller no longer wants the answer."""


class Box(Protocol):
    """One running box and the two descriptors by which its runner is spoken to."""

    @property
    def read_fd(self) -> int:
        """Becomes readable when the runner has answered or gone; never readable in an idle, living box."""

    @property
    def write_fd(self) -> int:
        """Becomes writable when the box takes more."""

    def read(self) -> bytes:
        """Return what has come, perhaps nothing.

        Raises:
            EOFError: the box has ended.
        """

    def write(self, data: memoryview) -> int:
        """Send some of `data` without blocking; return how many bytes.

        Raises:
            OSError: the box has ended.
        """

    def reserve(self, memory_bytes: int) -> None:
        """Make room for a program that may use so much."""

    def kill(self) -> None:
        """End everything in the box, from any thread; whoever reads it finds the end."""

    def close(self) -> None:
        """Kill, and give the descriptors back; only for the thread that uses the box. Safe to call twice."""

    def died_of_memory(self) -> bool:
        """Return whether the kernel ended the whole box for lack of memory."""


@dataclass(slots=True)
class _Frame:
    """An answer as it arrives."""

    max_body: int
    data: bytearray = field(default_factory=bytearray)

    def whole(self) -> tuple[bytes, bytes] | None:
        """Return header and body once they are complete.

        Raises:
            BoxDiedError: longer than an honest answer can be.
        """
        if len(self.data) < _HEAD.size:
            return None
        header_size, body_size = _HEAD.unpack_from(self.data)
        if header_size > _MAX_HEADER or body_size > self.max_body:
            raise BoxDiedError("the box sent a frame that is too long")
        end = _HEAD.size + header_size + body_size
        if len(self.data) < end:
            return None
        if len(self.data) > end:
            raise BoxDiedError("the box sent more than one answer")
        return bytes(self.data[_HEAD.size : _HEAD.size + header_size]), bytes(self.data[_HEAD.size + header_size :])


def is_alive(box: Box) -> bool:
    """Return whether an idle box still runs."""
    poller = select.poll()
    poller.register(box.read_fd, select.POLLIN)
    return not poller.poll(0)


def ask(
    box: Box,
    request: dict[str, Any],
    body: bytes = b"",
    *,
    wait_s: float,
    max_body: int = 0,
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[dict[str, Any], bytes]:
    """Send one request and return the answer's header and body.

    Args:
        box: a box that is not answering another request.
        request: the header; a nonce is added.
        body: raw bytes after the header.
        wait_s: wall seconds until the box counts as dead.
        max_body: most bytes of the answer's body.
        cancelled: polled every 50 ms.

    Raises:
        BoxDiedError: no well-formed answer came in time.
        CancelledError: `cancelled` said so; the box is still busy and must be killed.
    """
    nonce = secrets.token_hex(8)
    header = json.dumps(request | {"nonce": nonce}).encode("ascii")
    pending = memoryview(_HEAD.pack(len(header), len(body)) + header + body)
    raw_header, raw_body = _exchange(box, pending, _Frame(max_body), time.monotonic() + wait_s, cancelled)
    try:
        answer = json.loads(raw_header)
    except (ValueError, RecursionError) as error:
        raise BoxDiedError("the box sent an answer that is not JSON") from error
    if not isinstance(answer, dict) or answer.get("nonce") != nonce:
        raise BoxDiedError("the box answered another question")
    return answer, raw_body


def _exchange(
    box: Box, pending: memoryview, frame: _Frame, deadline: float, cancelled: Callable[[], bool]
) -> tuple[bytes, bytes]:
    while True:
        if cancelled():
            raise CancelledError
        if time.monotonic() > deadline:
            raise BoxDiedError("the box did not answer in time")
        try:
            pending = _transfer(box, pending, frame)
        except (OSError, EOFError) as error:
            raise BoxDiedError("the box has ended") from error
        if whole := frame.whole():
            return whole


def _transfer(box: Box, pending: memoryview, frame: _Frame) -> memoryview:
    """Move what can be moved both ways within one poll; return what is still to be sent."""
    wanted = {box.read_fd: select.POLLIN}
    if pending:
        wanted[box.write_fd] = wanted.get(box.write_fd, 0) | select.POLLOUT
    poller = select.poll()
    for fd, events in wanted.items():
        poller.register(fd, events)
    ready = dict(poller.poll(_POLL_S * 1000))
    if pending and ready.get(box.write_fd, 0) & ~select.POLLIN:
        pending = pending[box.write(pending) :]
    if ready.get(box.read_fd, 0) & ~select.POLLOUT:
        frame.data += box.read()
    return pending
