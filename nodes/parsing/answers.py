"""What a reply says that is neither a program nor a test: lists, sketches, criticism, verdicts, choices."""

from __future__ import annotations

import re
from typing import Literal

_SKETCH_MARK = re.compile(r"^[ \t#*_]*(?:fixed |new |revised )?plan\b[ \t*_]*:[ \t*_]*", re.IGNORECASE | re.MULTILINE)
_FLAW_MARK = re.compile(r"^[ \t#*_]*flaw[ \t*_]*:[ \t*_]*", re.IGNORECASE)
BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+(\S.*)$")
_ANSWER = re.compile(r"^[ \t]*\**answer\**\s*:\s*\**\s*(1|2|tie)\b", re.IGNORECASE | re.MULTILINE)
_CHOICE = re.compile(r"\banswer\b[\s*_]*(?:is\b|:)[\s*_:]*(?:option\s+)?[(\[*_`]*(?-i:([A-Z]))\b", re.IGNORECASE)


def parse_bullets(reply: str) -> tuple[str, ...]:
    """Return the items of a bullet or numbered list, without repeats."""
    found = (BULLET.match(line) for line in reply.splitlines())
    return tuple(dict.fromkeys(match.group(1).rstrip() for match in found if match))


def parse_sketch(reply: str) -> str | None:
    """Return the sketch itself, without a leading `Plan:` line; None when it holds no list."""
    text = reply.strip()
    mark = _SKETCH_MARK.match(text)
    text = text[mark.end() :].strip() if mark else text
    return text if parse_bullets(text) else None


def parse_criticism(reply: str) -> tuple[str, str] | None:
    """Return (flaw, fixed sketch) from `Flaw: ...` and `Plan:` parts, which may be bold or headings."""
    text = reply.strip()
    mark = _SKETCH_MARK.search(text)
    if mark is None:
        return None
    sketch, flaw = parse_sketch(text[mark.end() :]), _FLAW_MARK.sub("", text[: mark.start()].strip())
    return (flaw, sketch) if sketch and flaw else None


def parse_verdict(reply: str) -> Literal[0, 1, 2] | None:
    """Return which output the judge prefers: 1, 2, or 0 for a tie; None when it did not say."""
    found = _ANSWER.findall(reply)
    if not found:
        return None
    word = found[-1].lower()
    return 1 if word == "1" else 2 if word == "2" else 0


def parse_choice(reply: str) -> str | None:
    """Return the letter of the option that a reply names last, as in `Answer: B`; None when it names none."""
    found = _CHOICE.findall(reply)
    return found[-1] if found else None
