"""Doctests: a session of `>>>` lines with what they show, over several lines, with variables, prints, exceptions.

Variables with constant values are put into the calls that use them, so that most examples stay plain calls. What needs
the lines before it becomes a session that runs in the box.

Limits: an example whose result depends on `random` is refused, since a right program may draw otherwise.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace

from nodes.reading.assertions import (
    Lines,
    NoCheckError,
    Wanted,
    calls_of,
    checks,
    is_call_of,
    outer_calls,
    parsed,
    returned,
    stranger_in,
)
from nodes.reading.found import MOST_LINES, Page
from nodes.reading.values import UNREADABLE, expression, fold, read_value
from nodes.state import PublicTest
from sandbox.sessions import SHOWN, written

_PROMPT = re.compile(r"^\s*(?:`{1,2}|[-*]\s+)?(?:>>>|In \[\d+\]:)(?:\s|(?=\S)|$)")
_MORE = re.compile(r"^\s*\.\.\.(?:\s|$)")
_OUT = re.compile(r"^Out\[\d+\]:\s*")
_DIRECTIVE = re.compile(r"#\s*doctest:\s*([^\n]*)$")
_PRINTS = re.compile(r"\b(?:prints?|displays?|outputs?)\b", re.IGNORECASE)
_SEVERAL_PARTS = (ast.For, ast.While, ast.If, ast.With, ast.Try)
_TRACEBACK = "Traceback (most recent call last)"
_ENDS = re.compile(r"^\s*(?:```|~~~|\"\"\"|'''|>>>|In \[\d+\]:|assert\b)")
_OBJECT = re.compile(r"^[A-Za-z_][\w.]*\(.*\)$|^<.*>$", re.DOTALL)
_EXCEPTION = re.compile(r"^\s*([A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Warning|Iteration))\b:?\s*(.*)$")
MOST_ITEMS = 500
HOW_TO = "write the call after `>>>` and its value, as Python spells it, on the line below"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One prompt: the statement behind it, and the lines below."""

    number: int
    source: str
    output: tuple[str, ...]
    options: str = ""
    end: int = 0
    """Number of the first line that does not belong to it."""


def items_of(lines: list[str]) -> list[Item]:
    """Return the prompts of a text with what they show, the first `MOST_ITEMS` of them and one more."""
    found: list[Item] = []
    number = 0
    while number < len(lines) and len(found) <= MOST_ITEMS:
        match = _PROMPT.match(lines[number])
        if not match:
            number += 1
            continue
        item = _item(lines, number, lines[number][match.end() :].strip())
        found.append(item)
        number = item.end
    return found


def _item(lines: list[str], start: int, first: str) -> Item:
    source, at = [first.rstrip("`")], start + 1
    while at < len(lines) and at < start + MOST_LINES and _MORE.match(lines[at]):
        source.append(_MORE.sub("", lines[at], count=1).rstrip())
        at += 1
    output: list[str] = []
    while at < len(lines) and at < start + 2 * MOST_LINES and lines[at].strip() and not _ENDS.match(lines[at]):
        output.append(_OUT.sub("", lines[at].strip()).replace("<BLANKLINE>", ""))
        at += 1
    directive = _DIRECTIVE.search(source[-1])
    text = "\n".join(source)
    return Item(
        number=start,
        source=_DIRECTIVE.sub("", text).rstrip(),
        output=tuple(output),
        options=directive[1] if directive else "",
        end=at,
    )


class Doctests:
    """The reader of one statement's doctests."""

    def __init__(self, page: Page, wanted: Wanted) -> None:
        self._page = page
        self._wanted = wanted
        self._before = Lines()
        self._calls: list[str] = []
        self._first: dict[str, str] = {}
        self._random = False
        self._used = 0
        text = "\n".join(page.lines)
        self._may_be_none = bool(re.search(r"\bNone\b|\bOptional\b", text))
        self._prints = bool(_PRINTS.search(text)) and not re.search(r"\breturn", text, re.IGNORECASE)
        """Whether the function shows its result and gives none."""

    def read(self) -> None:
        """Read them all; a prompt line in another form, such as `>>> f(1) => 2`, is left to later readers."""
        items = items_of(list(self._page.lines))
        if len(items) > MOST_ITEMS:
            self._page.refuse(
                items[-1].number, f"more than {MOST_ITEMS} doctest lines; from here on they were not read"
            )
        for item in map(self._without_calls, items[:MOST_ITEMS]):
            body = parsed(item.source)
            if not body:
                if self._calls_it(item.source) and item.output:
                    self._refuse(item, "Python cannot read this line")
                continue
            self._page.take(range(item.number, item.end))
            self._used = len(item.output)
            # Several statements in one line: the last one shows its value.
            for node in body[:-1]:
                self._statement(replace(item, source=ast.unparse(node), output=()), node)
            self._statement(item if len(body) == 1 else replace(item, source=ast.unparse(body[-1])), body[-1])
            # What stands below a value and is no part of it may be an example in another form.
            self._page.taken -= set(range(item.end - len(item.output) + self._used, item.end))

    def _without_calls(self, item: Item) -> Item:
        """Return a prompt whose output ends before a line that calls the function: an example in another form."""
        called = f"{self._wanted.entry_point}("
        end = next((i for i, line in enumerate(item.output) if i and called in line), len(item.output))
        return replace(item, output=item.output[:end], end=item.end - len(item.output) + end)

    def _calls_it(self, source: str) -> bool:
        return bool(re.search(rf"\b{re.escape(self._wanted.entry_point)}\s*\(", source)) and "=>" not in source

    def _refuse(self, item: Item, why: str) -> None:
        self._page.refuse(item.number, f"{why}; {HOW_TO}")

    def _statement(self, item: Item, node: ast.stmt) -> None:
        self._random = self._random or "random" in item.source
        if "SKIP" in item.options:
            return
        if isinstance(node, _SEVERAL_PARTS) and item.output and calls_of(node, self._wanted.entry_point):
            self._page.add(item.number, self._as_shown(node, "\n".join(item.output)))
            return
        if isinstance(node, ast.Expr | ast.Assert):
            is_assert = isinstance(node, ast.Assert)
            self._shown(item, node.test if isinstance(node, ast.Assert) else node.value, is_assert=is_assert)
            return
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            try:
                self._before.values[name] = fold(node.value, self._before.values)
            except UNREADABLE:
                self._remember(item.source, {name})
            return
        self._remember(item.source, _bound(node))

    def _remember(self, source: str, names: set[str]) -> None:
        self._before.run(source, names)

    def _shown(self, item: Item, node: ast.expr, *, is_assert: bool) -> None:
        about = calls_of(node, self._wanted.entry_point) or _names(node) & self._before.names
        if not about:
            if stranger := stranger_in(node, self._wanted, self._before):
                self._refuse(item, f"it calls {stranger}, not {self._wanted.entry_point}")
            if not item.output and not is_assert:
                self._remember(item.source, _names(node))
            return
        if not calls_of(node, self._wanted.entry_point) and not item.output and not is_assert:
            self._remember(item.source, _names(node) & self._before.names)
            return
        try:
            tests = self._tests(item, node, is_assert=is_assert)
        except NoCheckError as error:
            self._refuse(item, str(error))
            return
        self._page.add(item.number, *(self._in_order(test, node) for test in tests))
        self._calls.append(ast.unparse(node))
        changed = self._before.mutable(_names(node))
        if changed:
            # What it was given may be another thing from here on.
            self._remember(ast.unparse(node), changed)
        elif tests and _names(node) & self._before.names:
            # It may change the object that it asks, so that later examples need it.
            self._before.statements.append(ast.unparse(node))

    def _in_order(self, test: PublicTest, node: ast.expr) -> PublicTest:
        """Return a session instead of a call that gave something else before: it counts, or keeps what it was given."""
        if not test.is_plain or self._first.setdefault(test.input, test.expected) == test.expected:
            return test
        session = [*self._before.statements, *self._calls, ast.unparse(node)]
        return PublicTest(input="\n".join(map(written, session)), expected=test.expected)

    def _tests(self, item: Item, node: ast.expr, *, is_assert: bool) -> tuple[PublicTest, ...]:
        if self._random:
            raise NoCheckError("the result depends on what is drawn at random")
        if is_assert:
            return checks(node, self._wanted, self._before)
        if not item.output:
            return self._without_output(item, node)
        if item.output[0].startswith(_TRACEBACK):
            return (self._raises(item, node),)
        text = " ".join(item.output)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print" and node.args:
            return (self._printed(item, node),)
        if text in ("True", "False") and isinstance(node, ast.Compare):
            asked = node if text == "True" else ast.UnaryOp(op=ast.Not(), operand=node)
            return checks(asked, self._wanted, self._before)
        if "ELLIPSIS" in item.options and "..." in text:
            return (self._as_shown(node, "\n".join(item.output)),)
        return (self._valued(item, node, text),)

    def _without_output(self, item: Item, node: ast.expr) -> tuple[PublicTest, ...]:
        if isinstance(node, ast.Compare):
            return checks(node, self._wanted, self._before)
        if _names(node) & self._before.values.keys():
            # It may change what it is given; a later line shows that.
            self._remember(item.source, _names(node) & self._before.values.keys())
            return ()
        following = self._page.lines[item.end : item.end + 1]
        if (
            isinstance(node, ast.Call)
            and is_call_of(node, self._wanted.entry_point)
            and following
            and self._may_be_none
        ):
            return (returned(node, "None", self._wanted, self._before),)
        raise NoCheckError("no value is shown below it")

    def _valued(self, item: Item, node: ast.expr, text: str) -> PublicTest:
        expected = self._value_of(item, text)
        if expected is None and _OBJECT.match(text):
            return self._as_shown(node, "\n".join(item.output))
        if expected is None:
            raise NoCheckError(f"{text[:60]} is no value that Python can read")
        if isinstance(node, ast.Call) and is_call_of(node, self._wanted.entry_point):
            if self._prints:
                return self._as_shown(node, "\n".join(item.output))
            return returned(node, expected, self._wanted, self._before)
        asked = expression(f"({ast.unparse(node)}) == {expected}")
        if asked is None:
            raise NoCheckError("it is no expression with a value")
        if not calls_of(node, self._wanted.entry_point):
            return self._seen(node, expected)
        return checks(asked, self._wanted, self._before)[0]

    def _value_of(self, item: Item, text: str) -> str | None:
        """Return the value below a prompt, all lines of it, or its first line's."""
        value = read_value(text)
        if value is not None:
            return value
        value = read_value(item.output[0])
        if value is not None:
            self._used = 1
        return value

    def _seen(self, node: ast.expr, expected: str) -> PublicTest:
        """Return the check of a variable that lines before have made or changed."""
        values = [f"{name} = {value!r}" for name, value in self._before.values.items()]
        session = [*values, *self._before.statements, ast.unparse(node)]
        return PublicTest(input="\n".join(map(written, session)), expected=expected)

    def _printed(self, item: Item, node: ast.Call) -> PublicTest:
        """Return the check of what a `print` shows: a text is what the function gave, else the value that it spells."""
        text = "\n".join(item.output)
        (inner, *rest) = node.args
        if rest or node.keywords or not is_call_of(inner, self._wanted.entry_point) or not isinstance(inner, ast.Call):
            return self._as_shown(node, text)
        value = self._value_of(item, text)
        if value is None:
            return returned(inner, repr(text), self._wanted, self._before)
        plain = returned(inner, value, self._wanted, self._before)
        if not plain.is_plain:
            return self._as_shown(node, text)
        return plain

    def _as_shown(self, node: ast.expr | ast.stmt, text: str) -> PublicTest:
        values = [f"{name} = {self._before.values[name]!r}" for name in self._before.known_to(_names(node))]
        session = [*values, *self._before.statements, ast.unparse(node)]
        return PublicTest(input="\n".join([SHOWN, *map(written, session)]), expected=text, how="shown")

    def _raises(self, item: Item, node: ast.expr) -> PublicTest:
        """Return the check of an exception, its words included where they are shown in full."""
        found = ((i, match) for i, line in enumerate(item.output) if (match := _EXCEPTION.match(line)))
        number, match = next(found, (0, None))
        if match is None:
            raise NoCheckError("the name of the exception is missing")
        self._used = number + 1
        name, words = match.groups()
        words = "" if "IGNORE_EXCEPTION_DETAIL" in item.options or words == "..." else words
        calls = calls_of(node, self._wanted.entry_point)
        made = returned(calls[0], "", self._wanted, self._before) if calls else self._seen(node, "")
        expected = f"{name}: {words}" if words else name
        return PublicTest(input=made.input, expected=expected, how="raises")


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _bound(node: ast.stmt) -> set[str]:
    """Return the names that a statement defines."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}


def called_in(source: str) -> list[str]:
    """Return the names of the functions that a doctest line calls."""
    return [name for statement in parsed(source) for name in outer_calls(statement)]
