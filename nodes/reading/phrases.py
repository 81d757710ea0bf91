"""Words that ask for a function: whether a statement asks for one, and the name that its sentences give to it.

Limits: patterns of nine languages; a name that is Python's own is none.
"""

from __future__ import annotations

import builtins
import re

from nodes.reading.starter import functions_in

_GAP = re.compile(r"[ \t]{3,}|\n{3,}")
_KINDS = r"(?:function|method|funci[oó]n|fonction|funktion|funzione|fun[cç][aã]o|m[eé]todo|methode)"
_ASKED = re.compile(
    r"\b(?:write|implement|complete|define|create|code|give|provide|make|build|develop|design|finish|fix|add)\b"
    rf"[^.\n]{{0,80}}\b{_KINDS}\b|函数|函數|関数|함수|функци|\bfunction\s*:",
    re.IGNORECASE,
)
_TOLD = re.compile(
    rf"\b(?:write|implement|complete|create|code|provide|finish|fix|build|develop)\b[^.\n]{{0,80}}\b{_KINDS}\b"
    r"|函数|函數|関数|함수|функци|\bfunction\s*:",
    re.IGNORECASE,
)
_VERB = re.compile(r"\b(?:write|implement|complete|define|create|code|provide|make|task)\b:?\s*$", re.IGNORECASE)
_MARKED = r"(?:`{1,2}|\*{1,2}|_{2}|\"|')"
_NAMED = re.compile(
    rf"(?:\b{_KINDS}|函数|函數|関数|함수|функци\w*)\W{{0,3}}(?:is\s+|should\s+be\s+|must\s+be\s+|to\s+be\s+|be\s+|,\s*)?"
    rf"(?:named|called|with\s+the\s+name|name\s+is|llamada|appel[eé]e|namens|名为|叫做)\s*:?\s*{_MARKED}?(?:def\s+)?"
    rf"([A-Za-z_]\w*)",
    re.IGNORECASE,
)
_NAME_IS = re.compile(
    rf"\b(?:name\s+(?:of\s+)?(?:the\s+|your\s+)?{_KINDS}|{_KINDS}\s+name|name\s+it|call\s+it)\s*(?:is|:|should\s+be|must\s+be)?\s*"
    rf"{_MARKED}?([A-Za-z_]\w*)",
    re.IGNORECASE,
)
_MARKED_NAME = re.compile(
    rf"(?:\b{_KINDS}|函数|函數|関数|함수|функци\w*)\s*:?\s*(?:{_MARKED}\s*(?:def\s+)?([A-Za-z_]\w*)\s*(?:\(|{_MARKED})|"
    rf"(?:def\s+)?([A-Za-z_]\w*)\s*\()",
    re.IGNORECASE,
)
_CLASS_NAMED = re.compile(
    r"\b(?i:implement|write|design|create|define|complete|build)\s+(?:an?\s+|the\s+|your\s+)?(?:\w+\s+)?"
    r"(?:[`*]{0,2}class\s+(?:named\s+|called\s+)?[`*]{0,2}([A-Z]\w+)|[`*]{0,2}([A-Z]\w+)[`*]{0,2}\s+class\b)"
)
_SIGNED = re.compile(r"\bsignature\b\W{0,4}(?:is\W{1,3})?(?:def\s+)?([A-Za-z_]\w*)\s*\(", re.IGNORECASE)
_ALONE = re.compile(
    r"^[ \t]*`?(?:def[ ]+)?([A-Za-z_]\w*)\((?:[A-Za-z_][^()\n]{0,200})?\)[ ]*(?:->[^\n]{1,60})?:?`?[ ]*$", re.MULTILINE
)
_SIGNATURE = re.compile(r"`(?:def\s+)?([A-Za-z_]\w*)\s*\(([^`\n]{0,400})\)\s{0,3}(?:->\s?[^`\n]{1,100})?`")
_PLAIN = re.compile(
    r"\b(?:write|implement|complete|define|create|code|provide|task)\b:?\s+(?:the\s+|a\s+)?[`*]{0,2}(?:def\s+)?"
    r"([A-Za-z_]\w*)\s*\(([^()\n]{0,400})\)",
    re.IGNORECASE,
)
_NO_NAMES = {"O", "o", "Theta", "Omega", "that", "to", "which", "with", "is", "for", "in", "and", "of", "the", "a",
             "as", "takes", "returns", "named", "called", "should", "will", "must", "this", "it", "def", "you", "input",
             "output", "print", "range", "can", "exactly", "below", "above", "here", "by", "on", "from",
             "signature", "body", "header", "name", "be", "only"}  # fmt: skip  # fmt: skip


def asks_for_function(statement: str) -> bool:
    """Whether a statement says that a function is to be written."""
    return bool(_ASKED.search(statement))


def is_told(statement: str) -> bool:
    """Whether a statement tells its reader to write a function, and does not only define one to reckon with."""
    return bool(_TOLD.search(statement))


def squeezed(text: str) -> str:
    """Return a text without long gaps, which patterns would walk through again and again."""
    return _GAP.sub("  ", text)


def named_function(statement: str) -> str:
    """Return the name that a sentence gives to the function."""
    statement = squeezed(statement)
    for pattern in (_NAMED, _NAME_IS, _MARKED_NAME, _CLASS_NAMED):
        for match in pattern.finditer(statement):
            name = next(group for group in match.groups() if group)
            if name not in _NO_NAMES and not hasattr(builtins, name):
                return name
    return ""


def signed_function(statement: str) -> str:
    """Return the name of the first signature behind the word function, or behind a verb that asks; `O(n)` is none."""
    statement = squeezed(statement)
    asked = re.search(rf"\b{_KINDS}\b|函数|関数|함수", statement, re.IGNORECASE)
    found = [match[1] for match in _SIGNATURE.finditer(statement, asked.end())] if asked else []
    found += [
        match[1]
        for match in _SIGNATURE.finditer(statement)
        if _VERB.search(statement[max(match.start() - 30, 0) : match.start()])
    ]
    found += [match[1] for pattern in (_PLAIN, _SIGNED) for match in pattern.finditer(statement)]
    found += functions_in(statement)
    found += [match[1] for match in _ALONE.finditer(statement)] if _ASKED.search(statement) else []
    return next((name for name in found if name not in _NO_NAMES and not hasattr(builtins, name)), "")
