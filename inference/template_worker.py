"""Render chat templates in a process of its own, which the kernel limits; started by `inference/chat_template.py`.

A chat template comes with the model file, so it is a program by a stranger. Jinja's sandbox keeps it from Python's
insides, but not from looping or from building a text that fills the memory; a limit on CPU seconds and on address space
does, and only a process can have one.

`strftime_now`, which published templates call for today's date, formats the moment that the job names, so that one
model's prompts do not change at midnight, and knows no other.

Reads one JSON object from standard input, writes one JSON list to standard output; argv[1] is the module search path.
"""

from __future__ import annotations

import json
import resource
import sys
from datetime import datetime
from typing import Any

CPU_SECONDS = 3
MEMORY_BYTES = 512 << 20
MOST_CHARACTERS = 1 << 20
_MOST_FORM = 100


def render(job: dict[str, Any]) -> list[dict[str, str]]:
    """Render every conversation of a job; a conversation that fails gives its error in one line."""
    from jinja2 import TemplateError
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: object) -> None:
        raise TemplateError(str(message))

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    moment = datetime.fromisoformat(job["now"])
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = lambda form: moment.strftime(str(form)[:_MOST_FORM])
    fixed = {"bos_token": job["bos"], "eos_token": job["eos"], "tools": None, "documents": None}
    results: list[dict[str, str]] = []
    for conversation in job["conversations"]:
        try:
            stream = environment.from_string(job["source"]).generate(
                messages=conversation["messages"],
                enable_thinking=conversation["thinking"],
                add_generation_prompt=True,
                **fixed,
            )
            results.append({"text": _joined(stream)})
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            results.append({"error": " ".join(f"{type(error).__name__}: {error}".split())[:300]})
    return results


def _joined(stream: Any) -> str:
    parts: list[str] = []
    length = 0
    for part in stream:
        length += len(part)
        if length > MOST_CHARACTERS:
            raise ValueError(f"it writes more than {MOST_CHARACTERS} characters")
        parts.append(part)
    return "".join(parts)


def main() -> None:
    """Set the limits, then read, render and write."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    sys.path[:] = json.loads(sys.argv[1])
    json.dump(render(json.load(sys.stdin)), sys.stdout)


if __name__ == "__main__":
    main()
