"""Which function a statement asks for: in starter code, by a phrase, or because its examples call it.

Starter code is the fenced Python, or the whole of a text that is Python. Test functions, `check` and test classes in it
ask for nothing. Among several functions the one without a body is the one to be written.

Limits: one function, or one class, is asked for; which one of several without a body is said by the examples alone.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from nodes.reading.assertions import parsed
from nodes.reading.calls import called_names, shown_names
from nodes.reading.phrases import asks_for_function, named_function, signed_function
from nodes.reading.signatures import parameters_in
from nodes.reading.starter import defined_in, functions_in, starter_of, whole_class, without_a_body


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a statement asks for."""

    entry_point: str = ""
    starter_code: str = ""
    is_shown: bool = False
    """Whether code or an example shows the function, and not only a sentence names it."""
    parameters: tuple[str, ...] = ()
    annotations: tuple[str, ...] = ()
    """Of the parameters, then of the result; empty texts where there is none."""
    defined: frozenset[str] = frozenset()
    """What else the starter code defines."""
    methods: tuple[str, ...] = ()
    """Of a class that is asked for as a whole."""
    also_called: tuple[str, ...] = ()


def what_is_asked(statement: str) -> Asked:
    """Return the function or class that a statement asks for; without an entry point where it asks for none."""
    called = called_names(statement)
    starter = starter_of(statement)
    if starter:
        return _of_starter(starter, statement, called)
    name = named_function(statement)
    is_asking = asks_for_function(statement)
    if is_asking and not called:
        called = shown_names(statement)
    picked = name or next((one for one in called if not hasattr(builtins, one)), "")
    if not picked and called and (is_asking or re.search(r"^\s*assert\b", statement, re.MULTILINE)):
        picked = called[0]
    if picked:
        others = tuple(one for one in called if one != picked and not hasattr(builtins, one))
        return _with_signature(picked, statement, is_shown=bool(called), others=others)
    name = signed_function(statement)
    return _with_signature(name, statement, is_shown=False, others=()) if name else Asked()


def asked_for(entry_point: str, statement: str) -> Asked:
    """Return what is known of a function that is asked for by its name."""
    starter = starter_of(statement)
    parameters, annotations = parameters_in(starter or statement, entry_point)
    defined = defined_in(starter) - {entry_point}
    return Asked(
        entry_point=entry_point, starter_code=starter, parameters=parameters, annotations=annotations, defined=defined
    )


def _of_starter(starter: str, statement: str, called: Sequence[str]) -> Asked:
    functions = functions_in(starter)
    tree = parsed(starter) if len(starter) < 16_000 else ()
    whole = whole_class(starter, tree, statement, called)
    if whole:
        return Asked(
            entry_point=whole[0], starter_code=starter, is_shown=True, methods=whole[1], defined=defined_in(starter)
        )
    if not functions:
        return Asked(starter_code="")
    empty = [name for name in without_a_body(tree, starter) if name in functions]
    candidates = empty or functions
    inside = [name for name in called if name in candidates] or [name for name in called if name in functions]
    named = named_function(statement)
    if named and named not in functions and not empty and not inside:
        # What is asked for is named, and the code beside it is whole: a helper.
        return replace(_with_signature(named, statement, is_shown=True, others=()), defined=defined_in(starter))
    picked = inside[0] if inside else named if named in functions else candidates[0]
    parameters, annotations = parameters_in(starter, picked)
    others = tuple(
        name for name in called
        if name != picked and not hasattr(builtins, name) and (name in empty or name not in functions)
        and name not in defined_in(starter)
    )  # fmt: skip
    return Asked(
        entry_point=picked,
        starter_code=starter,
        is_shown=True,
        parameters=parameters,
        annotations=annotations,
        defined=defined_in(starter) - {picked},
        also_called=others,
    )


def _with_signature(name: str, statement: str, *, is_shown: bool, others: tuple[str, ...]) -> Asked:
    parameters, annotations = parameters_in(statement, name)
    return Asked(
        entry_point=name, is_shown=is_shown, parameters=parameters, annotations=annotations, also_called=others
    )
