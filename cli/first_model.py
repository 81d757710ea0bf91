"""Which model a command takes when none is named, and what happens when the one that is named is not here.

Nothing is ever fetched silently: a person says yes at the prompt, or has said so with `--yes`.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import typer

from cli.model_files import bring_here, say
from graphs.factory import best_here, model_path, models_folder
from inference.catalogue import entry_of
from inference.machine import look
from inference.pulled import ModelNotPulledError, Pulled
from inference.sources import Offer, offer, offline_offer
from inference.suiting import default_model
from nodes.settings import Settings

WITHOUT = "--model embedded does without: a 3 MB demonstration model that knows only its own kind of problem"


def with_model(settings: Settings, *, yes: bool, quiet: bool = False) -> Settings:
    """Return settings that name a model that is here, after fetching one where a person agrees.

    Args:
        settings: as they were read; a model that is named and here stays.
        yes: fetch without asking.
        quiet: do not say which model was taken.

    Raises:
        ModelNotPulledError: none is here, and nobody agreed to fetch one; the line has the next commands.
        ModelError: the fetching failed.
    """
    if settings.model:
        return _named(settings, yes=yes)
    best = best_here(settings)
    if best is not None:
        if not quiet:
            say(f"model: {name_of(best)}, the best that is here and fits; --model names another")
        return replace(settings, model=str(best.path))
    name = default_model(look())
    found = offer(name, settings.source)
    _agreed(found, f"no model is here; {name} suits this machine", WITHOUT, yes=yes)
    return replace(settings, model=str(bring_here(found, models_folder(settings)).path))


def name_of(one: Pulled) -> str:
    """Return the catalogue's name of a pulled model, or the hub's."""
    known = entry_of(one.record.repository)
    return known.name if known else f"{one.record.repository}/{one.record.file}"


def _named(settings: Settings, *, yes: bool) -> Settings:
    if settings.model.startswith(("http://", "https://")):
        return settings
    try:
        model_path(settings)
    except ModelNotPulledError:
        found = offline_offer(settings.model, settings.source)
        if found is None:
            raise
        _agreed(found, f"{settings.model} is not here", "", yes=yes)
        return replace(settings, model=str(bring_here(found, models_folder(settings)).path))
    return settings


def _agreed(found: Offer, why: str, otherwise: str, *, yes: bool) -> None:
    """Return when a person agrees to fetch a model.

    Raises:
        ModelNotPulledError: nobody did.
    """
    if yes:
        return
    what = f"{why}: {found}"
    if sys.stdin.isatty() and sys.stderr.isatty():
        say(what)
        if typer.confirm(f"Fetch {found.name} now?", default=True, err=True):
            return
    next_ = f"run atlas models pull {found.name}, or add --yes to fetch it now"
    raise ModelNotPulledError("; ".join(filter(None, (what, next_, otherwise))))
