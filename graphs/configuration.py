"""The one reader of settings: a TOML file, then `ATLAS_*` variables, then flags; the later wins.

An unknown key or a value of the wrong type is an error that names the key and what was expected. Relative paths
are taken from the working directory, wherever they were written.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from nodes.settings import Settings
from sandbox.base import UNSAFE

DEFAULT_FILE = Path("atlas.toml")
PREFIX = "ATLAS_"
OTHER_VARIABLES = ("ATLAS_DEBUG", "ATLAS_PYTHON", "ATLAS_REQUIRE", "ATLAS_LANGUAGES", "ATLAS_EXTRA", "ATLAS_API_KEY")
"""Variables with our prefix that are no settings: tracebacks, the set-up's Python, CI's demands, the languages it
tests, the extra that the set-up installs, a server's key."""

_TYPES: dict[str, Any] = get_type_hints(Settings)
_WORDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}
_TRUTH = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


class ThreadError(ValueError):
    """A thread cannot be used as asked; the message is one line that says what to do."""


class SettingsError(ValueError):
    """A setting is unknown or has no meaning; the message is one line that says where and what was expected."""


def load_settings(path: Path | None, environ: Mapping[str, str], flags: Mapping[str, object]) -> Settings:
    """Return the settings of a run.

    Args:
        path: the TOML file; None means `atlas.toml` in the working directory, if there is one.
        environ: the environment; `ATLAS_BUDGET_TOKENS` sets `budget_tokens`.
        flags: by setting's name, already of the right type; None means that the flag was not given.

    Raises:
        SettingsError: names the file, variable or flag at fault.
    """
    values = _from_file(path) | _from_environment(environ) | _from_flags(flags, "the command line")
    try:
        return Settings(**values)
    except ValueError as error:
        raise SettingsError(str(error)) from error


def changed(settings: Settings, flags: Mapping[str, object], *, place: str) -> Settings:
    """Return settings with some of them set anew.

    Args:
        settings: what holds for the rest.
        flags: by setting's name; None leaves the setting as it is.
        place: where the flags come from, for the message.

    Raises:
        SettingsError: names the place and the flag at fault.
    """
    try:
        return replace(settings, **_from_flags(flags, place))
    except SettingsError:
        raise
    except ValueError as error:
        raise SettingsError(f"{place}: {error}") from error


def _from_file(path: Path | None) -> dict[str, Any]:
    if path is None and not DEFAULT_FILE.is_file():
        return {}
    file = path or DEFAULT_FILE
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: is not valid TOML ({error})") from error
    values = {key: _typed(_known(key, str(file)), value, str(file)) for key, value in table.items()}
    if values.get("sandbox") == UNSAFE:
        # A file is copied and forgotten; who gives isolation up says so on the day.
        raise SettingsError(f"{file}: {UNSAFE} is not taken from a file: say `--sandbox {UNSAFE}`")
    return values


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or variable in OTHER_VARIABLES:
            continue
        key = _known(variable.removeprefix(PREFIX).lower(), "the environment", variable)
        values[key] = _parsed(key, text, variable)
    return values


def _from_flags(flags: Mapping[str, object], place: str) -> dict[str, Any]:
    given = {key: value for key, value in flags.items() if value is not None}
    return {key: _typed(_known(key, place), value, place) for key, value in given.items()}


def _known(key: str, place: str, shown: str = "") -> str:
    """Return the key if there is such a setting."""
    if key in _TYPES:
        return key
    near = difflib.get_close_matches(key, _TYPES, n=1, cutoff=0.0)[0]
    nearest = f"{PREFIX}{near.upper()}" if shown else near
    raise SettingsError(f"{place}: there is no setting {shown or key}; the nearest is {nearest}")


def _typed(key: str, value: object, place: str) -> Any:
    """Return the value if it is of the setting's type; a whole number is good as a number."""
    wanted = _TYPES[key]
    if get_origin(wanted) is not None:
        return _choice(key, value, place)
    fits = isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))
    if fits:
        return value
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    raise SettingsError(f"{place}: {key} must be {_WORDS[wanted]}, not {value!r}")


def _parsed(key: str, text: str, variable: str) -> Any:
    """Read the text of an environment variable as the setting's type."""
    wanted = _TYPES[key]
    if get_origin(wanted) is not None:
        return _choice(variable, text, "the environment")
    try:
        return _TRUTH[text.strip().lower()] if wanted is bool else wanted(text)
    except (KeyError, ValueError) as error:
        raise SettingsError(f"the environment: {variable} must be {_WORDS[wanted]}, not {text!r}") from error


def _choice(name: str, value: object, place: str) -> object:
    choices = get_args(_TYPES[name.removeprefix(PREFIX).lower()])
    if value in choices:
        return value
    raise SettingsError(f"{place}: {name} must be one of {', '.join(choices)}, not {value!r}")


def setting_names() -> tuple[str, ...]:
    """Return the names of all settings, in the order of their declaration."""
    return tuple(field.name for field in fields(Settings))


def thread_place(settings: Settings, environ: Mapping[str, str]) -> Path | str:
    """Return where searches are stored: a file, or the address of a database."""
    if settings.thread_database:
        return settings.thread_database
    if settings.thread_file:
        return Path(settings.thread_file).expanduser()
    return state_folder(environ) / "threads.sqlite"


def state_folder(environ: Mapping[str, str]) -> Path:
    """Return where ATLAS keeps what outlives a command."""
    state = environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "atlas"
