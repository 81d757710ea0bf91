"""Calls with their values in any other form: `f(1) == 2`, `f(1) => 2`, `f(1) returns 2`, `f(1)  # 2`, asserts.

A call counts only when its arguments are constants, so that `f(n) = n + f(n - 1)` in a sentence is none. A call with
constant arguments whose value nobody can read is refused by name, unless it was read elsewhere.
"""

from __future__ import annotations

import ast
import builtins
import re

from nodes.parsing.source import LITERAL_CHARS
from nodes.reading.asserted import HOW_TO, PATIENCE, Asserts, read_raised
from nodes.reading.assertions import (
    NoCheckError,
    Wanted,
    calls_of,
    checks,
    constant_arguments,
    is_call_of,
    returned,
)
from nodes.reading.found import MOST_LINES, Page
from nodes.reading.values import UNREADABLE, expression, fold, python_words, read_value, value_end

_DECORATION = re.compile(r"^\s*(?:>>>\s*)?(?:(?:[-*•+]|\(?\d+[.)]|\(?[a-z]\))\s+)?(?:for\s+)?`?", re.IGNORECASE)
_WORD_VALUE = (
    r"(?:(?:should|would|will|must|shall|could|can)\s+(?:then\s+)?(?:return|be(?:\s+equal\s+to)?|give|equal|output|"
    r"produce|yield|print|result\s+in|evaluate\s+to)|returns?|returned|gives?|yields?|equals?|is(?:\s+equal\s+to)?|"
    r"evaluates\s+to|produces?|outputs?|prints?|results\s+in|becomes)"
)
_JOIN = re.compile(
    r"[`*;]{0,3}\s*(?:(?P<arrow>={2,3}>|=>|-{1,2}>|➞|→|⇒|⟶|↦|➜|={2,3}|(?<![=!<>])=(?!=)|≡)"
    r"|(?:#|//)\s*(?:(?P<comment>=>|->|→|==)|(?:output|result|expected|returns?|gives?|should\s+(?:be|return))\b:?|(?=\S))"
    rf"|(?:,?\s*(?:it|which|this|that)\s+)?(?P<words>\b{_WORD_VALUE}\b):?"
    r"|,?\s*(?:the\s+)?(?:output|result|answer|expected(?:\s+output)?)\s*(?:is|should\s+be|will\s+be|:|=)"
    r"|:(?=\s))"
    r"(?:\s*(?:the\s+)?(?:value|list|string|number|integer)\s+(?=[`'\"\[\d]))?\s*[`*]{0,2}\s*",
    re.IGNORECASE,
)
_RAISES = re.compile(
    r"[`*]{0,2}\s*(?:#|//|=>|->|→|➞|,)?\s*(?:should\s+|will\s+|must\s+)?(?:raises?|throws?)\s+(?:an?\s+)?`?([A-Za-z_]\w*(?:Error|Exception))",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"[`*]{0,2}\s*(?:$|#|//|[.,;:)!]|\(|[-–—]\s|<br|\\|(?:because|since|as|so|where|which|and|but|for|with|due|explanation)\b"
    r"|[\"'“”]{3}|\S+\()",
    re.IGNORECASE,
)
_NOT_AFTER = re.compile(
    r"(?!\*{1,2}\s*$)\s*(?:(?:or|if|unless|when|else)\b|[-+*/%<>&|^]\s*\S|,\s*[-\d\"'\[{]"
    r"|,?\s*(?:but|instead\s+of|rather\s+than|although)\b)",
    re.IGNORECASE,
)
_OPERATOR = re.compile(r"not\b|~")
"""What turns a value into another one in Python, and in a sentence is a word or a sign."""
_STRANGER = re.compile(
    r"^\s*(?:>>>\s*)?(?:assert\s+)?(?:[-*•]\s+|\d+[.)]\s+)?`?([A-Za-z_]\w*\(.*\))`?\s*(?:={2,3}>?|=>|-{1,2}>|➞|→|⇒)\s*\S"
)
_RAISING = re.compile(r"^\s*with\s+(?:pytest\.raises|self\.assertRaises)\(\s*([A-Za-z_][\w.]*)")
_IN_SUM = re.compile(r"[\w)\]]\s*[-+*/%]\s*$")
"""Before a call that is a part of a sum."""
_STRANGE = re.compile("[\u2018\u2019\u201c\u201d\u2026\u2212\u2013\u00d7]|\\.{3}")
"""Signs of typography, where Python has others."""
_SAID = re.compile(r"\b(?:for\s+(?:example|instance)|e\.g\.|example:?)[^.]{0,60}$", re.IGNORECASE)
_EXAMPLES = re.compile(r"^[ ]*(?:#+[ ]*|\*\*)?examples\b", re.IGNORECASE | re.MULTILINE)
_WORDS_BETWEEN = 30


class ShownCalls:
    """The reader of one statement's asserts and of calls in other forms."""

    def __init__(self, page: Page, wanted: Wanted) -> None:
        self._page = page
        self._wanted = wanted
        self._call = re.compile(
            rf"(?<![\w.])(?:Solution\(\)\.|solution\.|self\.|sol\.|s\.)?{re.escape(wanted.entry_point)}\s?\("
        )
        self._asserts = Asserts(page, wanted, self._call)
        self._before = self._asserts.before
        self._mentions: list[tuple[int, str, str]] = []
        self._patience = PATIENCE
        self._end = 0
        """First line behind the call that is being read."""
        name, text = re.escape(wanted.entry_point), "\n".join(page.lines)
        self._is_sum = bool(re.search(rf"\b{name}\([A-Za-z]\w*\)[ ]*=[^=>]", text))
        """Whether a line defines the function by itself, as a recurrence does."""
        heading = _EXAMPLES.search(text)
        self._examples = text.count("\n", 0, heading.start()) if heading else len(page.lines)
        self._is_called = bool(self._call.search(text))

    def read(self) -> None:
        """Read what no reader before has taken."""
        self._asserts.read()
        if self._is_called:
            self._others()
        read = {test.input for _, test in self._page.tests}
        for number, arguments, why in self._mentions:
            if arguments not in read:
                self._page.refuse(number, f"{why}; {HOW_TO}")
        self._strangers()

    def _strangers(self) -> None:
        """Refuse examples of another function than the one that is asked for."""
        for number, line in enumerate(self._page.lines):
            if "(" not in line or not self._page.free(number) or len(line) > LITERAL_CHARS:
                continue
            match = _STRANGER.match(line)
            call = expression(python_words(match[1])) if match else None
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and _is_constant(call):
                name = call.func.id
                if name != self._wanted.entry_point and not hasattr(builtins, name) and call.args:
                    self._page.refuse(number, f"it calls {name}, not {self._wanted.entry_point}; {HOW_TO}")

    def _others(self) -> None:
        number = 0
        while number < len(self._page.lines):
            if self._page.work > 0 and self._page.free(number) and self._call.search(self._page.lines[number]):
                number = max(self._line(number), number + 1)
            else:
                number += 1

    def _line(self, number: int) -> int:
        """Read all calls that begin in a line; return the first line behind the last one."""
        if self._comparison(number):
            return number + 1
        line, at, end = self._page.lines[number], 0, number + 1
        while (match := self._call.search(line, at)) and self._page.may_go_on(number):
            whole, end = self._closed(number, end, line, match.end() - 1)
            if whole is None:
                return number + 1
            line, self._end = whole, end
            at = self._shown(number, line, match.start())
        return end

    def _closed(self, number: int, end: int, line: str, start: int) -> tuple[str | None, int]:
        """Return the line with as many more as the bracket at `start` takes, and the first line behind."""
        while _bracket_end(line, start) < 0:
            self._patience -= 1
            if (
                self._patience < 0
                or end >= len(self._page.lines)
                or end > number + MOST_LINES
                or not self._page.free(end)
            ):
                return None, end
            if not self._page.lines[end].strip() or len(line) > 2 * LITERAL_CHARS:
                return None, end
            line, end = f"{line} {self._page.lines[end].strip()}", end + 1
        return line, end

    def _comparison(self, number: int) -> bool:
        """Read a line that is nothing but a comparison, such as `abs(f(1) - 2) < 1e-6`, or `2 == f(1)`."""
        line = self._page.lines[number]
        text = line[_DECORATION.match(line).end() :].strip().rstrip("`.,;")  # type: ignore[union-attr]
        node = expression(python_words(text))
        if not isinstance(node, ast.Compare) or not calls_of(node, self._wanted.entry_point):
            return False
        try:
            found = checks(node, self._wanted, self._before)
        except NoCheckError:
            return False
        self._page.add(number, *found)
        self._page.take([number])
        return True

    def _shown(self, number: int, line: str, start: int) -> int:
        """Read the call at a place and the value behind it; return where to go on."""
        opening = line.index("(", start)
        close = _bracket_end(line, opening)
        call = expression(python_words(line[start : close + 1]))
        if not isinstance(call, ast.Call) or not is_call_of(call, self._wanted.entry_point):
            joined = _JOIN.match(line, close + 1)
            if joined and (joined["arrow"] or joined["words"]) and _STRANGE.search(line, opening, close):
                self._page.refuse(number, f"its arguments are no values that Python can read; {HOW_TO}")
            return opening + 1
        if _IN_SUM.search(line[max(start - 60, 0) : start]):
            return close + 1
        rest = close + 1
        if line[max(start - 8, 0) : start].rstrip().endswith("print(") and line[rest : rest + 1] == ")":
            rest += 1
        if raised := _RAISES.match(line, rest):
            read_raised(self._page, self._wanted, self._before, (number, call, raised[1]))
            return raised.end()
        return self._joined(number, line, rest, call)

    def _joined(self, number: int, line: str, rest: int, call: ast.Call) -> int:
        """Read what follows a call; return where to go on."""
        arguments = constant_arguments(call, self._wanted, self._before.values)
        is_constant = arguments is not None or _is_constant(call)
        joined = _JOIN.match(line, rest)
        is_said = bool(_SAID.search(line, max(rest - 200, 0), rest))
        if joined and joined["arrow"] == "=" and self._is_sum and number < self._examples and not is_said:
            # `t(1) = 3` beside `t(n) = t(n - 1) + 1` defines a sequence, which the function need not give.
            return joined.end()
        if joined and joined["arrow"] and "..." in line[:rest] and any(_is_ellipsis(one) for one in ast.walk(call)):
            self._page.refuse(number, f"what `...` stands for is not said; {HOW_TO}")
        elif joined and joined["arrow"] and not is_constant and self._is_bare(call):
            self._page.refuse(number, f"its arguments are no values: texts need quotes; {HOW_TO}")
        if not joined and is_constant and (below := self._below(number, line, rest, call)) is not None:
            return below
        if not joined or not is_constant:
            if not joined and is_constant and (more := self._with_next(number, line, rest)) is not None:
                return self._valued(number, *more, call)
            if is_constant and arguments and call.args:
                self._mentions.append((number, arguments, "the value of this call is not where it could be read"))
            return rest
        return self._valued(number, line, joined.end(), call)

    def _below(self, number: int, line: str, rest: int, call: ast.Call) -> int | None:
        """Read a call that stands alone: its value in the line below, or an exception that the line above expects."""
        alone = not line[rest:].strip("`; ") and line.strip("` *-").startswith(
            (self._wanted.entry_point, "print", "Solution")
        )
        above = _RAISING.match(self._page.lines[number - 1]) if number else None
        if alone and above:
            read_raised(self._page, self._wanted, self._before, (number, call, above[1]))
            return rest
        following = self._page.lines[number + 1].strip() if number + 1 < len(self._page.lines) else ""
        value = read_value(following.strip("`")) if alone and following and self._page.free(number + 1) else None
        if value is None:
            return None
        self._page.add(number, returned(call, value, self._wanted, self._before))
        self._page.take([number, number + 1])
        return rest

    def _is_bare(self, call: ast.Call) -> bool:
        """Whether the arguments are names that are no parameters, such as a text without its quotes."""
        names = {one.id for one in ast.walk(call) if isinstance(one, ast.Name)} - {self._wanted.entry_point}
        return bool(names and self._wanted.parameters) and not names & {*self._wanted.parameters, "n", "i", "k", "x"}

    def _with_next(self, number: int, line: str, rest: int) -> tuple[str, int] | None:
        """Return the line with the next one, where a sentence goes on there, and the place of the value."""
        following = self._page.lines[number + 1 : number + 2]
        if not following or not self._page.free(number + 1) or len(line) - rest > _WORDS_BETWEEN:
            return None
        longer = f"{line.rstrip()} {following[0].strip()}"
        joined = _JOIN.match(longer, rest)
        return (longer, joined.end()) if joined and joined.end() > len(line.rstrip()) else None

    def _valued(self, number: int, line: str, start: int, call: ast.Call) -> int:
        text, end = self._value(number, line, start)
        if text is None:
            arguments = constant_arguments(call, self._wanted, self._before.values) or ""
            if not arguments and not call.keywords:
                return start
            self._mentions.append(
                (number, arguments, f"{line[start : start + 40].strip()} is no value Python can read")
            )
            return start
        try:
            self._page.add(number, returned(call, text, self._wanted, self._before))
            self._page.take([number])
        except NoCheckError as error:
            self._page.refuse(number, f"{error}; {HOW_TO}")
        return end

    def _value(self, number: int, line: str, start: int) -> tuple[str | None, int]:
        """Return the value at a place, in Python's spelling, and where it ends; it may go on in the lines below."""
        following = max(number + 1, self._end)
        while value_end(line, start) < 0 and following < min(number + 2 * MOST_LINES, len(self._page.lines)):
            line = f"{line} {self._page.lines[following].strip()}"
            following += 1
        end = value_end(line, start)
        if end < 0:
            return None, start
        whole = line[start : start + LITERAL_CHARS + 1].split(" #")[0].rstrip()
        if whole.endswith("..."):
            return None, start
        whole = whole.rstrip(".,;`*")
        value = _chained(whole) if len(whole) <= LITERAL_CHARS and not _OPERATOR.match(whole) else None
        if value is not None:
            if whole.startswith("(") and whole.endswith(")") and not value.startswith("("):
                self._page.bracketed.add(number)
            return value, start + len(whole)
        text = line[start:end]
        bare = text.rstrip(".:!*") if not text.endswith("...") else text
        value = None if _OPERATOR.match(bare) or _OPERATOR.match(line, start) else read_value(bare)
        if value is not None and bare.startswith("(") and not value.startswith("("):
            self._page.bracketed.add(number)
        is_whole = bool(_AFTER.match(line, start + len(bare))) and not _NOT_AFTER.match(line, start + len(bare))
        return (value, end) if value is not None and is_whole else (None, start)


def _chained(text: str) -> str | None:
    """Return the value of `1 + 2`, or of `1 + 2 = 3` where both sides are equal; the last one is what is meant."""
    value = read_value(text)
    if value is not None or "=" not in text:
        return value
    values = [read_value(part) for part in re.split(r"\s=+\s", text)]
    nodes = [expression(value) for value in values if value is not None]
    if len(nodes) < len(values) or len(values) < 2:
        return None
    folded = [fold(node) for node in nodes if node is not None]
    return values[-1] if all(one == folded[0] for one in folded) else None


def _bracket_end(text: str, start: int) -> int:
    """Return the place of the bracket that closes the one at `start`, or -1. Linear in the text."""
    depth, i = 0, start
    while i < len(text):
        sign = text[i]
        if sign in "\"'":
            i = _skip_string(text, i)
            if i < 0:
                return -1
        elif sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
            if depth == 0:
                return i
        i += 1
    return -1


def _skip_string(text: str, start: int) -> int:
    i = start + 1
    while i < len(text) and text[i] != text[start]:
        i += 2 if text[i] == "\\" else 1
    return i if i < len(text) else -1


def _is_ellipsis(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _is_constant(call: ast.Call) -> bool:
    """Whether all arguments are constants, keywords included."""
    try:
        for value in (*call.args, *(keyword.value for keyword in call.keywords)):
            fold(value)
    except UNREADABLE:
        return False
    return True
