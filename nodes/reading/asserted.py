"""Asserts in every form, and the variables and objects that the lines before them make.

Assertions of `unittest` count as asserts. What changes an object is kept, so that later examples find it as it was.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from nodes.parsing.source import LITERAL_CHARS
from nodes.reading.assertions import Lines, NoCheckError, Wanted, calls_of, checks, parsed, returned, stranger_in
from nodes.reading.found import MOST_LINES, Page
from nodes.reading.values import UNREADABLE, expression, fold, python_words, read_value, value_end
from nodes.state import PublicTest

_ASSERT = re.compile(r"^\s*(?:(?:[-*•]|\d+[.)])\s+)?`?(assert)\b(?=[\s(])")
_UNIT = re.compile(r"^\s*self\.(assert\w+)\(")
_ASSIGNED = re.compile(r"^\s*([A-Za-z_]\w*)\s*=\s*(?=[^=\s])")
_METHOD = re.compile(r"^\s*[A-Za-z_]\w*\.[A-Za-z_]\w*\(")
_REMARK = re.compile(
    r"^#\s*(?:=>|->|→|==|(?:output|result|expected|returns?|gives?|should\s+(?:be|return))\b:?)?", re.IGNORECASE
)
_HINT = re.compile(r"assert|=|#|^\s*[A-Za-z_]\w*\.\w")
PATIENCE = 1000
"""Lines that are added to open brackets in a whole statement, so that a hostile one takes no time."""
HOW_TO = "write `>>> f(1)` and the value below it, or `assert f(1) == 2`"


class Asserts:
    """The reader of one statement's asserts."""

    def __init__(self, page: Page, wanted: Wanted, call: re.Pattern[str]) -> None:
        self.before = Lines()
        """What the lines so far have made."""
        self._page = page
        self._wanted = wanted
        self._call = call
        self._patience = PATIENCE

    def read(self) -> None:
        """Read every assert that no reader before has taken."""
        number = 0
        lines = self._page.lines
        while number < len(lines):
            line = lines[number]
            if not self._page.free(number) or not _HINT.search(line):
                number += 1
                continue
            if not self._page.may_go_on(number):
                return
            match = _ASSERT.match(line) or _UNIT.match(line)
            if match:
                number = self._assert(number, match.start(1) if match[1] == "assert" else line.index("self."))
                continue
            if _ASSIGNED.match(line) or _METHOD.match(line) or ("#" in line and self.before.names):
                self._set_up(number, line)
            number += 1

    def _set_up(self, number: int, line: str) -> None:
        """Remember a variable, and what is done to an object that the examples made."""
        body = parsed(line.strip().removeprefix(">>>").strip())
        node = body[0] if len(body) == 1 else None
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            try:
                self.before.values[name] = fold(node.value, self.before.values)
            except UNREADABLE:
                self.before.values.pop(name, None)
                if calls_of(node, self._wanted.entry_point):
                    self.before.statements.append(ast.unparse(node))
                    self.before.names.add(name)
                    if "#" not in line:
                        self._page.take([number])
        elif isinstance(node, ast.Expr) and _names(node) & self.before.names:
            if "#" in line and self._remarked(number, line, node.value):
                return
            self.before.statements.append(ast.unparse(node))
            self._page.take([number])

    def _remarked(self, number: int, line: str, node: ast.expr) -> bool:
        """Read `print(x)  # 4`, where a line before has made x with the function."""
        text = _REMARK.sub("", line[line.rindex("#") :]).strip()
        value = read_value(text.rstrip("."))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print" and len(node.args) == 1:
            node = node.args[0]
        if value is None:
            return False
        asked = expression(f"({ast.unparse(node)}) == {value}")
        try:
            self._page.add(number, *(checks(asked, self._wanted, self.before) if asked else ()))
        except NoCheckError as error:
            self._page.refuse(number, f"{error}; {HOW_TO}")
        self._page.take([number])
        return True

    def _assert(self, number: int, start: int) -> int:
        """Read the assertion that begins at a line; return the first line behind it."""
        for end, text in self._growing(number, start):
            body = parsed(python_words(text.strip().strip("`")))
            if body:
                self._page.take(range(number, end))
                for statement in body:
                    self._asserted(number, statement)
                return end
        if self._call.search(self._page.lines[number]):
            self._page.refuse(number, f"Python cannot read this assertion; {HOW_TO}")
            self._page.take([number])
        return number + 1

    def _growing(self, number: int, start: int) -> Iterator[tuple[int, str]]:
        """Yield a line from its start, then with one more line each time while its brackets are open."""
        text, most = self._page.lines[number][start:], min(number + MOST_LINES, len(self._page.lines))
        yield number + 1, text
        for at in range(number + 1, most):
            self._patience -= 1
            if self._patience < 0 or len(text) > LITERAL_CHARS or not (_is_open(text) or text.rstrip().endswith("\\")):
                return
            text = f"{text}\n{self._page.lines[at]}"
            yield at + 1, text

    def _asserted(self, number: int, statement: ast.stmt) -> None:
        node = statement.test if isinstance(statement, ast.Assert) else None
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            node = _unit_test(statement.value)
        about = node is not None and _names(node) & {self._wanted.entry_point, *self.before.names}
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            self._unit_raises(number, statement.value)
        if node is None or not (about or calls_of(node, self._wanted.entry_point)):
            if node is not None and (stranger := stranger_in(node, self._wanted, self.before)):
                self._page.refuse(number, f"it calls {stranger}, not {self._wanted.entry_point}; {HOW_TO}")
            return
        try:
            self._page.add(number, *checks(node, self._wanted, self.before))
        except NoCheckError as error:
            self._page.refuse(number, f"{error}; {HOW_TO}")
        if changed := self.before.mutable(_names(node)):
            self.before.run(ast.unparse(node), changed)
        elif _names(node) & self.before.names:
            # It may change the object, so that later examples need it.
            self.before.statements.append(ast.unparse(node))

    def _unit_raises(self, number: int, call: ast.Call) -> None:
        """Read `self.assertRaises(ValueError, f, -1)`."""
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if name != "assertRaises" or len(call.args) < 2 or ast.unparse(call.args[1]) != self._wanted.entry_point:
            return
        asked = ast.Call(func=ast.Name(id=self._wanted.entry_point, ctx=ast.Load()), args=call.args[2:], keywords=[])
        read_raised(self._page, self._wanted, self.before, (number, asked, ast.unparse(call.args[0])))


def read_raised(page: Page, wanted: Wanted, before: Lines, place: tuple[int, ast.Call, str]) -> None:
    """Keep the check that a call raises an exception; the place is its line, the call and the exception's name."""
    number, call, name = place
    try:
        made = returned(call, name, wanted, before)
    except NoCheckError as error:
        page.refuse(number, f"{error}; {HOW_TO}")
        return
    page.add(number, PublicTest(input=made.input, expected=name, how="raises"))
    page.take([number])


def _is_open(text: str) -> bool:
    return value_end(text.replace(" ", "_").replace(",", "_").replace(";", "_").replace("\n", "_")) < 0


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _unit_test(call: ast.Call) -> ast.expr | None:
    """Return the expression that an assertion method of `unittest` asserts."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    signs: dict[str, ast.cmpop] = {"assertEqual": ast.Eq(), "assertEquals": ast.Eq(), "assertListEqual": ast.Eq(),
                                   "assertDictEqual": ast.Eq(), "assertTupleEqual": ast.Eq(),
                                   "assertSetEqual": ast.Eq(), "assertIs": ast.Is(), "assertIn": ast.In(),
                                   "assertGreater": ast.Gt(), "assertLess": ast.Lt(),
                                   "assertNotEqual": ast.NotEq()}  # fmt: skip
    if name in signs and len(call.args) >= 2:
        return ast.Compare(left=call.args[0], ops=[signs[name]], comparators=[call.args[1]])
    if name in ("assertTrue", "assertFalse", "assertIsNone") and call.args:
        asked = call.args[0]
        if name == "assertIsNone":
            return ast.Compare(left=asked, ops=[ast.Is()], comparators=[ast.Constant(value=None)])
        return asked if name == "assertTrue" else ast.UnaryOp(op=ast.Not(), operand=asked)
    if name == "assertAlmostEqual" and len(call.args) >= 2:
        places = call.args[2].value if len(call.args) > 2 and isinstance(call.args[2], ast.Constant) else 7
        least = ast.Constant(value=0.5 * 10.0 ** -int(places) if isinstance(places, int) else 1e-7)
        apart = ast.BinOp(left=call.args[0], op=ast.Sub(), right=call.args[1])
        return ast.Compare(
            left=ast.Call(func=ast.Name(id="abs", ctx=ast.Load()), args=[apart], keywords=[]),
            ops=[ast.LtE()],
            comparators=[least],
        )
    return None
