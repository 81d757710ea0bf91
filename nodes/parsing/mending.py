"""Make a program of what a model wrote down: characters and marks that Python does not take are taken away.

What Python takes as it stands is left as it stands, and nothing is mended that does not make a program afterwards.
"""

from __future__ import annotations

import ast
import html
import re
import textwrap
from collections.abc import Callable

from nodes.parsing.source import NOT_PYTHON, module_of, without_strings

_INVISIBLE = re.compile(
    "[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\u00ad\u0000-\u0008\u000e-\u001f\u007f]"
)
_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\u2028\u2029\u0085]")
_LOOK_ALIKES = str.maketrans(
    {"\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2018": "'", "\u2019": "'", "\u2013": "-", "\u2014": "-",
     "\u2212": "-", "\u00d7": "*", "\u00f7": "/", "\u2264": "<=", "\u2265": ">=", "\u2260": "!=", "\uff08": "(",
     "\uff09": ")", "\uff1a": ":", "\uff0c": ",", "\uff1d": "=", "\u2010": "-", "\u2011": "-"}
)  # fmt: skip
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|apos|nbsp|#\d{1,5}|#x[0-9a-f]{1,4});", re.IGNORECASE)
_PROMPT = re.compile(r"^[ \t]*(?:>>>|\.\.\.|In \[\d+\]:)(?: |$)")
_NUMBERED = re.compile(r"^[ \t]*\d{1,4}(?:[ \t]*[|:.)\t]| )[ \t]?")
_DIFF = re.compile(r"^\+(?!\+\+)")
_FIRST_WORDS = re.compile(r"\s*(?:python3?|py|[!%]\w[^\n]*)[ \t]*(?:\n|$)")
_TABS = 4
_MOST_CUTS = 3


def tree_of(text: str) -> ast.Module | None:
    """Return the tree of a program, or None where the text is none."""
    try:
        return module_of(text)
    except NOT_PYTHON:
        return None


def mended(text: str) -> str | None:
    """Return the program that a text is, with as little mending as makes one; None when nothing does."""
    if _ENTITY.search(text) and _ENTITY.search(without_strings(text)):
        text = html.unescape(text)
    if _FIRST_WORDS.match(text):
        text = _without_first_words(text) or text
    if tree_of(text) is not None:
        return text
    dedented = _dedented(text)
    seen = {text}
    for mend in _MENDS:
        tried = mend(dedented)
        if tried is None or tried in seen or not tried.strip():
            continue
        seen.add(tried)
        if tree_of(tried) is not None:
            return tried
    return None


def cut(text: str, most: int = _MOST_CUTS) -> str | None:
    """Return the longest beginning of a text that is a program, ended at a line that is not indented; None without one.

    A line further in that does not parse is a mistake in the program, not the end of it.
    """
    lines = text.split("\n")
    for _ in range(most):
        try:
            module_of("\n".join(lines))
        except SyntaxError as error:
            at = (error.lineno or 1) - 1
            if not 0 < at < len(lines) or lines[at][:1].isspace():
                return None
            lines = lines[:at]
        except ValueError:
            return None
        else:
            found = "\n".join(lines).strip("\n")
            return found or None
    return None


def without_last_words(code: str) -> str:
    """Return a program without lone names at its end: words of the reply, such as `END`, that happen to be Python."""
    lines = code.split("\n")
    while len(lines) > 1 and (not lines[-1].strip() or lines[-1].isidentifier()):
        lines.pop()
    return "\n".join(lines)


def _dedented(text: str) -> str:
    """Return a text whose lines begin at the margin, also where the first alone lost its indentation."""
    text = textwrap.dedent(text.expandtabs(_TABS) if "\t" in text else text).strip("\n")
    first, _, rest = text.partition("\n")
    if first[:1].isspace() and rest and not textwrap.dedent(rest).startswith(" "):
        return f"{first.lstrip()}\n{textwrap.dedent(rest)}"
    return text


def _without_invisible(text: str) -> str:
    return textwrap.dedent(_SPACES.sub(" ", _INVISIBLE.sub("", text)))


def _with_plain_marks(text: str) -> str:
    return _without_invisible(text).translate(_LOOK_ALIKES)


def _without_prompts(text: str) -> str | None:
    """Return the code of a session in the interpreter, without what it printed."""
    lines = text.split("\n")
    if not any(_PROMPT.match(line) for line in lines[:3]):
        return None
    return "\n".join(_PROMPT.sub("", line) for line in lines if _PROMPT.match(line))


def _without_line_marks(mark: re.Pattern[str]) -> Callable[[str], str | None]:
    def without(text: str) -> str | None:
        lines = [line for line in text.split("\n") if line.strip()]
        if not lines or not all(mark.match(line) for line in lines):
            return None
        return textwrap.dedent("\n".join(mark.sub("", line) for line in lines))

    return without


def _without_spurious_indent(text: str) -> str | None:
    """Return a text whose first line alone is indented without that."""
    return text.lstrip() if text[:1].isspace() else None


def _without_first_words(text: str) -> str | None:
    """Return a text without the name of the language and a notebook's commands above it."""
    lines = text.split("\n")
    start = next((i for i, line in enumerate(lines) if line.strip() and not _FIRST_WORDS.match(line)), 0)
    return "\n".join(lines[start:]) if start else None


def _with_real_lines(text: str) -> str | None:
    """Return a program that was written on one line, with the escapes of its ends of lines."""
    one = text.strip()
    return (
        one.replace("\\n", "\n").replace('\\"', '"').replace("\\t", "\t") if "\n" not in one and "\\n" in one else None
    )


_MENDS: tuple[Callable[[str], str | None], ...] = (
    lambda text: text,
    _without_invisible,
    _with_plain_marks,
    _without_prompts,
    _with_real_lines,
    _without_spurious_indent,
    _without_line_marks(_NUMBERED),
    _without_line_marks(_DIFF),
    lambda text: _without_prompts(_with_plain_marks(text)),
)
