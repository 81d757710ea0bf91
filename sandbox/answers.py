"""What the runner's answers mean: from untrusted numbers and bytes to an `Execution`; pure.

An answer of another shape than an honest runner gives counts as the box's death.
"""

from __future__ import annotations

import re
from typing import Any, get_args

from sandbox.base import Execution
from sandbox.languages import Language
from sandbox.protocol import BoxDiedError
from sandbox.streams import STDERR_TAIL
from sandbox.trace import first_lines, last_line, own_frames
from sandbox.values import read_node, render
from sandbox.verdict import Ended, Facts, judge

_ENDED: dict[str, Ended] = {ended: ended for ended in get_args(Ended)}
_NUMBERS = ("code", "cpu_s", "wall_s", "waited_s", "peak_kb", "oom_kills")


def execution_of(language: Language, request: dict[str, Any], header: dict[str, Any], body: bytes) -> Execution:
    """Return what one test did.

    Raises:
        BoxDiedError: the answer has another shape than the runner gives it.
    """
    facts, (stdout, stderr, *value) = _read(language, request, header, body)
    output, problem = stdout.decode("utf-8", "replace"), ""
    if request["value"]:
        output, problem = _value(value[0])
    status = judge(Facts(**facts, value_missing=bool(problem)), request["cpu_s"])
    text = stderr.decode("utf-8", "replace")
    return Execution(
        status=status,
        output=output,
        error=own_frames(text, cut=len(stderr) >= STDERR_TAIL)
        or (_explanation(facts["code"], problem) if status == "runtime_error" else ""),
        cpu_s=facts["cpu_s"],
        wall_s=float(header["wall_s"]),
        waited_s=float(header["waited_s"]),
        peak_mb=float(header["peak_kb"]) / 1024,
    )


def compile_failure(
    language: Language, request: dict[str, Any], header: dict[str, Any], body: bytes
) -> Execution | None:
    """Return what every test of a program that does not compile did, or None when it compiles.

    Raises:
        BoxDiedError: the answer has another shape than the runner gives it.
    """
    facts, (stdout, stderr) = _read(language, request, header, body)
    made = header.get("made_bytes")
    if not isinstance(made, int):
        raise BoxDiedError("the box sent an answer of another shape")
    status = judge(Facts(**facts), request["cpu_s"])
    if status == "completed" and made:
        return None
    said = first_lines((stderr or stdout).decode("utf-8", "replace"))
    return Execution(
        status="runtime_error" if status == "completed" else status,
        error=f"the program does not compile:\n{said or _explanation(facts['code'], 'the compiler made nothing')}",
        cpu_s=facts["cpu_s"],
        wall_s=float(header["wall_s"]),
    )


def _read(
    language: Language, request: dict[str, Any], header: dict[str, Any], body: bytes
) -> tuple[dict[str, Any], list[bytes]]:
    """Return the facts to be judged, and the pieces of the body: standard output, error output, perhaps a value."""
    try:
        pieces = _pieces(header["sizes"], 3 if request["value"] else 2, body)
        numbers = {name: float(header[name]) for name in _NUMBERS}
        ended = _ENDED[header["ended"]]
        bool(header["dirty"])
        code, kills = int(numbers["code"]), int(numbers["oom_kills"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BoxDiedError("the box sent an answer of another shape") from error
    said = _says_out_of_memory(language, pieces[1].decode("utf-8", "replace"))
    return {"ended": ended, "code": code, "cpu_s": numbers["cpu_s"], "oom_kills": kills, "says_memory": said}, pieces


def _pieces(sizes: list[int], count: int, body: bytes) -> list[bytes]:
    if len(sizes) != count or min(sizes) < 0 or sum(sizes) != len(body):
        raise ValueError("pieces of another number or size")
    ends = [sum(sizes[: number + 1]) for number in range(count)]
    return [body[end - size : end] for end, size in zip(ends, sizes, strict=True)]


def _says_out_of_memory(language: Language, stderr: str) -> bool:
    anchored = language.out_of_memory.startswith(r"\A")
    return re.search(language.out_of_memory, last_line(stderr) if anchored else stderr) is not None


def _value(data: bytes) -> tuple[str, str]:
    """Return the returned value's text, and what was wrong with it."""
    if not data:
        return "", "the program ended without returning a value"
    try:
        return render(read_node(data)), ""
    except ValueError as error:
        return "", f"the returned value cannot be read: {error}"


def _explanation(code: int, problem: str) -> str:
    return f"killed by signal {-code}" if code < 0 else problem or f"exit code {code}"
