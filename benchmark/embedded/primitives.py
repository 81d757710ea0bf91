"""The primitives of the problem family: typed one-step operations with wording, code and twin readings.

Rows come from `number_table` and `word_table`; every condition there becomes five primitives (keep, remove, count,
all, any). Primitives that share a vague group, types and a table are *twins*: one vague phrase may mean any of them.
Limits: pure functions without side effects, one input, one output, small values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from benchmark.embedded import number_table, word_table
from benchmark.embedded.number_table import Condition, Row

Kind = Literal["expr", "keep", "each", "count"]
Value = Any

ITEM = {"I": "x", "S": "w"}
TYPES = {"I": "list[int]", "S": "list[str]", "s": "str", "i": "int", "b": "bool", "D": "dict[str, int]"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Primitive:
    """One operation."""

    name: str
    """The canonical wording with its parameter left open; unique."""
    kind: str
    """`expr` works on the whole value, the others item by item."""
    takes: str
    gives: str
    code: str
    """Python, with `{v}` for the value (kind `expr`) and `{k}` for the parameter."""
    wordings: tuple[str, ...]
    """All unambiguous wordings; the first is the canonical one."""
    parameters: tuple[int, ...]
    vague: tuple[str, ...]
    """Wordings that this primitive shares with its twins."""
    group: str
    weight: float
    """How often it is drawn among those that take the same type."""


def _primitive(row: Row, vague: dict[tuple[str, str], str], weight: float) -> Primitive:
    kind, takes, gives, code, wordings, parameters, group = row
    shared = tuple(vague[(group, gives)].split(" | ")) if group else ()
    return Primitive(
        name=f"{takes}: {wordings.split(' | ')[0]}",
        kind=kind,
        takes=takes,
        gives=gives,
        code=code,
        wordings=tuple(wordings.split(" | ")),
        parameters=parameters,
        vague=shared,
        group=f"{takes}{gives} {group}" if group else "",
        weight=weight * (1.5 if group else 1.0),
    )


def _rows_of(condition: Condition, takes: str) -> tuple[Row, ...]:
    noun, test, ks, group = condition
    item = ITEM[takes]
    kept = f"keep the {noun} | use only the {noun} | filter out all but the {noun}"
    return (
        ("keep", takes, takes, test, kept, ks, group),
        ("keep", takes, takes, f"not {test}", f"remove the {noun} | leave out the {noun}", ks, ""),
        ("count", takes, "i", test, f"count the {noun} | find how many {noun} there are", ks, group),
        ("expr", takes, "b", f"all({test} for {item} in {{v}})", f"check whether there are only {noun}", ks, ""),
        ("expr", takes, "b", f"any({test} for {item} in {{v}})", f"check whether there are any {noun}", ks, ""),
    )


def _build() -> tuple[Primitive, ...]:
    made: list[Primitive] = []
    for table, takes in ((number_table, "I"), (word_table, "S")):
        for condition in table.CONDITIONS:
            made += [_primitive(row, table.VAGUE, 0.4) for row in _rows_of(condition, takes)]
        made += [_primitive(row, table.VAGUE, 1.0) for row in table.ROWS]
    return tuple(made)


PRIMITIVES = _build()
TAKING: dict[str, tuple[Primitive, ...]] = {kind: tuple(p for p in PRIMITIVES if p.takes == kind) for kind in TYPES}


@cache
def twins(name: str, parameter: int) -> tuple[Primitive, ...]:
    """Return the other readings of the vague wordings of primitive `name`, with the same parameter."""
    (own,) = (p for p in PRIMITIVES if p.name == name)
    return tuple(
        p
        for p in PRIMITIVES
        if own.group and p.group == own.group and p is not own and (not p.parameters or parameter in p.parameters)
    )


@cache
def function_of(name: str, parameter: int) -> Callable[[Value], Value]:
    """Return the Python function of a primitive; it never changes its argument."""
    (own,) = (p for p in PRIMITIVES if p.name == name)
    code = own.code.format(v="v", k=parameter)
    item = ITEM.get(own.takes, "")
    body = {
        "expr": code,
        "keep": f"[{item} for {item} in v if {code}]",
        "each": f"[{code} for {item} in v]",
        "count": f"sum({code} for {item} in v)",
    }[own.kind]
    compiled: Callable[[Value], Value] = eval(f"lambda v: {body}")  # our own tables, no outside text
    return compiled
