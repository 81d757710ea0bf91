"""Render prompts: every text a model sees is a Jinja file under `prompts/<profile>/`, rendered here.

A template file holds a system part and a user part, parted by a line of three dashes. Two profiles exist:
`full` for real models and `compact` for small ones that were trained on exactly these texts. The profile comes
from the model file's metadata, never from a model's name.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from inference.base import Message, Profile

PROMPTS = Path(__file__).parent / "prompts"
_PART = "\n---\n"


@cache
def _environment(profile: Profile) -> Environment:
    return Environment(
        loader=FileSystemLoader(PROMPTS / profile),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )


def render(profile: Profile, name: str, **values: Any) -> tuple[Message, ...]:
    """Return the conversation that template `name` makes of `values`.

    Raises:
        jinja2.UndefinedError: a value that the template names is missing.
        jinja2.TemplateNotFound: the profile has no such template.
    """
    text = _environment(profile).get_template(f"{name}.j2").render(**values)
    system, user = text.split(_PART, maxsplit=1)
    return (Message(role="system", content=system.strip()), Message(role="user", content=user.strip()))


@cache
def perturbations(profile: Profile) -> tuple[str, ...]:
    """Return the pool of role and instruction sentences, one per line of `perturbations.txt`."""
    return tuple((PROMPTS / profile / "perturbations.txt").read_text(encoding="utf-8").split("\n"))[:-1]


def templates_hash(profile: Profile) -> str:
    """Return the SHA-256 of all templates of a profile; a model trained on them carries it in its metadata."""
    digest = hashlib.sha256()
    for path in sorted((PROMPTS / profile).glob("*.j2")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
