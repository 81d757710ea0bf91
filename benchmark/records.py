"""Frozen records as JSON text and back, field by field from their type hints.

Limits: dataclasses, tuples, optional values and JSON's own types; a key that the record does not have is an error.
"""

from __future__ import annotations

import json
from dataclasses import asdict, is_dataclass
from functools import cache
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


def to_json(record: Any) -> str:
    """Return a dataclass instance as one line of JSON, in ASCII, so that any text a program printed fits."""
    return json.dumps(asdict(record), sort_keys=True)


def from_json(kind: type[T], text: str) -> T:
    """Return the record that `to_json` wrote.

    Raises:
        ValueError: not JSON.
        TypeError: a field is missing or unknown.
    """
    return _read(kind, json.loads(text))  # type: ignore[no-any-return]


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _read(kind: Any, value: Any) -> Any:
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        given = {name: _read(hints[name], item) if name in hints else item for name, item in value.items()}
        return kind(**given)
    if get_origin(kind) is tuple:
        return _read_tuple(get_args(kind), value)
    choices = [choice for choice in get_args(kind) if is_dataclass(choice)]
    if NoneType in get_args(kind) and choices and value is not None:
        return _read(choices[0], value)
    return value


def _read_tuple(kinds: tuple[Any, ...], values: list[Any]) -> tuple[Any, ...]:
    if kinds[1:] == (...,):
        return tuple(_read(kinds[0], value) for value in values)
    return tuple(_read(kind, value) for kind, value in zip(kinds, values, strict=True))
