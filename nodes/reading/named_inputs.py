"""Examples of a function that name its inputs: `Input: a = 1, b = [2]`, `For x = 3 the output should be 9`, tables.

Values are put in the order of the parameters where the names are known. LeetCode's sequences of calls and its notation
of lists and trees are read here as well.
"""

from __future__ import annotations

import re

from nodes.labelled import Block, blocks_of, pairs_of
from nodes.parsing.source import LITERAL_CHARS
from nodes.prose import is_prose
from nodes.reading.assertions import Wanted
from nodes.reading.found import Page
from nodes.reading.structures import sequence_of_calls
from nodes.reading.values import UNREADABLE, expression, fold, python_words, read_value, spell, value_end
from nodes.state import PublicTest
from sandbox.checks import How

_DATA = re.compile(r"(?i)[\d\"'\[({]|true|false|none")
"""A part of every value."""
_NAME = re.compile(r"\s*(?:and\s+|with\s+)?([A-Za-z_]\w*)\s*(?:\[\s*\]){0,2}\s*(?:=|:)\s*(?!=)", re.IGNORECASE)
_PART = re.compile(r"\s*(?:,|;|\band\b|\s)\s*(?:and\s+)?", re.IGNORECASE)
_FOR = re.compile(
    r"\b(?:for|if|when|given|with|e\.g\.|example:?)\s+(?:the\s+)?(?:input\s+)?(?=`?[A-Za-z_]\w*`?\s*=\s*[^=\s])",
    re.IGNORECASE,
)
_RESULT = re.compile(
    r"(?:\b(?:outputs?|results?|answers?|return(?:ed)?\s+values?)\s*(?:should\s+be|would\s+be|will\s+be|must\s+be|shall\s+be|is|are|=|:)"
    r"|\b(?:should|will|would|must)?\s*returns?\b:?|=>|->|→|➞|\bwe\s+get\b)\s*(?:the\s+)?`?\s*",
    re.IGNORECASE,
)
_ESCAPED = re.compile(r"\\([\[\]_*<>{}()\"'])")
_SAME_LINE = re.compile(
    r"\binput\s?(?:is|=|:)?\s?(.{1,1000}?)[,;.]?\s(?:the\s|expected\s){0,2}(?:outputs?|results?|answer|gives|returns)\s?"
    r"(?:is|should\sbe|will\sbe|would\sbe|=|:)?\s?(.+)$",
    re.IGNORECASE,
)
_ARROW = re.compile(
    r"^\s*(?:[-*•]\s+|\d+[.)]\s+)?(?:(?:for\s+)?examples?\s*\d*\s*:|e\.g\.:?|input:?|for)?\s*`?(.{1,1000}?)`?\s*"
    r"(?:={1,2}>|-{1,2}>|➞|→|⇒|⟶)\s*(?:output:?\s*)?`?(.{1,1000})$",
    re.IGNORECASE,
)
_RAISED = re.compile(r"\s*`?(?:raises?\s+(?:an?\s+)?)?`?([A-Z]\w*(?:Error|Exception))`?\.?\s*$")
_GOES_ON = re.compile(r"`?(?:[ \t]+(?:or|if|unless|when|else)\b|[ \t]+\(?[-\d\"'\[{]|[ \t]*[-+*/%^]\s*[\w(])")
"""Behind a value: it was not all of it."""
_NO_PIPES = re.compile(r"^[^|\n]+(?:\|[^|\n]+)+$")
_ROW = re.compile(r"^\s*\|(.*)\|\s*$")
_RESULT_COLUMN = re.compile(
    r"^(?:expected(?:[\s_]+(?:result|output|value))?|results?|outputs?|returns?|return\s+value|answer|value)$",
    re.IGNORECASE,
)
HOW_TO = "write `>>> f(1)` and the value below it, or `Input: a = 1, b = [2]` and `Output: 3`"


class NamedInputs:
    """The reader of one statement's examples that name their inputs."""

    def __init__(self, page: Page, wanted: Wanted) -> None:
        self._page = page
        self._wanted = wanted

    def read(self) -> None:
        """Read labelled pairs, and sentences."""
        self._labelled()
        for number, line in enumerate(self._page.lines):
            if _DATA.search(line) and self._page.work > 0 and self._page.free(number) and len(line) <= LITERAL_CHARS:
                self._sentence(number, line)

    def _labelled(self) -> None:
        text = "\n".join(line if self._page.free(i) else "" for i, line in enumerate(self._page.lines))
        for given, wanted in pairs_of(text):
            if not self._page.may_go_on(given.line):
                return
            self._pair(given, wanted)
        for block in blocks_of(text):
            if block.is_inline and self._page.free(block.line) and assigned_values(plain(block.text)):
                self._page.refuse(block.line, f"no result belongs to it; {HOW_TO}")

    def _pair(self, given: Block, wanted: Block) -> None:
        if (not given.is_inline and is_prose(given.text)) or is_prose(wanted.text) or not wanted.text.strip():
            return
        sequence = sequence_of_calls(plain(given.text), plain(wanted.text))
        if sequence is not None:
            self._page.add(given.line, sequence)
            self._page.take([given.line, wanted.line])
            return
        arguments, why = self.arguments(plain(given.text))
        expected = read_value(first_value(plain(wanted.text)))
        if arguments is not None and expected is not None:
            self._page.add(given.line, PublicTest(input=arguments, expected=expected))
            self._page.take([given.line, wanted.line])
        elif arguments is not None or expected is not None or has_values(given.text) or _is_bare_text(given, wanted):
            why = why if arguments is None else f"{wanted.text.strip()[:40]} is no value that Python can read"
            self._page.refuse(given.line, f"{why}; {HOW_TO}")

    def arguments(self, text: str) -> tuple[str | None, str]:
        """Return the arguments that an input spells, in the order of the parameters, or why there are none."""
        named = assigned_values(text)
        if named:
            return self._in_order(named)
        lines = [line for line in text.strip().splitlines() if line.strip()]
        values = _positional(text.strip()) or _one_a_line(lines)
        if values is None:
            return None, "the input is no value that Python can read"
        expected = len(self._wanted.parameters)
        if expected == 1 and len(values) > 1:
            values = [f"({', '.join(values)})"]
        if expected and len(values) != expected:
            return None, f"the input has {len(values)} values, the function takes {expected}"
        return ", ".join(values), ""

    def _in_order(self, named: dict[str, str]) -> tuple[str | None, str]:
        parameters = self._wanted.parameters
        if set(parameters) == named.keys():
            return ", ".join(named[name] for name in parameters), ""
        lower = {name.lower(): value for name, value in named.items()}
        if {name.lower() for name in parameters} == lower.keys():
            return ", ".join(lower[name.lower()] for name in parameters), ""
        kept = {name: named[name] for name in parameters if name in named}
        sizes = {str(_length(value)) for value in kept.values()}
        if kept and len(kept) == len(parameters) and all(named[name] in sizes for name in named.keys() - kept.keys()):
            # Some sites give the length of a list as an input of its own.
            return ", ".join(kept.values()), ""
        if parameters and len(named) != len(parameters):
            return None, f"it names {len(named)} inputs, the function takes {len(parameters)}"
        # Names that are known go to their parameters, the others to the places that are left.
        known = {name.lower() for name in parameters} & lower.keys()
        rest = iter([value for name, value in named.items() if name.lower() not in known])
        placed = [lower[name.lower()] if name.lower() in known else next(rest) for name in parameters]
        return ", ".join(placed or named.values()), ""

    def _sentence(self, number: int, line: str) -> None:
        """Read `For x = [1, 2] the output should be 3`, and an example whose input and output share a line."""
        if match := _SAME_LINE.search(line):
            arguments, _ = self.arguments(plain(match[1]))
            expected = read_value(first_value(plain(match[2])))
            if arguments is not None and expected is not None:
                self._page.add(number, PublicTest(input=arguments, expected=expected))
                self._page.take([number])
                return
        match = _FOR.search(line)
        if self._arrow(number, line) or not match:
            return
        named, end = _assignments(plain(line), match.end())
        known = set(self._wanted.parameters)
        if not named or (known and not named.keys() <= known and len(named) != len(known)):
            return
        arguments, why = self._in_order(named)
        results = [one for one in _RESULT.finditer(line, end)]
        values = [value for one in results if (value := read_value(first_value(line[one.end() :])))]
        if arguments is not None and values:
            self._page.add(number, PublicTest(input=arguments, expected=values[-1]))
            self._page.take([number])
        elif results and known:
            self._page.refuse(number, f"{why or 'its result is no value that Python can read'}; {HOW_TO}")

    def _arrow(self, number: int, line: str) -> bool:
        """Read `[1, 2] -> 3`: constant arguments, an arrow, a value, and nothing else."""
        match = _ARROW.match(line)
        if not match:
            return False
        named = assigned_values(match[1])
        values = None if named else _positional(plain(match[1]))
        raised = _RAISED.match(match[2])
        expected = read_value(match[2].strip().rstrip(".").strip("`")) if raised is None else raised[1]
        if expected is None or not (named or values):
            return False
        arguments, why = self._in_order(named) if named else self._counted(values or [])
        if arguments is None:
            self._page.refuse(number, f"{why}; {HOW_TO}")
            return True
        how: How = "equal" if raised is None else "raises"
        self._page.add(number, PublicTest(input=arguments, expected=expected, how=how))
        self._page.take([number])
        return True

    def _counted(self, values: list[str]) -> tuple[str | None, str]:
        """Return values as arguments, where there are as many as parameters, or why there are none."""
        takes = len(self._wanted.parameters) or 1
        whole = _positional(values[0][1:-1]) if len(values) == 1 and values[0].startswith("(") and takes > 1 else None
        values = whole or values
        return (", ".join(values), "") if len(values) == takes else (None, f"it has {len(values)} values, not {takes}")

    def tables(self) -> None:
        """Read tables whose last column is the result."""
        number, lines = 0, self._page.lines
        while number + 2 < len(lines):
            head = _cells(lines[number])
            if head and self._is_result(head[-1]) and _is_rule(lines[number + 1]):
                number = self._table(number, head)
            number += 1

    def _is_result(self, title: str) -> bool:
        return bool(_RESULT_COLUMN.match(title)) or title.startswith(f"{self._wanted.entry_point}(")

    def _table(self, number: int, head: list[str]) -> int:
        at = number + 2
        while at < len(self._page.lines) and (cells := _cells(self._page.lines[at])):
            self._row(at, head, cells)
            at += 1
        self._page.take(range(number, at))
        return at - 1

    def _row(self, number: int, head: list[str], cells: list[str]) -> None:
        values = [read_value(cell) for cell in cells]
        if len(cells) == 2 and values[0] is None:
            arguments, _ = self.arguments(cells[0].removeprefix(f"{self._wanted.entry_point}(").removesuffix(")"))
        elif None in values[:-1] or len(cells) != len(head):
            arguments = None
        else:
            arguments, _ = self._in_order({name: str(value) for name, value in zip(head[:-1], values, strict=False)})
        if arguments is None or values[-1] is None:
            self._page.refuse(number, f"a cell is no value that Python can read; {HOW_TO}")
        else:
            self._page.add(number, PublicTest(input=arguments, expected=values[-1]))


_TYPES = re.compile(
    r"(?i)\b(?:an?|the|ints?|integers?|str|strings?|lists?|arrays?|bool(?:ean)?s?|floats?|numbers?|none|tuples?|dict(?:ionary)?|"
    r"characters?|output|input|values?|result)\b"
)


def _is_bare_text(given: Block, wanted: Block) -> bool:
    """Whether both sides of a pair are a word or two without quotes, and no types."""
    texts = [re.sub(r"^\w+\s*=", "", block.text).strip() for block in (given, wanted)]
    return all(text and len(text.split()) <= 2 and not _TYPES.search(text) for text in texts)


def assigned_values(text: str) -> dict[str, str]:
    """Return the values of `a = 1, b = [2]`, also parted by `;`, `and` or lines; empty where that is no such list."""
    named, end = _assignments(text.strip(), 0)
    return named if named and not text.strip()[end:].strip(" .,;\n") else {}


def _assignments(text: str, start: int) -> tuple[dict[str, str], int]:
    """Return the values that are named from a place on, and where they end."""
    named: dict[str, str] = {}
    at = start
    while match := _NAME.match(text, at):
        begin = match.end()
        is_array = "[" in text[match.end(1) : begin]
        end = _end_of_value(text, begin)
        value = _array(text[begin:end]) if is_array else read_value(text[begin:end].strip("`"))
        if value is None:
            return named, at
        named[match[1]] = value
        part = _PART.match(text, end)
        at = part.end() if part else end
        if not part:
            break
    return named, at


def _end_of_value(text: str, start: int) -> int:
    end = value_end(text, start)
    return len(text) if end < 0 else end


def _array(text: str) -> str | None:
    """Return a list that is written with braces, as in `arr[] = {1, 2, 3}`."""
    bare = text.strip()
    return read_value(bare.replace("{", "[").replace("}", "]") if bare.startswith("{") else bare)


def plain(text: str) -> str:
    """Take Markdown's backslashes away from brackets outside of strings."""
    return _ESCAPED.sub(r"\1", text) if "\\[" in text or "\\_" in text or '\\"' in text else text


def first_value(text: str) -> str:
    """Return the value that a text begins with, without the remarks behind it."""
    bare = text.strip().strip("`").strip()
    if read_value(bare) is not None:
        return bare
    end = value_end(bare)
    piece = bare[:end] if end > 0 else bare
    if _GOES_ON.match(bare, len(piece)):
        return bare
    return piece.rstrip(".") if read_value(piece) is None else piece


def _positional(text: str) -> list[str] | None:
    """Return the values of `[1, 2], 3`, or None."""
    if not text or len(text) > LITERAL_CHARS or "\n" in text.strip():
        node = (
            expression(f"({python_words(' '.join(text.split()))},)")
            if len(text) <= LITERAL_CHARS and text.strip()
            else None
        )
    else:
        node = expression(f"({python_words(text)},)")
    if node is None:
        return None
    try:
        return [spell(fold(item)) for item in getattr(node, "elts", ())] or None
    except UNREADABLE:
        return None


def _one_a_line(lines: list[str]) -> list[str] | None:
    values = [read_value(line) for line in lines[:20]]
    return [value for value in values if value is not None] if lines and None not in values else None


def _folded(text: str) -> object:
    node = expression(text)
    return None if node is None else fold(node)


def _length(text: str) -> int:
    value = _folded(text)
    return len(value) if isinstance(value, list | str | tuple) else -1


def has_values(text: str) -> bool:
    """Whether a text looks like data: digits, quotes or brackets, and few words."""
    words = len(re.findall(r"[A-Za-z]{3,}", text))
    return bool(re.search(r"[\d\[\"']", text)) and words < 6


def _cells(line: str) -> list[str]:
    if len(line) > LITERAL_CHARS or "|" not in line:
        return []
    row = _ROW.match(line)
    inner = row[1] if row else line.strip() if _NO_PIPES.match(line.strip()) else ""
    return [cell.strip().strip("`").strip() for cell in inner.split("|")] if inner else []


def _is_rule(line: str) -> bool:
    return bool(re.match(r"^[\s|:\-]{3,200}$", line)) and "-" in line
