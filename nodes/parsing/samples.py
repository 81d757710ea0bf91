"""Inputs and outputs of programs in a reply, under labels in every dress that models give them.

The lines are brought into the plain form `Input:` / `Output:`, which nodes/labelled.py reads; fenced data stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nodes.labelled import labelled_blocks, labelled_pairs
from nodes.prose import is_prose

_HEAD = re.compile(
    r"(?:[-*+\u2022]\s+|\d{1,3}[.)]\s+|#{1,6}\s*|>\s*)*[*_`]*(?:(?:given|test|sample|example)(?:\s+case)?\s*#?\d*\s*[.\-\u2013)]?\s*[*_]*\s*)?"
    r"(?P<name>(?:expected[\s_]+)?(?:std)?(?:input|output|in|out)|expected|result)(?:[\s_]*(?:data|value|text))?\s*#?\d*\s*"
    r"(?:\([^()\n]{0,40}\))?\s*[*_`]*\s*",
    re.IGNORECASE,
)
_TITLE = re.compile(
    r"\s*(?:#{1,6}\s*|[*_]{1,3})(?:(?:test|sample|example)(?:\s+case)?\s*#?\d*\s*)?(?P<name>(?:expected\s+)?(?:input|output)|expected)"
    r"\s*#?\d*\s*[*_]{0,3}",
    re.IGNORECASE,
)
_NAMED_VALUE = re.compile(r"^\s*(?:[-*+\u2022]\s+`|[-*+\u2022]?\s*`?[A-Za-z_]\w*`?\s*=\s)")
_LONGEST_HEAD = 80
_OPEN_TAG = re.compile(
    r"^\s*<(?P<name>(?:test[_-]|sample[_-])?(?:expected[_-]?)?(?:std)?(?:input|output|in|out))\b[^<>]{0,40}>(?P<rest>.*)$",
    re.IGNORECASE,
)
_INPUTS = ("input", "in", "stdin", "stdinput")
_OF_THE_PROMPT = ("the whole standard input", "the whole standard output")
"""What prompts/full/tests.j2 shows in the place of data."""
_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")


def sample_pairs(reply: str) -> tuple[tuple[str, str], ...]:
    """Return the (input, output) pairs of a reply."""
    return labelled_pairs(plain_labels(reply))


def data_pairs(reply: str) -> tuple[tuple[str, str], ...]:
    """Return the pairs that a program can read and write; a list of names with values is about an input, and none."""
    return tuple(pair for pair in sample_pairs(reply) if not any(map(_says_nothing, pair)))


def lone_labels(text: str) -> list[int]:
    """Return the lines, from 0, of the labels that have no partner: an input without an output, or the other way."""
    labels = list(_label_lines(text.replace("\r\n", "\n").split("\n")))
    lone: list[int] = []
    waiting: int | None = None
    for line, name in labels:
        if name == "Input" or waiting is None:
            lone += [waiting] if waiting is not None else [line] if name == "Output" else []
            waiting = line if name == "Input" else None
        else:
            waiting = None
    return [*lone, *([waiting] if waiting is not None else [])]


def _label_lines(lines: list[str]) -> Iterator[tuple[int, str]]:
    fence = ""
    for i, line in enumerate(lines):
        mark = _FENCE.match(line)
        if mark is not None:
            fence = "" if fence and line.strip().startswith(fence) else fence or mark[1]
        elif not fence:
            tag = _OPEN_TAG.match(line) if "<" in line else None
            (plain,) = [tag["name"]] if tag else list(_labelled(line))
            if tag or plain != line or plain.startswith(("Input:", "Output:")):
                yield i, _name(plain.partition(":")[0])


def sample_inputs(reply: str) -> tuple[str, ...]:
    """Return the inputs of a reply, without repeats."""
    blocks = labelled_blocks(plain_labels(reply))
    return tuple(dict.fromkeys(text for label, text in blocks if label == "input" and not _is_description(text)))


def _says_nothing(text: str) -> bool:
    """Whether a text is no data: words about them, or those of the prompt, which small models repeat."""
    return text.strip() in _OF_THE_PROMPT or _is_description(text) or is_prose(text)


def _is_description(text: str) -> bool:
    lines = [line for line in text.split("\n") if line.strip()]
    return bool(lines) and all(_NAMED_VALUE.match(line) for line in lines)


def plain_labels(reply: str) -> str:
    """Return a reply with its labels in the form `Input:` and `Output:`, and tagged data in fences."""
    return "\n".join(_plain(reply.replace("\r\n", "\n").split("\n")))


def _plain(lines: list[str]) -> Iterator[str]:
    fence, closing = "", ""
    for line in lines:
        if not line:
            yield line
            continue
        if closing:
            text, is_end, _ = line.partition(closing)
            closing = "" if is_end else closing
            yield from ([text] if text.strip() or not is_end else [])
            yield from (["```"] if is_end else [])
            continue
        mark = _FENCE.match(line)
        if mark is not None:
            fence = "" if fence and line.strip().startswith(fence) else fence or mark[1]
        if fence or mark is not None:
            yield line.strip() if mark is not None else line
            continue
        tag = _OPEN_TAG.match(line) if "<" in line else None
        if tag is None:
            yield from _labelled(line)
            continue
        closing = f"</{tag['name']}>"
        text, is_end, _ = tag["rest"].partition(closing)
        closing = "" if is_end else closing
        yield from (f"{_name(tag['name'])}:", "```", *([text] if text.strip() else []), *(["```"] if is_end else []))


def _labelled(line: str) -> Iterator[str]:
    head, colon, rest = line.strip().partition(":")
    match = (_HEAD if colon else _TITLE).fullmatch(head) if len(head) <= _LONGEST_HEAD else None
    if match is None:
        yield line
        return
    value = rest.strip().lstrip("*_").strip() if rest.startswith(("*", "_")) else rest.strip()
    yield f"{_name(match['name'])}: {value.strip('`')}".rstrip()


def _name(word: str) -> str:
    return "Input" if word.lower().replace("_", " ").replace("-", " ").split()[-1] in _INPUTS else "Output"
