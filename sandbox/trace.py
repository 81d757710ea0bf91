"""Cut a program's error output to what a repair can use: its own frames, short lines, the end of it.

Limits: knows the tracebacks of Python and Node.js; other text is kept as it is, but for its length.
"""

from __future__ import annotations

import re

_MAX_LINE = 300
_MAX_TEXT = 2000
_HARNESS_FRAME = re.compile(r'^  File "[^"\n]*harness\.py", line .*\n(?:    .*\n)*', re.MULTILINE)
_NODE_FRAME = re.compile(r"^    at [^\n]*\(?node:internal/.*\n", re.MULTILINE)
_OTHER_PATH = re.compile(r"^/(?:\S*/)?box/(main\.\w+:)", re.MULTILINE)
_PATH = re.compile(r'^(\s*File ")/(?:[^"\n]*/)?box/(main\.py")', re.MULTILINE)


def own_frames(stderr: str, *, cut: bool = False) -> str:
    """Return standard error without the harness's frames, at most 2,000 characters from its end.

    Args:
        stderr: what the runner kept of it.
        cut: the beginning was lost, so that the first line is only the end of one.
    """
    if cut and "\n" in stderr.strip():
        stderr = stderr.strip().partition("\n")[2] + "\n"
    text = _NODE_FRAME.sub("", _HARNESS_FRAME.sub("", stderr.rstrip() + "\n"))
    text = _OTHER_PATH.sub(r"\1", _PATH.sub(r"\1\2", text))
    lines = [line if len(line) <= _MAX_LINE else line[:_MAX_LINE] + " ..." for line in text.strip().split("\n")]
    kept = "\n".join(lines)
    if len(kept) <= _MAX_TEXT:
        return kept
    return "...\n" + kept[-_MAX_TEXT:].partition("\n")[2]


def first_lines(said: str) -> str:
    """Return a compiler's words, at most 2,000 characters from their beginning: the first error causes the rest."""
    lines = [line if len(line) <= _MAX_LINE else line[:_MAX_LINE] + " ..." for line in said.strip().split("\n")]
    kept = "\n".join(lines)
    return kept if len(kept) <= _MAX_TEXT else kept[:_MAX_TEXT].rpartition("\n")[0] + "\n..."


def last_line(stderr: str) -> str:
    """Return the last line that is not blank, or an empty text."""
    return stderr.rstrip().rpartition("\n")[2]
