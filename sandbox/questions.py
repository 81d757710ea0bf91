"""What the runner in a box is asked, built from a program and its limits; pure.

Limits: an input is at most 48 MB and a source 8, the size of the box's own file system less some room.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.base import Limits, Program
from sandbox.inside import BUILD, MB
from sandbox.languages import CALL_FUNCTION, Language, language_named
from sandbox.literals import parse_arguments
from sandbox.processes import STARVED_FACTOR
from sandbox.sessions import is_session, session_of

_MAX_INPUT = 48 * MB
_MAX_SOURCE = 8 * MB
_MAX_NAME = 1000
_MAX_WALL_S = 86_400.0
# Address space beyond the memory limit: the interpreter, its libraries, and thread stacks that are never filled.
_ADDRESS_ROOM = 512 * MB
# Not MSGQUEUE, which gVisor refuses to change: the filter allows no message queues anyway.
_RLIMITS = {"CORE": 0, "FSIZE": 64 * MB, "NOFILE": 256, "STACK": 64 * MB, "MEMLOCK": 0}
_COMPILING = Limits(cpu_s=30.0, memory_mb=512, output_bytes=4096)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What one back end asks of every program beside the caller's limits, and how it makes boxes."""

    rlimits: dict[str, int] = field(default_factory=dict)
    """Resource limits beside the common ones, by the name after `RLIMIT_`."""
    nice: int = 0
    """Priority below the runner's; only for boxes in whose cgroup it counts among themselves alone."""
    makers: int = 1
    """Boxes of one language that are made at the same time."""
    exact: Callable[[], bool] = lambda: False
    """Tells whether the kernel bounds the memory of a whole box and counts its processor time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """All that a box can be asked about one program; the source goes with the first question to each box."""

    language: Language
    source: bytes
    test: dict[str, Any]
    compile: dict[str, Any] | None = None
    """None where nothing is compiled."""


def questions(program: Program, limits: Limits, terms: Terms) -> Questions:
    """Return what to ask about a program.

    Raises:
        ValueError: no such language, or one without function mode.
    """
    language = language_named(program.language)
    _check_program(program)
    _check_limits(limits)
    if program.mode == "function" and not language.is_python:
        raise ValueError(f"function mode is for Python programs, not for {language.name}")
    calls = program.mode == "function"
    command = (*CALL_FUNCTION, program.entry_point) if calls else language.run
    environment = dict(language.environment)
    building = environment | {"TMPDIR": BUILD}
    return Questions(
        language=language,
        source=program.source.encode("utf-8", "surrogatepass"),
        test=_request("test", language, limits, terms) | {"command": command, "value": calls},
        compile=_request("compile", language, _COMPILING, terms)
        | {"command": language.compile, "environment": building, "artifact": language.artifact}
        if language.compile
        else None,
    )


def _request(kind: str, language: Language, limits: Limits, terms: Terms) -> dict[str, Any]:
    memory_bytes = limits.memory_mb * MB
    room = {"AS": memory_bytes + _ADDRESS_ROOM} if language.address_space else {}
    return {
        "kind": kind,
        "file": language.source,
        "value": False,
        "more": False,
        "environment": dict(language.environment),
        "cpu_s": limits.cpu_s,
        "wall_s": 3 * limits.cpu_s + 1 if limits.wall_s is None else limits.wall_s,
        "patience": STARVED_FACTOR if limits.wall_s is None else 1,
        "memory_bytes": memory_bytes,
        "output_bytes": limits.output_bytes,
        "nice": terms.nice,
        "rlimits": _RLIMITS | terms.rlimits | {"CPU": math.ceil(limits.cpu_s) + 1} | room,
    }


def standard_input(program: Program, text: str) -> bytes:
    """Return what a program reads for one input.

    Raises:
        ValueError: the input is no list of arguments, or too large.
    """
    if program.mode == "function" and not program.entry_point:
        raise ValueError("no function is named that could take it")
    data = text if program.mode == "stdio" else json.dumps(_given(text), ensure_ascii=False)
    return _within(data, _MAX_INPUT, "the input")


def check_inputs(inputs: Sequence[str]) -> None:
    """Refuse inputs that fit into no box.

    Raises:
        ValueError: names the first of them by its number.
    """
    for number, text in enumerate(inputs):
        # Four bytes at most for each character: nothing is encoded that is surely small enough.
        if 4 * len(text) > _MAX_INPUT:
            _within(text, _MAX_INPUT, f"inputs[{number}]")


def _within(text: str, most: int, what: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    if len(data) > most:
        raise ValueError(f"{what} has {len(data)} bytes, at most {most} fit into a box")
    return data


def _check_program(program: Program) -> None:
    _within(program.source, _MAX_SOURCE, "the source")
    _within(program.entry_point, _MAX_NAME, "the entry point")
    if "\0" in program.entry_point:
        raise ValueError("the entry point has a zero byte, which no name has")


def _check_limits(limits: Limits) -> None:
    """Refuse limits under which nothing can run, or that end nothing."""
    for name, value, most in (
        ("cpu_s", limits.cpu_s, _MAX_WALL_S),
        ("wall_s", 1.0 if limits.wall_s is None else limits.wall_s, _MAX_WALL_S),
        ("memory_mb", limits.memory_mb, 1 << 20),
        ("output_bytes", limits.output_bytes, 1 << 30),
    ):
        if not 0 < value <= most:
            raise ValueError(f"the limit {name} is {value}, which is not above 0 and at most {most:g}")


def _given(text: str) -> object:
    return session_of(text) if is_session(text) else parse_arguments(text)
