"""Run one function on many inputs in one process of one box, as EvalPlus does; values come back as nodes, no pickle.

Limits are CPU seconds, since wall time on a shared machine says little; three times as much wall time ends a run too.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sandbox.base import Execution, Limits, Program, RunStatus, Sandbox
from sandbox.values import Node, check

OUTPUT_BYTES = 96 << 20
LINE_BYTES = 64 << 20
"""Of one value, unpacked."""
EXACT = "exact"
"""Tag of a value that only equality can match; see inside_batch.py."""
PACKED = "packed "
"""Begins a long line; see inside_batch.py."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What a program returned, up to the first input on which it failed."""

    status: RunStatus
    """`completed` when it returned a value for every input."""
    values: tuple[Node, ...]
    seconds: tuple[float, ...]
    """CPU seconds per value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """The calls that one process makes."""

    arguments: tuple[Node, ...]
    """One list of argument nodes per call."""
    text: str
    """The same and the CPU seconds per call, as the process reads them."""


def calls(arguments: Sequence[Node], limits: Sequence[float]) -> Calls:
    """Return calls with their CPU seconds, written out once for all programs that make them."""
    text = json.dumps({"inputs": list(arguments), "limits": list(limits)})
    return Calls(arguments=tuple(arguments), text=text)


def run_batches(sandbox: Sandbox, program: Program, sets: Sequence[Calls], whole: Limits) -> tuple[Batch, ...]:
    """Call a function once per input, all inputs of a set in one process and each set in a fresh one.

    Args:
        sandbox: where it runs; all sets share a box.
        program: source, entry point and language.
        sets: what to call it with.
        whole: limits of one process.

    Raises:
        SandboxUnavailableError: the sandbox failed.
    """
    head = json.dumps({"source": program.source, "entry_point": program.entry_point})
    orders = [f"[{head},{one.text}]" for one in sets]
    executions = sandbox.run(Program(source=_driver(), mode="stdio", language=program.language), orders, whole)
    return tuple(_read(run, len(one.arguments)) for run, one in zip(executions, sets, strict=True))


@cache
def _driver() -> str:
    return Path(__file__).with_name("inside_batch.py").read_text(encoding="utf-8")


def _read(execution: Execution, wanted: int) -> Batch:
    values, seconds, word = [], [], ""
    for line in execution.output.split("\n")[:-1]:
        try:
            record = json.loads(line)
            if isinstance(record, str) and record.startswith(PACKED):
                record = json.loads(_unpacked(record.removeprefix(PACKED)))
            if isinstance(record, str):
                word = record
                break
            took, node = record
            values.append(_checked(node))
            seconds.append(float(took))
        except (ValueError, TypeError, RecursionError, zlib.error):
            break
    return Batch(status=_status(execution, word, len(values) == wanted), values=tuple(values), seconds=tuple(seconds))


def _checked(node: Node) -> Node:
    """Return a value that is one, or raise; the mark of a scalar that is equal or nothing stays around it.

    Raises:
        ValueError: it is none.
    """
    if isinstance(node, dict) and node.keys() == {EXACT}:
        return {EXACT: check(node[EXACT])}
    return check(node)


def _unpacked(text: str) -> bytes:
    """Return what a long line holds.

    Raises:
        ValueError, zlib.error: it is cut, damaged, or longer than an honest one.
    """
    stream = zlib.decompressobj()
    data = stream.decompress(base64.b64decode(text, validate=True), LINE_BYTES)
    if not stream.eof:
        raise ValueError(f"a line of more than {LINE_BYTES} bytes, or a part of one")
    return data


def _status(execution: Execution, word: str, is_whole: bool) -> RunStatus:
    if execution.status != "completed":
        return execution.status
    if word == "timeout":
        return "timeout"
    if word == "memory":
        return "memory"
    return "completed" if is_whole else "runtime_error"
