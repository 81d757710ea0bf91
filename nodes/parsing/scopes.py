"""Names in a reply's tests: variables, and the rows that a loop or `parametrize` runs a test over."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import product

Row = dict[str, ast.expr]

_MOST_ROWS = 50
_MOST_EXPRESSIONS = 4000
"""Expressions of one reply, with their repetitions."""
_MOST_NAMES = 40
"""Replacements in one statement."""
_MOST_CHARS = 1500
"""Length of the longest expression that a variable is known by."""


class Scope:
    """What the names of a reply stand for, from top to bottom."""

    def __init__(self) -> None:
        """Know no name."""
        self._names: Row = {}
        self._loops: list[tuple[int, list[Row]]] = []
        self._decorated: list[Row] = []
        self._left = _MOST_EXPRESSIONS

    def leave(self, indent: int) -> None:
        """Leave the loops and functions that a line of this indentation ends."""
        while self._loops and self._loops[-1][0] >= indent:
            self._loops.pop()

    def loop(self, indent: int, node: ast.For) -> None:
        """Enter a loop over known rows."""
        rows = _rows(node.target, self.known(node.iter))
        if rows:
            self._loops.append((indent, rows))

    def function(self, indent: int) -> None:
        """Enter a function, with the rows of the decorator above it."""
        if self._decorated:
            self._loops.append((indent, self._decorated))
            self._decorated = []

    def decorate(self, node: ast.expr) -> None:
        """Keep the rows of `pytest.mark.parametrize`."""
        is_one = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "parametrize"
        if not is_one or not isinstance(node, ast.Call) or len(node.args) < 2:
            return
        target = _parameters(node.args[0])
        self._decorated = _rows(target, self.known(node.args[1])) if target is not None else []

    def bind(self, target: ast.expr, value: ast.expr) -> None:
        """Keep what a variable stands for."""
        known = self.known(value)
        for row in _rows(target, ast.List(elts=[known], ctx=ast.Load())):
            for name, one in row.items():
                self._names.pop(name, None)
                if len(ast.unparse(one)) <= _MOST_CHARS:
                    self._names[name] = one

    def each(self, node: ast.expr) -> Iterator[ast.expr]:
        """Yield an expression with the names replaced, once for every row that its loops go over."""
        for number, rows in enumerate(product(*(rows for _, rows in self._loops))):
            self._left -= 1
            if number >= _MOST_ROWS or self._left < 0:
                return
            yield _replaced(self.known(node), {name: one for row in rows for name, one in row.items()})

    def known(self, node: ast.expr) -> ast.expr:
        """Return an expression with the variables replaced, but for those that a loop goes over."""
        looped = {name for _, rows in self._loops for name in rows[0]}
        return _replaced(node, {name: one for name, one in self._names.items() if name not in looped})


def _replaced(node: ast.expr, names: Row) -> ast.expr:
    used = sum(isinstance(one, ast.Name) and one.id in names for one in ast.walk(node))
    return node if not used or used > _MOST_NAMES else _Replaced(names).visit(_copy(node))


class _Replaced(ast.NodeTransformer):
    def __init__(self, names: Row) -> None:
        self._names = names

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        """Take an item of a display: of the row `{"input": 1}` what `row["input"]` names."""
        value, key = self.visit(node.value), node.slice
        if isinstance(value, ast.Dict) and isinstance(key, ast.Constant):
            found = (one for name, one in zip(value.keys, value.values, strict=True)
                     if isinstance(name, ast.Constant) and name.value == key.value)  # fmt: skip
            return next(found, ast.Subscript(value, key, node.ctx))
        number = key.value if isinstance(key, ast.Constant) else None
        if (
            isinstance(value, ast.List | ast.Tuple)
            and type(number) is int
            and -len(value.elts) <= number < len(value.elts)
        ):
            return value.elts[number]
        return ast.Subscript(value, self.visit(key), node.ctx)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._names.get(node.id, node) if isinstance(node.ctx, ast.Load) else node


def _copy(node: ast.expr) -> ast.expr:
    return ast.parse(ast.unparse(node), mode="eval").body


def _parameters(node: ast.expr) -> ast.expr | None:
    """Return the names of `parametrize` as the target of a loop: `"x, y"` or `["x", "y"]`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        words = [word.strip() for word in node.value.split(",") if word.strip()]
    elif isinstance(node, ast.Tuple | ast.List):
        words = [str(one.value) for one in node.elts if isinstance(one, ast.Constant)]
    else:
        return None
    names: list[ast.expr] = [ast.Name(word, ast.Store()) for word in words]
    return names[0] if len(names) == 1 else ast.Tuple(names, ast.Store())


def _rows(target: ast.expr, values: ast.expr) -> list[Row]:
    """Return what the names of a loop stand for, row by row."""
    return [row for item in _items(values)[:_MOST_ROWS] if (row := _row(target, item)) is not None]


def _row(target: ast.expr, value: ast.expr) -> Row | None:
    if isinstance(target, ast.Name):
        return {target.id: value}
    if isinstance(target, ast.Tuple | ast.List):
        items = _items(value)
        parts = [_row(one, item) for one, item in zip(target.elts, items, strict=False)]
        if len(items) != len(target.elts) or None in parts:
            return None
        return {name: one for part in parts if part for name, one in part.items()}
    return None


def _items(node: ast.expr) -> Sequence[ast.expr]:
    """Return the items of a display, of `zip(...)`, of `enumerate(...)`, of `d.items()`, of `pytest.param(...)`."""
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return node.elts
    if not isinstance(node, ast.Call):
        return ()
    word = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    if word == "param":
        return node.args
    if word == "zip":
        columns = [_items(one) for one in node.args]
        return [ast.Tuple(list(row), ast.Load()) for row in zip(*columns, strict=False)]
    if word == "enumerate" and node.args:
        return [ast.Tuple([ast.Constant(i), one], ast.Load()) for i, one in enumerate(_items(node.args[0]))]
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    if word == "items" and isinstance(owner, ast.Dict):
        pairs = zip(owner.keys, owner.values, strict=True)
        return [ast.Tuple([key, value], ast.Load()) for key, value in pairs if key is not None]
    return ()
