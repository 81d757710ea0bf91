"""Runs inside the box, in the candidate's own process: call one function and write its value to descriptor 3.

Values travel as JSON with one-key objects as tags (`{"tuple": [...]}`, `{"dict": [[key, value], ...]}`, see
`encode`). Whatever the candidate patches, it can only change the value that it returns; the host never trusts more.

Limits: standard library only, and no import that costs milliseconds, since this starts once per test.
"""

# Every test pays for the imports of pathlib, json and types.
# ruff: noqa: PTH123

from __future__ import annotations

import os
import sys
from _collections_abc import Callable
from _json import encode_basestring_ascii, make_encoder, make_scanner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

SOURCE = "main.py"
VALUE_FD = 3
_BIG_BITS = 4096


class _Scan:
    """What the C scanner of `json` reads its options from."""

    strict = False
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float


_SCAN = make_scanner(_Scan)  # type: ignore[arg-type]  # the C code reads attributes only
_ENCODER = make_encoder(None, repr, encode_basestring_ascii, None, ":", ",", False, False, False)


def from_json(text: str) -> Any:
    """Return what a text of JSON spells."""
    return _SCAN(text, 0)[0]


def to_json(value: object) -> bytes:
    """Return a value of JSON's own types as text, in ASCII."""
    return "".join(_ENCODER(value, 0)).encode("ascii")


def decode(node: object) -> object:
    """Return the Python value of tagged JSON; the inverse of `encode`, but for opaque values."""
    if isinstance(node, list):
        return [decode(item) for item in node]
    if not isinstance(node, dict):
        return node
    ((tag, body),) = node.items()
    if tag == "dict":
        return {decode(key): decode(value) for key, value in body}
    return _DECODERS[tag](body)


def _many(kind: type) -> Callable[..., object]:
    return lambda body: kind([decode(item) for item in body])


_DECODERS: dict[str, Callable[..., object]] = {
    "tuple": _many(tuple),
    "set": _many(set),
    "frozenset": _many(frozenset),
    "float": float,
    "int": lambda body: int(body, 16),
    "bytes": bytes.fromhex,
    "complex": lambda body: complex(*map(decode, body)),  # type: ignore[call-overload]
    "fraction": lambda body: _fraction(*map(decode, body)),
}


def _fraction(above: Any, below: Any) -> object:
    from fractions import Fraction  # a value that is seldom handed in

    return Fraction(above, below)


def encode(value: object) -> object:
    """Return `value` as tagged JSON: as the builtin value that Python's `==` calls equal to it, else opaque.

    Named tuples, enums of texts or integers and other classes that compare as their builtin base does are that base;
    `Decimal` and `Fraction` are numbers.
    """
    kind = type(value)
    if value is None or kind is bool or kind is str:
        return value
    if kind in _ENCODERS:
        return _ENCODERS[kind](value)
    if isinstance(value, dict) and kind.__module__ == "collections":
        return _encode_dict(value)
    if (kind.__module__, kind.__name__) in _RATIONALS:
        return _encode_rational(value)
    for base, plain in _BASES:
        if isinstance(value, base) and kind.__eq__ is base.__eq__:
            return encode(plain(value))
    return {"opaque": kind.__name__}


def _encode_int(value: int) -> object:
    return value if value.bit_length() <= _BIG_BITS else {"int": hex(value)}


def _encode_float(value: float) -> object:
    return value if value - value == 0 else {"float": repr(value)}


def _encode_dict(value: dict[object, object]) -> object:
    return {"dict": [[encode(key), encode(item)] for key, item in dict.items(value)]}


_RATIONALS = (("decimal", "Decimal"), ("fractions", "Fraction"))


def _encode_rational(value: Any) -> object:
    """Return a number as an integer or a float where it equals one, else as numerator and denominator."""
    try:
        above, below = value.as_integer_ratio()
    except (ValueError, OverflowError):  # nan, or without bounds
        return _encode_float(float(value))
    if below == 1:
        return _encode_int(above)
    try:
        if (above / below).as_integer_ratio() == (above, below):
            return above / below
    except OverflowError:
        pass
    return {"fraction": [_encode_int(above), _encode_int(below)]}


_ENCODERS: dict[type, Callable[..., object]] = {
    int: _encode_int,
    float: _encode_float,
    list: lambda value: [encode(item) for item in value],
    tuple: lambda value: {"tuple": [encode(item) for item in value]},
    set: lambda value: {"set": [encode(item) for item in value]},
    frozenset: lambda value: {"frozenset": [encode(item) for item in value]},
    dict: _encode_dict,
    bytes: lambda value: {"bytes": value.hex()},
    complex: lambda value: {"complex": [_encode_float(value.real), _encode_float(value.imag)]},
}


# What turns a value of a subclass into one of its builtin base; nothing that the subclass may define is called.
_BASES: tuple[tuple[Any, Callable[[Any], object]], ...] = (
    (str, lambda value: "".join(str.__iter__(value))),
    (int, int.__int__),
    (float, float.__float__),
    (tuple, lambda value: tuple(tuple.__iter__(value))),
    (list, lambda value: list(list.__iter__(value))),
    (dict, lambda value: dict(dict.items(value))),
    (frozenset, lambda value: frozenset(frozenset.__iter__(value))),
    (set, lambda value: set(set.__iter__(value))),
    (bytes, lambda value: bytes(bytes.__iter__(value))),
)


def find(module: ModuleType, entry_point: str) -> Callable[..., object]:
    """Return the callable named `entry_point`: a method of `class Solution` first, else a function of the module.

    Raises:
        NameError: the program defines neither.
    """
    solution = getattr(module, "Solution", None)
    if isinstance(solution, type) and hasattr(solution, entry_point):
        method: Callable[..., object] = getattr(solution(), entry_point)
        return method
    if hasattr(module, entry_point):
        function: Callable[..., object] = getattr(module, entry_point)
        return function
    raise NameError(f"the program defines no function named {entry_point!r}")


def read_given() -> list[object] | dict[str, Any]:
    """Return the arguments, or a session, from standard input, which then becomes empty for the candidate."""
    with open(0, "rb", closefd=False) as stream:
        text = stream.read().decode("utf-8", "surrogatepass")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    nodes: list[object] | dict[str, Any] = from_json(text)
    return nodes if isinstance(nodes, dict) else [decode(node) for node in nodes]


def load(path: str) -> ModuleType:
    """Execute the candidate's source as the module `solution`, so that a `__main__` block stays asleep."""
    with open(path, "rb") as stream:
        source = stream.read()
    module = type(sys)("solution")
    module.__file__ = path
    sys.modules["solution"] = module
    exec(compile(source, path, "exec"), module.__dict__)
    return module


def run_session(module: ModuleType, entry_point: str, session: dict[str, Any]) -> object:
    """Run the statements of a session (sandbox/sessions.py) beside the program; return the last one's value or text."""
    names = dict(module.__dict__)
    names[entry_point] = find(module, entry_point)
    *before, last = session["session"]
    for statement in before:
        exec(compile(statement, "<example>", "exec"), names)
    try:
        code = compile(last, "<example>", "eval")
    except SyntaxError:
        code = compile(last, "<example>", "exec")
    if not session["shown"]:
        return eval(code, names)
    import io

    sys.stdout = text = io.StringIO()
    value = eval(code, names)
    return text.getvalue() + ("" if value is None else repr(value))


def main() -> None:
    """Call the function named on the command line and end at once, so that nothing of the candidate runs later."""
    write, leave, to_text = os.write, os._exit, to_json
    given = read_given()
    module, name = load(SOURCE), sys.argv[1]
    value = run_session(module, name, given) if isinstance(given, dict) else find(module, name)(*given)
    data = memoryview(to_text(encode(value)))
    while data:
        data = data[write(VALUE_FD, data) :]
    leave(0)


if __name__ == "__main__":
    main()
