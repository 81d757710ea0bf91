"""MBPP+ inputs as they were meant: JSON has no tuples, sets or complex numbers, so they come back by task number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Arguments = list[Any]
Change = Callable[[Arguments], Any]


def _each(change: Callable[[Any], Any]) -> Change:
    return lambda arguments: [change(argument) for argument in arguments]


def _items(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda values: [change(value) for value in values]


def _at(place: int, change: Callable[[Any], Any]) -> Change:
    return lambda arguments: [*arguments[:place], change(arguments[place]), *arguments[place + 1 :]]


def _if_list(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _deep(value: Any) -> Any:
    return tuple(_deep(item) for item in value) if isinstance(value, list) else value


def _as_set(item: Any) -> Any:
    # The empty list becomes a dict, as in the official evaluator.
    return set(item) if isinstance(item, list) and item else {}


_GROUPS: tuple[tuple[tuple[int, ...], Change], ...] = (
    (
        (2, 116, 132, 143, 222, 261, 273, 394, 399, 421, 424, 429, 470, 560, 579, 596, 616, 630, 726, 740, 744, 809),
        _each(tuple),
    ),
    ((63, 64, 70, 94, 120, 237, 272, 299, 400, 409, 417, 438, 473, 614, 780), _each(_items(tuple))),
    ((75, 413, 444, 753), _at(0, _items(tuple))),
    ((106, 750), _at(1, tuple)),
    ((250, 405, 446, 617, 720, 763, 808, 307), _at(0, tuple)),
    ((259, 401, 445), _each(lambda values: tuple(tuple(value) for value in values))),
    ((278,), _each(lambda values: tuple(_if_list(value) for value in values))),
    ((580, 615, 791), _each(_deep)),
    ((722,), _at(0, lambda table: {key: tuple(value) for key, value in table.items()})),
    ((115,), _each(_items(_as_set))),
    ((124,), lambda arguments: [float(arguments[0]), complex(arguments[1])]),
    ((252,), lambda arguments: [complex(arguments[0])]),
)
_CHANGES = {number: change for numbers, change in _GROUPS for number in numbers}


def meant(number: int, arguments: Arguments) -> Arguments:
    """Return the arguments of one input of an MBPP+ task.

    Args:
        number: the task's number, 124 of `Mbpp/124`.
        arguments: as JSON has them.

    Raises:
        TypeError, ValueError, IndexError: they have another shape than this task's arguments have.
    """
    change = _CHANGES.get(number)
    return list(change(arguments)) if change else arguments
