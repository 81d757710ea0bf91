"""What the runner in a box is asked, built from a program and its limits; pure.

Limits: an input is at most 48 MB, the size of the box's own file system less some room.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

from sandbox.base import Limits, Program
from sandbox.inside import BUILD, MB
from sandbox.languages import CALL_FUNCTION, PYTHON, Language, language_named
from sandbox.literals import parse_arguments
from sandbox.processes import STARVED_FACTOR

_MAX_INPUT = 48 * MB
# Address space beyond the memory limit: the interpreter, its libraries, and thread stacks that are never filled.
_ADDRESS_ROOM = 512 * MB
# Not MSGQUEUE, which gVisor refuses to change: the filter allows no message queues anyway.
_RLIMITS = {"CORE": 0, "FSIZE": 64 * MB, "NOFILE": 256, "STACK": 64 * MB, "MEMLOCK": 0}
_COMPILING = Limits(cpu_s=30.0, memory_mb=512, output_bytes=4096)
_PARSING = Limits(cpu_s=3.0, memory_mb=512, output_bytes=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What one back end asks of every program beside the caller's limits, and how it makes boxes."""

    rlimits: dict[str, int] = field(default_factory=dict)
    """Resource limits beside the common ones, by the name after `RLIMIT_`."""
    nice: int = 0
    """Priority below the runner's; only for boxes in whose cgroup it counts among themselves alone."""
    makers: int = 1
    """Boxes of one language that are made at the same time."""


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


def parse_question(terms: Terms) -> dict[str, Any]:
    """Return the request that only parses a Python program."""
    return _request("parse", PYTHON, _PARSING, terms) | {"command": ()}


def _request(kind: str, language: Language, limits: Limits, terms: Terms) -> dict[str, Any]:
    memory_bytes = limits.memory_mb * MB
    room = {"AS": memory_bytes + _ADDRESS_ROOM} if language.address_space else {}
    return {
        "kind": kind,
        "file": language.source,
        "value": False,
        "environment": dict(language.environment),
        "cpu_s": limits.cpu_s,
        "wall_s": 3 * limits.cpu_s + 1,
        "patience": STARVED_FACTOR,
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
    data = text if program.mode == "stdio" else json.dumps(parse_arguments(text))
    if len(data) > _MAX_INPUT:
        raise ValueError(f"{len(data)} characters, at most {_MAX_INPUT} fit into a box")
    return data.encode("utf-8", "surrogatepass")
