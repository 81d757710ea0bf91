"""Write the reference program of a chain, in comprehension or loop style, as a function or a stdin program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmark.embedded.chains import Chain, Step
from benchmark.embedded.primitives import ITEM, TYPES

Style = Literal["comprehension", "loop"]
Mode = Literal["function", "stdio"]
NAMES = "abcdefgh"
READERS = {
    "I": "[int(x) for x in input().split()]",
    "S": "input().split()",
    "s": "input()",
    "i": "int(input())",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How a program is called."""

    mode: Mode
    entry_point: str = ""
    argument: str = "v"
    """Name of the parameter, or of the variable that holds the input."""


def signature(shape: Shape, chain: Chain) -> str:
    """Return `name(argument: type) -> type`."""
    takes, gives = TYPES[chain[0].primitive.takes], TYPES[chain[-1].primitive.gives]
    return f"{shape.entry_point}({shape.argument}: {takes}) -> {gives}"


def expression(step: Step, source: str) -> str:
    """Return a step as one expression over the variable `source`."""
    code = step.primitive.code.format(v=source, k=step.parameter)
    item = ITEM.get(step.primitive.takes, "")
    return {
        "expr": code,
        "keep": f"[{item} for {item} in {source} if {code}]",
        "each": f"[{code} for {item} in {source}]",
        "count": f"sum(1 for {item} in {source} if {code})",
    }[step.primitive.kind]


def _loop(step: Step, source: str, target: str) -> list[str]:
    code = step.primitive.code.format(v=source, k=step.parameter)
    item = ITEM[step.primitive.takes]
    head = f"for {item} in {source}:"
    if step.primitive.kind == "each":
        return [f"{target} = []", head, f"    {target}.append({code})"]
    if step.primitive.kind == "count":
        return [f"{target} = 0", head, f"    if {code}:", f"        {target} += 1"]
    return [f"{target} = []", head, f"    if {code}:", f"        {target}.append({item})"]


def _body(chain: Chain, style: Style, source: str) -> tuple[list[str], str]:
    """Return the lines before the result, and the result's expression."""
    lines: list[str] = []
    for place, step in enumerate(chain):
        target = NAMES[place]
        last = place + 1 == len(chain)
        if style == "loop" and step.primitive.kind != "expr":
            lines += _loop(step, source, target)
        elif last:
            return lines, expression(step, source)
        else:
            lines.append(f"{target} = {expression(step, source)}")
        source = target
    return lines, source


def write_program(chain: Chain, style: Style, shape: Shape) -> str:
    """Return the source of the chain's program."""
    lines, result = _body(chain, style, shape.argument)
    if shape.mode == "function":
        body = [*lines, f"return {result}"]
        return "\n".join([f"def {signature(shape, chain)}:", *(f"    {line}" for line in body)])
    shown = f"*{result}" if chain[-1].primitive.gives in "IS" and result.isidentifier() else result
    if chain[-1].primitive.gives in "IS" and not result.isidentifier():
        lines, shown = [*lines, f"{NAMES[len(chain) - 1]} = {result}"], f"*{NAMES[len(chain) - 1]}"
    return "\n".join([f"{shape.argument} = {READERS[chain[0].primitive.takes]}", *lines, f"print({shown})"])
