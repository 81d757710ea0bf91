"""Lines that mark code in Markdown: fences with what they say, tags, the quoting around them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_FENCE = re.compile(r"^(?P<indent>[ \t]*(?:>[ \t]?)*)(?P<mark>`{3,}|~{3,})[ \t]*(?P<info>[^`]*)$")
_LISTED = re.compile(
    r"^(?P<indent>[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+)(?P<mark>`{3,}|~{3,})[ \t]*(?P<info>[^`\s]+)[ \t]*$"
)
_BEHIND_TEXT = re.compile(
    r"^(?P<indent>)[^`]*\S[ \t]*(?P<mark>`{3,})[ \t]*(?P<info>(?:python|py)[\d.]*)[ \t]*$", re.IGNORECASE
)
ONE_LINE = re.compile(r"^[ \t]*(`{3,})[ \t]*(?:(?:python|py)[\d.]*[ \t]+)?([^`]+)`{3,}[ \t]*$", re.IGNORECASE)
_GLUED = re.compile(r"^([^`]*[^`\s])[ \t]*`{3,}[ \t]*$")
TAG = re.compile(
    r"^\s*(?:<pre[^<>]{0,40}>\s*)?(?:<(code|python|program|solution|answer|pre|script|source|final_code)\b[^<>]{0,80}>"
    r"|\[(python|code|program|solution|answer)\])(.*)$",
    re.IGNORECASE,
)
_CLOSING_TAG = re.compile(r"</\w+>|\[/\w+\]")
_CODE = re.compile(r"(?:def|class|import|from|async def)\s+\w|@\w")
PYTHON = re.compile(r"(?:i|micro|c)?py(?:thon|3)?[\d.]*|python-?repl|pycon|.*\.py")
PLAIN = (
    "",
    "code",
    "tool_code",
    "solution",
    "program",
    "source",
    "txt",
    "text",
    "plaintext",
    "plain",
    "snippet",
    "none",
)
_LANGUAGE = re.compile(
    r"(?:i|micro|c)?py(?:thon|3)?[\d.]*|python-?repl|pycon|.*\.py|code|tool_code|te?xt|plain(?:text)?|output|input|"
    r"stdin|stdout|bash|sh|shell|zsh|console|terminal|cmd|powershell|json[5l]?|ya?ml|toml|ini|xml|html|css|csv|sql|"
    r"markdown|md|java|javascript|js|jsx|ts|tsx|typescript|c|cc|cpp|c\+\+|h|hpp|cs|csharp|c#|go|golang|rust|rs|ruby|"
    r"rb|php|perl|r|scala|kotlin|swift|haskell|hs|lua|julia|matlab|ocaml|elixir|diff|patch|latex|tex|math|mermaid|"
    r"makefile|dockerfile|none|pseudo(?:code)?|algorithm|asm|pascal|fortran|lisp|scheme|clojure|dart|zig|nim"
)


@dataclass(slots=True)
class Fence:
    """A line that may open or close a block."""

    line: int
    mark: str
    indent: str
    language: str
    says_text: bool
    """Behind the mark stands more than a language: the text after a closing fence."""
    first: str = ""
    """Code that stands on the line of the fence."""

    def closes(self, opened: Fence) -> bool:
        """Whether it ends a block that another one opened."""
        is_like = self.mark[0] == opened.mark[0] and len(self.mark) >= len(opened.mark)
        return is_like and (not self.language or self.says_text)

    def opens_within(self, opened: Fence) -> bool:
        """Whether it opens a block although another one is open."""
        return bool(self.language) and not self.says_text and len(self.mark) >= len(opened.mark)


def closing_tags(lines: Sequence[str]) -> dict[str, list[int]]:
    """Return the lines on which each closing tag stands."""
    found: dict[str, list[int]] = {}
    for i, line in enumerate(lines):
        if "</" in line or "[/" in line:
            for tag in set(_CLOSING_TAG.findall(line.lower())):
                found.setdefault(tag, []).append(i)
    return found


def fence_of(number: int, line: str) -> Fence | None:
    """Return the fence that a line is, or None."""
    if "```" not in line and "~~~" not in line:
        return None
    match = _FENCE.match(line) or _LISTED.match(line) or _BEHIND_TEXT.match(line)
    if match is None:
        return None
    info = match["info"].strip()
    word, _, rest = info.partition(" ")
    language = _language(word)
    is_text = bool(info) and not _LANGUAGE.fullmatch(language) and bool(rest or not _is_word(word))
    mark, indent = match["mark"], match["indent"]
    if _CODE.match(info):
        return Fence(line=number, mark=mark, indent=indent, language="", says_text=True, first=info)
    code = rest.strip() if _CODE.match(rest.strip()) else ""
    return Fence(line=number, mark=mark, indent=indent, language=language, says_text=is_text, first=code)


def _language(word: str) -> str:
    """Return what a fence calls its block: `{.python}`, `python:solution.py` and `language-python` are Python."""
    name = re.split(r"[:,{}=\[\]()]", word.lower().lstrip("{").lstrip("."))[0]
    return name.removeprefix("language-").removeprefix("lang-").rstrip("};")


def _is_word(word: str) -> bool:
    return bool(re.fullmatch(r"[\w+#.{}:=-]+", word))


def unindented(line: str, indent: str) -> str:
    """Return a line without the indentation or the mark of quoting that its fence has."""
    if ">" in indent:
        return re.sub(rf"^[ \t]*(?:>[ \t]?){{1,{indent.count('>')}}}", "", line)
    if indent.strip():  # the mark of a list: its further lines are indented as far
        indent = " " * len(indent)
    return line.removeprefix(indent)


def is_inside_string(body: str) -> bool:
    """Whether the end of a program lies in a string of three quotes, roughly."""
    inside = ""
    for mark in re.findall(r'"""|\'\'\'', re.sub(r"\\.", "", body)):
        inside = "" if inside == mark else inside or mark
    return bool(inside)


def split_glued(body: str) -> tuple[str, bool]:
    """Return an open block up to a fence that stands behind its last line of code, and whether there is one."""
    lines = body.split("\n")
    for i, line in enumerate(lines):
        match = _GLUED.match(line) if line.rstrip().endswith("```") else None
        if match:
            return "\n".join([*lines[:i], match[1]]) + "\n", True
    return body, False
