"""Sessions: lines of Python that run beside a program in its box, written as at Python's prompt.

    >>> xs = [3, 1]
    >>> total(xs)

The value of the last line is what the box gives back. With a first line `>>> # shown` it gives the text that the prompt
would show for the last line, what was printed included.

Limits: statements of a person's examples only; the host never runs or compiles one.
"""

from __future__ import annotations

PROMPT = ">>> "
SHOWN = ">>> # shown"
_MORE = "..."


def is_session(text: str) -> bool:
    """Whether an input is a session; no list of literals begins like one."""
    return text.startswith(PROMPT)


def session_of(text: str) -> dict[str, object]:
    """Return what the harness in the box is handed: statements in order, and whether to show the last."""
    statements: list[str] = []
    for line in text.splitlines():
        if line.startswith(PROMPT):
            statements.append(line.removeprefix(PROMPT))
        elif statements and line.startswith(_MORE):
            statements[-1] += "\n" + line.removeprefix(_MORE).removeprefix(" ")
    return {"session": statements, "shown": text.startswith(SHOWN)}


def written(source: str) -> str:
    """Return one statement, of one or more lines, as it is written at the prompt."""
    first, *more = source.splitlines() or [""]
    return "\n".join([PROMPT + first, *(f"{_MORE} {line}" for line in more)])
