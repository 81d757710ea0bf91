"""The form that each kind of reply has: how it begins, where it is complete, and how long it can be.

A form is the counterpart of a template: `prompts/full/*.j2` says it in words, this says it to the engine, so that a
model begins where it must and writes nothing behind its answer. The small models of the compact profile were trained
on whole replies; theirs have no form.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from inference.base import Finish, Profile
from nodes.state import Problem
from nodes.voting import is_question

_OUTPUT = r"print\s*\(|\.write(?:lines)?\s*\("
_BULLET = r"[-*•]\s|\d+[.)]\s"
_LIST_TOKENS, _NOTE_TOKENS, _WORKING_TOKENS = 512, 512, 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What is known of a reply before it is written; by default nothing."""

    opening: str = ""
    """What it begins with."""
    finish: Finish | None = None
    most_tokens: int = 0
    """No reply of this kind needs more; 0: the setting `answer_tokens`."""


FREE = Form()
NOTE = Form(most_tokens=_NOTE_TOKENS)
"""A few lines of text."""
WORKING = Form(most_tokens=_WORKING_TOKENS)
"""A short answer behind the working that leads to it, or a longer text."""


def program(problem: Problem, profile: Profile, *, begun: bool = False) -> Form:
    """Return the form of a reply that holds one program; `begun`: it holds nothing before it."""
    if profile == "compact" or is_question(problem):
        return FREE
    name = re.escape(problem.entry_point)
    holds = rf"^[ \t]*(?:async\s+def|def|class)\s+{name}\b" if name else _OUTPUT
    return Form(opening="```python\n" if begun else "", finish=Finish(block=holds))


def tests(problem: Problem, profile: Profile, count: int) -> Form:
    """Return the form of a reply that holds nothing but so many tests."""
    if profile == "compact":
        return FREE
    if problem.mode == "stdio":
        return Form(
            opening="Input:\n```\n",
            finish=Finish(item=r"\W*[Ii]nput\W{0,3}\d*\W{0,3}:", items=count),
            most_tokens=_WORKING_TOKENS,
        )
    return Form(
        opening=f"```python\nassert {problem.entry_point}(",
        finish=Finish(block="assert", item=r"assert\b", items=count),
        most_tokens=_LIST_TOKENS,
    )


def bullets(profile: Profile, count: int) -> Form:
    """Return the form of a list of which so many items are read."""
    if profile == "compact":
        return FREE
    return Form(opening="- ", finish=Finish(item=_BULLET, items=count), most_tokens=_LIST_TOKENS)


def steps(profile: Profile) -> Form:
    """Return the form of a plan: a numbered list of steps, of which each may take some lines."""
    return FREE if profile == "compact" else WORKING
