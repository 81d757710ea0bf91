"""Imports that sites grant to a program: what LiveCodeBench's grader puts before each, as far as one uses it.

They go into the program itself, so that what is saved runs everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module

from nodes.parsing import unbound_names

MODULES = ("string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random", "statistics",
           "itertools", "functools", "operator", "io", "sys", "json", "builtins", "typing")  # fmt: skip
"""In the official order: the names of a later one win, and the modules themselves win over all names."""


def with_granted_imports(code: str) -> str:
    """Return a program with the imports that it takes for granted; one that is no Python stays as it is."""
    granted = _imports()
    lines = dict.fromkeys(granted[name] for name in unbound_names(code) if name in granted)
    if not lines:
        return code
    future = [line for line in code.split("\n") if line.startswith("from __future__ import")]
    rest = [line for line in code.split("\n") if not line.startswith("from __future__ import")]
    return "\n".join([*future, *lines, "", *rest])


@cache
def _imports() -> Mapping[str, str]:
    """Return the import of each name that is granted."""
    found: dict[str, str] = {}
    for module in MODULES:
        names = import_module(module).__dict__
        public = names.get("__all__") or [name for name in names if not name.startswith("_")]
        found |= {name: f"from {module} import {name}" for name in public}
    return found | {module: f"import {module}" for module in MODULES}
