"""Expressions that say what a call must give: `f(1) == 2`, `math.isclose(f(1), 2)`, `not f(1)`, `int(f(1)) == 2`.

One call with constant arguments compared with a constant is the plain example. Everything else becomes a check: with
tolerance, of its truth, or as a script that runs beside the program in the box.

Limits: what an expression calls beside the function must be Python's own or a module of the standard library.
"""

from __future__ import annotations

import ast
import builtins
import copy
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from nodes.parsing.source import LITERAL_CHARS, NOT_PYTHON, module_of
from nodes.reading.values import NO_NAMES, fold, spell, spelled
from nodes.reading.writing import ARGUMENTS
from nodes.state import NEXT, PublicTest
from sandbox.sessions import written

_IMPORTED = {
    **dict.fromkeys(("Counter", "OrderedDict", "defaultdict", "deque", "namedtuple"), "collections"),
    "Decimal": "decimal",
    "Fraction": "fractions",
}
"""Names that examples use as if they were Python's own."""
_REL_TOL = 1e-9
"""Of `math.isclose`."""
_APPROX = (1e-6, 1e-12)
"""Relative and absolute tolerance of `pytest.approx`."""
_MIRRORED: Mapping[type[ast.cmpop], ast.cmpop] = {
    ast.Eq: ast.Eq(),
    ast.Is: ast.Is(),
    ast.Lt: ast.Gt(),
    ast.LtE: ast.GtE(),
    ast.Gt: ast.Lt(),
    ast.GtE: ast.LtE(),
    ast.NotEq: ast.NotEq(),
}


class NoCheckError(ValueError):
    """An expression cannot be made a check; the message says why, in words for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for, as far as expressions need it."""

    entry_point: str
    parameters: tuple[str, ...] = ()
    """Names of its parameters in order; empty where nobody knows."""
    defined: frozenset[str] = frozenset()
    """Other names that every program has: those that the starter code defines."""


@dataclass(slots=True)
class Lines:
    """What the lines before an expression said: values of variables, and statements that only a box can run."""

    values: dict[str, object] = field(default_factory=dict)
    statements: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    """What the statements define."""

    def known_to(self, names: set[str]) -> list[str]:
        """Return the variables that the statements or an expression with these names read."""
        source = "\n".join(self.statements)
        return [name for name in sorted(self.values) if name in names or re.search(rf"\b{re.escape(name)}\b", source)]

    def mutable(self, names: set[str]) -> set[str]:
        """Return those of the names that stand for a value which a call may change."""
        return {name for name in names & self.values.keys() if isinstance(self.values[name], list | dict | set)}

    def run(self, source: str, names: set[str]) -> None:
        """Keep a statement that only a box can run; what it names may be something else from here on."""
        for name in sorted(names & self.values.keys()):
            self.statements.append(f"{name} = {self.values.pop(name)!r}")
            self.names.add(name)
        self.statements.append(source)
        self.names |= names


def checks(node: ast.expr, wanted: Wanted, lines: Lines | None = None) -> tuple[PublicTest, ...]:
    """Return the checks that an asserted expression asks for.

    Raises:
        NoCheckError: it asks for something that cannot be checked.
    """
    before = lines or Lines()
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        return tuple(test for part in node.values for test in checks(part, wanted, before))
    if not _is_about(node, wanted, before):
        raise NoCheckError(f"it does not call {wanted.entry_point}")
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return (_truth(node.operand, node, wanted, before, expected="False"),)
    if isinstance(node, ast.Compare):
        return _compared(node, wanted, before)
    if _is_named(node, "isclose", "allclose") and isinstance(node, ast.Call) and len(node.args) == 2:
        return (_close_call(node, wanted, before),)
    return (_truth(node, node, wanted, before, expected="True"),)


def _is_about(node: ast.AST, wanted: Wanted, before: Lines) -> bool:
    """Whether an expression calls the function, or uses what a line before made with it."""
    return bool(calls_of(node, wanted.entry_point) or _free(node) & before.names)


def returned(call: ast.Call, expected: str, wanted: Wanted, lines: Lines | None = None) -> PublicTest:
    """Return the check that a call gives a value.

    Raises:
        NoCheckError: its arguments have no constant value, and no session could make them.
    """
    before = lines or Lines()
    arguments = constant_arguments(call, wanted, before.values)
    if arguments is not None:
        return PublicTest(input=arguments, expected=expected)
    return _session(call, expected, wanted, before)


def constant_arguments(call: ast.Call, wanted: Wanted, values: Mapping[str, object] = NO_NAMES) -> str | None:
    """Return the arguments of a call in the order of its parameters, or None where they are not all constant."""
    try:
        given = [spell(fold(argument, values)) for argument in call.args]
        named = {keyword.arg or "**": spell(fold(keyword.value, values)) for keyword in call.keywords}
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError, ArithmeticError):
        return None
    rest = wanted.parameters[len(given) : len(given) + len(named)]
    if set(rest) != named.keys() or len(rest) != len(named):
        return None
    return ", ".join([*given, *(named[name] for name in rest)])


def stranger_in(node: ast.AST, wanted: Wanted, before: Lines) -> str:
    """Return the name of a function that an example calls and nobody knows, or an empty text."""
    known = {wanted.entry_point, *wanted.defined, *before.names, *before.values, *_IMPORTED}
    calls = (one.func for one in ast.walk(node) if isinstance(one, ast.Call))
    names = (one.id for one in calls if isinstance(one, ast.Name))
    return next((name for name in names if name not in known and not hasattr(builtins, name)), "")


def calls_of(node: ast.AST, name: str) -> list[ast.Call]:
    """Return the calls of a function, or of a method of that name, inside an expression."""
    return [one for one in ast.walk(node) if isinstance(one, ast.Call) and is_call_of(one, name)]


def is_call_of(node: ast.AST, name: str) -> bool:
    """Whether a node is a call of a function of that name, or of a method such as `Solution().name`."""
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Name):
        return node.func.id == name
    return isinstance(node.func, ast.Attribute) and node.func.attr == name and _is_solution(node.func.value)


def _is_solution(node: ast.expr) -> bool:
    """Whether an object is the solution itself: a name, or a new object of a class."""
    return isinstance(node, ast.Name) or (isinstance(node, ast.Call) and not node.args)


def _compared(node: ast.Compare, wanted: Wanted, before: Lines) -> tuple[PublicTest, ...]:
    if len(node.ops) > 1:
        return (_truth(node, node, wanted, before, expected="True"),)
    left, sign, right = node.left, node.ops[0], node.comparators[0]
    if not _is_about(left, wanted, before) and type(sign) in _MIRRORED:
        left, sign, right = right, _MIRRORED[type(sign)], left
    if isinstance(sign, ast.Lt | ast.LtE) and (close := _difference(left, right, wanted, before)):
        return (close,)
    if not isinstance(sign, ast.Eq | ast.Is) or _is_about(right, wanted, before):
        return (_truth(node, node, wanted, before, expected="True"),)
    return (_equal(left, right, node, wanted, before),)


def _equal(left: ast.expr, right: ast.expr, node: ast.expr, wanted: Wanted, before: Lines) -> PublicTest:
    """Return the check of an equality whose left side calls the function."""
    if isinstance(right, ast.Call) and _is_named(right, "approx") and right.args:
        return _within(left, right.args[0], _tolerances(right, *_APPROX), wanted, before)
    if _is_any_order(left, right) and isinstance(left, ast.Call) and isinstance(right, ast.Call):
        inner = spelled(right.args[0], before.values)
        test = _plain(left.args[0], inner, wanted, before)
        if test is not None:
            return PublicTest(input=test.input, expected=test.expected, how="unordered")
    expected = spelled(right, before.values)
    if expected is None:
        return _truth(node, node, wanted, before, expected="True")
    plain = _plain(left, expected, wanted, before)
    return plain if plain is not None else _scripted(left, expected, wanted, before)


def _is_any_order(left: ast.expr, right: ast.expr) -> bool:
    """Whether both sides are sorted, or counted: then their order does not matter."""
    both = (left, right)
    one_each = all(isinstance(side, ast.Call) and len(side.args) == 1 and not side.keywords for side in both)
    return one_each and any(all(_is_named(side, name) for side in both) for name in ("sorted", "Counter"))


def _plain(node: ast.expr, expected: str | None, wanted: Wanted, before: Lines) -> PublicTest | None:
    """Return the plain example where a side is the call itself, with constant arguments."""
    if expected is None or not isinstance(node, ast.Call) or not is_call_of(node, wanted.entry_point):
        return None
    arguments = constant_arguments(node, wanted, before.values)
    return None if arguments is None else PublicTest(input=arguments, expected=expected)


def _difference(left: ast.expr, right: ast.expr, wanted: Wanted, before: Lines) -> PublicTest | None:
    """Read `abs(f(x) - v) < e`."""
    if not (isinstance(left, ast.Call) and _is_named(left, "abs", "fabs") and len(left.args) == 1):
        return None
    inner = left.args[0]
    try:
        most = fold(right, before.values)
    except (ValueError, TypeError, ArithmeticError):
        return None
    if not isinstance(inner, ast.BinOp) or not isinstance(inner.op, ast.Sub) or not isinstance(most, int | float):
        return None
    mine, theirs = inner.left, inner.right
    if not calls_of(mine, wanted.entry_point):
        mine, theirs = theirs, mine
    return _within(mine, theirs, (0.0, float(most)), wanted, before)


def _close_call(node: ast.Call, wanted: Wanted, before: Lines) -> PublicTest:
    """Read `math.isclose(f(x), v, rel_tol=e)`."""
    mine, theirs = node.args[:2]
    if not calls_of(mine, wanted.entry_point):
        mine, theirs = theirs, mine
    return _within(mine, theirs, _tolerances(node, _REL_TOL, 0.0), wanted, before)


def _tolerances(call: ast.Call, relative: float, absolute: float) -> tuple[float, float]:
    """Return the relative and the absolute tolerance that a call names, or those that it has by itself."""
    found = {"rel": relative, "abs": absolute}
    for keyword in call.keywords:
        name = (keyword.arg or "").removesuffix("_tol")
        try:
            value = fold(keyword.value)
        except (ValueError, TypeError, ArithmeticError) as error:
            raise NoCheckError("its tolerance is no number") from error
        if name not in found or not isinstance(value, int | float):
            raise NoCheckError(f"nothing is known of {keyword.arg}")
        found[name] = float(value)
    return found["rel"], found["abs"]


def _within(
    node: ast.expr, value: ast.expr, tolerance: tuple[float, float], wanted: Wanted, before: Lines
) -> PublicTest:
    expected = spelled(value, before.values)
    if expected is None:
        raise NoCheckError(f"the value {ast.unparse(value)[:60]} is no constant")
    made = _plain(node, expected, wanted, before) or _scripted(node, expected, wanted, before)
    return PublicTest(
        input=made.input,
        expected=made.expected,
        how="close",
        script=made.script,
        rel_tol=tolerance[0],
        abs_tol=tolerance[1],
    )


def _truth(inner: ast.expr, whole: ast.expr, wanted: Wanted, before: Lines, *, expected: str) -> PublicTest:
    """Return the check of an expression's truth: of the call's value where it is the call, else of a script's."""
    plain = _plain(inner, expected, wanted, before)
    if plain is not None:
        return PublicTest(input=plain.input, expected=expected, how="truth")
    made = _scripted(whole, "True", wanted, before)
    return PublicTest(input=made.input, expected="True", how="truth", script=made.script)


def _scripted(node: ast.expr, expected: str, wanted: Wanted, before: Lines) -> PublicTest:
    """Return the check of a larger expression around one call; around several, a session.

    Raises:
        NoCheckError: something in it is defined nowhere.
    """
    calls = calls_of(node, wanted.entry_point)
    arguments = constant_arguments(calls[0], wanted, before.values) if len(calls) == 1 else None
    if arguments is None:
        return _session(node, expected, wanted, before)
    values = {name: before.values[name] for name in _free(node) if name in before.values}
    outer = _Replaced(calls[0], _on_arguments(wanted.entry_point)).visit(copy.deepcopy(node))
    unknown = _unknown(outer, wanted, before) - {ARGUMENTS} - values.keys()
    if unknown or before.statements:
        return _session(node, expected, wanted, before)
    set_up = _imports(outer)
    set_up += [f"{name} = {spell(value)}" for name, value in values.items()]
    script = NEXT.join([*set_up, ast.unparse(ast.fix_missing_locations(outer))])
    return PublicTest(input=arguments, expected=expected, script=script)


def _on_arguments(name: str) -> ast.Call:
    return ast.Call(
        func=ast.Name(id=name, ctx=ast.Load()),
        args=[ast.Starred(value=ast.Name(id=ARGUMENTS, ctx=ast.Load()), ctx=ast.Load())],
        keywords=[],
    )


class _Replaced(ast.NodeTransformer):
    """Puts one node in the place of another, found by where it stands."""

    def __init__(self, old: ast.Call, new: ast.Call) -> None:
        self._place = (old.lineno, old.col_offset, old.end_lineno, old.end_col_offset)
        self._new = new

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Replace the call at the place."""
        if (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset) == self._place:
            return self._new
        return self.generic_visit(node)


def _session(node: ast.expr, expected: str, wanted: Wanted, before: Lines) -> PublicTest:
    """Return the check as a session: the lines before, then the expression.

    Raises:
        NoCheckError: something in it is defined nowhere.
    """
    unknown = _unknown(node, wanted, before) - before.values.keys()
    if unknown:
        raise NoCheckError(f"nothing says what {sorted(unknown)[0]} is")
    values = [f"{name} = {spell(before.values[name])}" for name in before.known_to(_free(node))]
    session = [
        *(line for line in _imports(node) if line.split()[-1] not in before.names),
        *values,
        *before.statements,
        ast.unparse(node),
    ]
    return PublicTest(input="\n".join(map(written, session)), expected=expected)


def _unknown(node: ast.AST, wanted: Wanted, before: Lines) -> set[str]:
    known = {wanted.entry_point, *wanted.defined, *before.names, *_modules(node), *_IMPORTED}
    return {name for name in _free(node) if name not in known and not hasattr(builtins, name)}


def _free(node: ast.AST) -> set[str]:
    """Return the names that an expression reads and does not bind itself, as a comprehension does."""
    bound = {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
    bound |= {one.arg for one in ast.walk(node) if isinstance(one, ast.arg)}
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)} - bound


def _modules(node: ast.AST) -> list[str]:
    """Return the modules of the standard library that an expression names with a dot."""
    names = {
        one.value.id for one in ast.walk(node) if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name)
    }
    return sorted(names & sys.stdlib_module_names)


def _imports(node: ast.AST) -> list[str]:
    """Return the imports that an expression takes for granted."""
    names = sorted(_free(node) & _IMPORTED.keys())
    return [
        *(f"import {name}" for name in _modules(node)),
        *(f"from {_IMPORTED[name]} import {name}" for name in names),
    ]


def _is_named(node: ast.AST, *names: str) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    return name in names


def outer_calls(node: ast.AST) -> Iterator[str]:
    """Yield the names of the functions that an expression calls, the outermost first."""
    for one in ast.walk(node):
        if isinstance(one, ast.Call):
            yield one.func.id if isinstance(one.func, ast.Name) else getattr(one.func, "attr", "")


def parsed(text: str) -> Sequence[ast.stmt]:
    """Return the statements of a short text; none where Python cannot parse it."""
    if len(text) > 4 * LITERAL_CHARS:
        return ()
    try:
        return module_of(text).body
    except NOT_PYTHON:
        return ()
