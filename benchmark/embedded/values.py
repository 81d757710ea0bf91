"""Random input values of the family and their written forms: Python literal, spaced literal, and stdin text."""

from __future__ import annotations

import random
from typing import Any

Value = Any
MAX_NUMBER = 10**6
MAX_ITEMS = 16
MAX_LETTERS = 40

WORDS = tuple(
    [
        "apple",
        "bird",
        "cat",
        "dog",
        "egg",
        "fish",
        "gate",
        "hat",
        "ice",
        "jam",
        "kite",
        "lamp",
        "map",
        "nest",
        "oak",
        "pen",
        "queen",
        "rose",
        "sun",
        "tree",
        "use",
        "van",
        "wolf",
        "yard",
        "zoo",
        "area",
        "bee",
        "coat",
        "deer",
        "ear",
        "fox",
        "goat",
        "house",
        "ink",
        "jar",
        "king",
        "leaf",
        "moon",
        "note",
        "onion",
        "pea",
        "quiz",
        "river",
        "sea",
        "tea",
        "uncle",
        "vase",
        "water",
        "axe",
        "blue",
        "corn",
        "door",
        "east",
        "flag",
        "green",
        "hill",
        "idea",
        "juice",
        "key",
        "lion",
        "mango",
        "night",
        "ocean",
        "pear",
        "rain",
        "stone",
        "table",
        "under",
    ]
)
LETTERS = "abcdefghilmnoprstu"


def _word(rng: random.Random) -> str:
    if rng.random() < 0.6:
        return rng.choice(WORDS)
    return "".join(rng.choices(LETTERS, k=rng.randint(2, 6)))


def _repeat_some(items: list[Value], rng: random.Random) -> list[Value]:
    """Copy one item over another, so that duplicates are common."""
    if len(items) > 2 and rng.random() < 0.6:
        items[rng.randrange(len(items))] = rng.choice(items)
    return items


def random_value(kind: str, rng: random.Random, *, short: bool = False) -> Value:
    """Return a random value of type letter `kind`; `short` ones suit a self-written test."""
    size = rng.randint(2, 4) if short else rng.randint(4, 7)
    if kind == "I":
        low = rng.choice((0, -9, -9))
        return _repeat_some([rng.randint(low, rng.choice((9, 12, 20))) for _ in range(size)], rng)
    if kind == "S":
        return _repeat_some([_word(rng) for _ in range(size)], rng)
    if kind == "s":
        return " ".join(_word(rng) for _ in range(rng.randint(1, 2 if short else 4)))
    if kind == "D":
        return {_word(rng): rng.randint(1, 12) for _ in range(size)}
    if kind == "i":
        return rng.randint(2, 15) if short or rng.random() < 0.5 else rng.randint(-20, 200)
    raise ValueError(f"no inputs of type {kind!r}")


def empty_value(kind: str) -> Value:
    """Return the empty or zero value of a type."""
    return {"I": [], "S": [], "s": "", "D": {}, "i": 0}[kind]


def is_small(value: Value) -> bool:
    """Tell whether a value stays inside the family's limits."""
    if isinstance(value, bool):
        return True
    if isinstance(value, int):
        return abs(value) < MAX_NUMBER
    if isinstance(value, str):
        return len(value) <= MAX_LETTERS
    if isinstance(value, dict):
        value = [part for pair in value.items() for part in pair]
        return len(value) <= 2 * MAX_ITEMS and all(is_small(part) for part in value)
    return len(value) <= MAX_ITEMS and all(is_small(item) for item in value)


def spaced(value: Value) -> str:
    """Return the literal with a space inside every bracket, so that the pre-tokenizer cannot glue brackets to items."""
    if isinstance(value, list):
        return f"[ {', '.join(repr(item) for item in value)} ]" if value else "[]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key!r}: {item}' for key, item in value.items())} }}" if value else "{}"
    return repr(value)


def as_text(value: Value) -> str:
    """Return a value as a line of standard input or output: items parted by spaces."""
    if isinstance(value, list):
        return " ".join(str(item) for item in value)
    return str(value)
