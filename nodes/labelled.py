"""Read `Input` and `Output` blocks, in statements as sites print them and in the replies of models."""

from __future__ import annotations

import re
from typing import Literal

_LABEL = re.compile(
    r"^\s*(?:#+\s*|\*\*\s*)?(?P<sample>sample\s+|example\s+)?(?P<name>input|output|expected(?:\s+output)?)\s*#?\d*\s*"
    r"(?:\*\*)?\s*(?P<colon>:?)\s*(?:\*\*)?[ \t]*(?P<rest>.*)$",
    re.IGNORECASE,
)
_EXAMPLES = re.compile(r"^\s*(?:#+\s*|\*\*\s*)?(?:samples?|examples?)\b[^.]{0,30}$", re.IGNORECASE)
_AFTER = re.compile(
    r"^\s*(?:#+\s*|\*\*\s*)?(?:explanations?|notes?|constraints|hints?)(?:\s+\d+)?\s*(?:\*\*)?\s*(?::|$)", re.IGNORECASE
)
"""What a site puts below an example without an empty line between."""


def labelled_pairs(text: str) -> tuple[tuple[str, str], ...]:
    """Return the pairs of Input and Output blocks that follow each other."""
    blocks = labelled_blocks(text)
    pairs = zip(blocks, blocks[1:], strict=False)
    return tuple(dict.fromkeys((a[1], b[1]) for a, b in pairs if a[0] == "input" and b[0] == "output"))


def labelled_blocks(text: str) -> list[tuple[Literal["input", "output"], str]]:
    """Return the blocks under `Input:` and `Output:` lines; a block is fenced, or ends at a blank line or a remark.

    Below a heading such as `Examples` a line that is nothing but `Input` or `Output` counts as well.
    """
    lines = text.splitlines()
    first_example = next((i for i, line in enumerate(lines) if _EXAMPLES.match(line)), len(lines))
    blocks: list[tuple[Literal["input", "output"], str]] = []
    i = 0
    while i < len(lines):
        match = _label(lines[i], bare=i > first_example)
        i += 1
        if match:
            body, i = _block(lines, i, match["rest"], bare=i > first_example)
            if body is not None:
                blocks.append(("input" if match["name"].lower() == "input" else "output", body))
    return blocks


def _label(line: str, *, bare: bool) -> re.Match[str] | None:
    """Match a line that names a block: with a colon, as a heading of a sample, or alone where `bare` allows it."""
    match = _LABEL.match(line)
    is_named = match and (match["colon"] or match["sample"] or (bare and not match["rest"]))
    return match if is_named else None


def _block(lines: list[str], start: int, rest: str, *, bare: bool) -> tuple[str | None, int]:
    """Read one block that starts after its label; return (text or None, next line)."""
    if rest.strip():
        return rest.strip().strip("`") + "\n", start
    i = start
    while i < len(lines) and not lines[i].strip():
        i += 1
    if i < len(lines) and lines[i].lstrip().startswith("```"):
        end = next((j for j in range(i + 1, len(lines)) if lines[j].strip().startswith("```")), len(lines))
        return "\n".join(lines[i + 1 : end]).rstrip() + "\n", end + 1
    if i > start + 1 or (i >= len(lines) and i > start):
        return "", start
    end = i
    while end < len(lines) and not _ends_block(lines[end], bare=bare):
        end += 1
    return "\n".join(lines[i:end]).rstrip() + ("\n" if end > i else ""), end


def _ends_block(line: str, *, bare: bool) -> bool:
    return not line.strip() or "```" in line or bool(_AFTER.match(line) or _label(line, bare=bare))
