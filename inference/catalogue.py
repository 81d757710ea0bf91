"""Models that suit ATLAS, as data: where they are, and what can be known of them without the file.

The names were taken from what others publish about these repositories (links, scripts, model cards); nothing here was
fetched while it was written. `atlas models pull` asks the hub which file there is, and says so where a name no longer
holds. Sizes and hashes are not written here: the hub tells them, and they are kept beside the file that was pulled.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from inference.base import ModelError

_REFERENCE = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)/(?P<file>[\w./+-]+\.gguf)")
_SEPARATOR = ":"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A model that ATLAS knows by a short name."""

    name: str
    repository: str
    """On the hub: owner/name."""
    file: str
    """Name of the file in the repository; `{}` stands for the quantisation. Upper and lower case do not matter."""
    quantisations: tuple[str, ...]
    """Those worth having, the default first."""
    thinks: bool
    """Whether its chat template has thinking marks and a switch for them."""
    forks: bool = True
    """Whether its cache can be shared between programs; recurrent and hybrid models keep a state instead."""
    draft: str = ""
    """Name of a small model with the same vocabulary, which may serve as a draft; ATLAS does not draft with it yet."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A file on the hub."""

    repository: str
    file: str
    """May differ from the hub's in case; the hub's spelling wins."""


CATALOGUE: tuple[Entry, ...] = (
    Entry(
        name="qwen3-14b",
        repository="Qwen/Qwen3-14B-GGUF",
        file="Qwen3-14B-{}.gguf",
        quantisations=("Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0"),
        thinks=True,
        draft="qwen3-0.6b",
        note="the model ATLAS is meant for",
    ),
    Entry(
        name="qwen3-8b",
        repository="Qwen/Qwen3-8B-GGUF",
        file="Qwen3-8B-{}.gguf",
        quantisations=("Q4_K_M", "Q6_K", "Q8_0"),
        thinks=True,
        draft="qwen3-0.6b",
    ),
    Entry(
        name="qwen3-4b",
        repository="Qwen/Qwen3-4B-GGUF",
        file="Qwen3-4B-{}.gguf",
        quantisations=("Q4_K_M", "Q8_0"),
        thinks=True,
    ),
    Entry(
        name="qwen3-0.6b",
        repository="Qwen/Qwen3-0.6B-GGUF",
        file="Qwen3-0.6B-{}.gguf",
        quantisations=("Q8_0",),
        thinks=True,
        note="for trying things out",
    ),
    Entry(
        name="qwen3.5-9b",
        repository="unsloth/Qwen3.5-9B-GGUF",
        file="Qwen3.5-9B-{}.gguf",
        quantisations=("Q4_K_M", "Q8_0"),
        thinks=True,
        forks=False,
    ),
    Entry(
        name="qwen3-coder-30b",
        repository="unsloth/Qwen3-Coder-30B-A3B-Instruct-GGUF",
        file="Qwen3-Coder-30B-A3B-Instruct-{}.gguf",
        quantisations=("Q4_K_M", "Q6_K"),
        thinks=False,
        note="experts: as fast as a 3 B model, as large as a 30 B one",
    ),
    Entry(
        name="qwen2.5-coder-14b",
        repository="Qwen/Qwen2.5-Coder-14B-Instruct-GGUF",
        file="qwen2.5-coder-14b-instruct-{}.gguf",
        quantisations=("Q4_K_M", "Q5_K_M", "Q8_0"),
        thinks=False,
        draft="qwen2.5-coder-0.5b",
    ),
    Entry(
        name="qwen2.5-coder-7b",
        repository="Qwen/Qwen2.5-Coder-7B-Instruct-GGUF",
        file="qwen2.5-coder-7b-instruct-{}.gguf",
        quantisations=("Q4_K_M", "Q8_0"),
        thinks=False,
        draft="qwen2.5-coder-0.5b",
    ),
    Entry(
        name="qwen2.5-coder-0.5b",
        repository="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
        file="qwen2.5-coder-0.5b-instruct-{}.gguf",
        quantisations=("Q8_0", "Q4_K_M"),
        thinks=False,
        note="for trying things out",
    ),
)


class UnknownModelError(ModelError):
    """There is no model of this name; the message names the nearest."""


def entry(name: str) -> Entry | None:
    """Return the entry of a name such as `qwen3-14b` or `qwen3-14b:Q8_0`."""
    short = name.partition(_SEPARATOR)[0].lower()
    return next((entry for entry in CATALOGUE if entry.name == short), None)


def reference(name: str) -> Reference:
    """Return the file that a name stands for: one of the catalogue, with `:Q8_0` or without, or `org/repo/file.gguf`.

    Raises:
        UnknownModelError: the name is neither.
    """
    if found := _REFERENCE.fullmatch(name):
        return Reference(repository=found["repository"], file=found["file"])
    known = entry(name)
    if known is None:
        near = nearest(name, (entry.name for entry in CATALOGUE))
        raise UnknownModelError(
            f"there is no model {name} in the catalogue; the nearest is {near} (atlas models list shows all, and "
            "org/repo/file.gguf names any file on the hub)"
        )
    wanted = name.partition(_SEPARATOR)[2] or known.quantisations[0]
    return Reference(repository=known.repository, file=known.file.format(wanted))


def nearest(name: str, names: Iterable[str]) -> str:
    """Return the name that looks most like another."""
    lower = name.lower()
    return max(names, key=lambda known: difflib.SequenceMatcher(None, lower, known.lower()).ratio())
