"""Runs inside the box: the pipes of one program, read up to a cap.

Limits: standard library only, since a box has nothing else.
"""

import os

_CHUNK = 1 << 20
_READS = 2
"""No pipe holds more than one chunk: the second read finds a dead writer's end."""
STDERR_TAIL = 4096


class Overflow(Exception):
    """A capped stream went past its cap."""


class Capture:
    """The bytes of one pipe, of which `keep` says how many are kept."""

    def __init__(self) -> None:
        self.read_fd, self._write_fd = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.read_fd, False)
        self.data = bytearray()
        self.keep(0)

    def keep(self, most: int, *, tail: bool = False, dropped: bool = False) -> None:
        """Keep the first `most` bytes, or the last when `tail`; more is an overflow, or silently `dropped`."""
        self._keep = most
        self._tail = tail
        self._dropped = dropped

    def drain(self) -> bool:
        """Take what is there; return True at the end of the stream.

        Raises:
            Overflow: more came than may be kept, and nobody said that the rest may be dropped.
        """
        for _ in range(_READS):
            try:
                chunk = os.read(self.read_fd, _CHUNK)
            except BlockingIOError:
                return False
            if not chunk:
                return True
            self.data += chunk
            if self._tail:
                del self.data[: -self._keep]
            elif len(self.data) > self._keep:
                del self.data[self._keep :]
                if not self._dropped:
                    raise Overflow
        # A program that writes without end must not keep the runner from its clock.
        return False

    def write_end(self) -> int:
        """Return the end that the program gets."""
        return self._write_fd

    def keep_reading_only(self) -> None:
        """Leave the writing to the program."""
        os.close(self._write_fd)

    def close(self) -> None:
        """Close the reading end."""
        os.close(self.read_fd)


def drain_rest(captures: list[Capture], ended: str) -> str:
    """Take what is left in the pipes and close them; return why the test ended, which may now be `output`."""
    for capture in captures:
        try:
            capture.drain()
        except Overflow:
            ended = "output" if ended == "exit" else ended
        capture.close()
    return ended
