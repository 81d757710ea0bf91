"""Runs inside the box as the program: one function on many inputs in one process, as EvalPlus runs it.

Standard input brings the source and entry point, then arguments as tagged JSON (sandbox/harness.py) and CPU seconds per
input; one line of JSON per value goes out, `[seconds, value]`, and at the first failure a word and nothing more.

A long text goes out as its length and hash, a long line packed, a list of millions of items as a hash of its spelling.

Limits: standard library only. The program shares the process, so it can forge values; they are its own.
"""

# ruff: noqa: BLE001

import base64
import hashlib
import json
import os
import signal
import sys
import time
import zlib
from types import FrameType

sys.path.insert(0, "/opt/sandbox")
from sandbox.harness import decode, encode

LONG_TEXT = 1 << 14
LONG_LINE = 1 << 16
HUGE = 1 << 22
"""Items of a list, with those of its items, from which on it would fill the box's memory several times over."""
PACKED = "packed "


class _LateError(BaseException):
    pass


def _late(number: int, frame: FrameType | None) -> None:
    raise _LateError


def _swallow() -> int:
    """Send what the program prints nowhere; return a descriptor for its values."""
    channel = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    return channel


def _short(node: object) -> object:
    """Replace long texts by their length and hash: equal texts stay equal, and megabytes stay in the box."""
    if isinstance(node, str) and len(node) > LONG_TEXT:
        return f"{len(node)} characters, sha256 {hashlib.sha256(node.encode('utf-8', 'surrogatepass')).hexdigest()}"
    if isinstance(node, list):
        return [_short(item) for item in node]
    if isinstance(node, dict):
        return {tag: _short(body) if isinstance(body, list) else body for tag, body in node.items()}
    return node


def _plain(value: object) -> object:
    """Replace NumPy's scalars, also inside of plain containers, by the numbers that they are equal to."""
    kind = type(value)
    if kind is list or kind is tuple or kind is set:
        return kind([_plain(item) for item in value])  # type: ignore[attr-defined]
    if kind is dict:
        return {_plain(key): _plain(item) for key, item in value.items()}  # type: ignore[attr-defined]
    if kind.__module__ == "numpy" and kind.__name__ != "ndarray" and hasattr(value, "item"):
        return value.item()
    return value


def _node(value: object) -> object:
    """Return what goes out for a value; a scalar of NumPy is marked: it may be equal to a number, but never near."""
    if "numpy" not in sys.modules:
        return _spelled_out(value)
    node = _spelled_out(_plain(value))
    return {"exact": node} if type(value).__module__ == "numpy" else node


def _spelled_out(value: object) -> object:
    """Return what goes out for a value: its node, or for a huge list a text that is equal for lists spelled alike."""
    if not isinstance(value, list | tuple) or _items(value) < HUGE:
        return _short(encode(value))
    digest = hashlib.sha256()
    for item in value:
        digest.update(repr(item).encode("utf-8", "surrogatepass") + b",")
    return f"{type(value).__name__} of {len(value)} items, sha256 {digest.hexdigest()}"


def _items(value: list[object] | tuple[object, ...]) -> int:
    return sum(len(item) if isinstance(item, list | tuple | str) else 1 for item in value)


def _say(channel: int, record: object) -> None:
    text = json.dumps(record).encode("ascii")
    if len(text) > LONG_LINE:
        text = b'"' + PACKED.encode("ascii") + base64.b64encode(zlib.compress(text)) + b'"'
    data = memoryview(text + b"\n")
    while data:
        data = data[os.write(channel, data) :]


def _run(order: dict[str, object], channel: int) -> None:
    space: dict[str, object] = {}
    exec(str(order["source"]), space)
    function = space[str(order["entry_point"])]
    for node, limit in zip(order["inputs"], order["limits"]):  # type: ignore[call-overload]  # noqa: B905
        arguments = decode(node)
        began = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, limit)
        try:
            value = function(*arguments)  # type: ignore[operator,misc]
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        took = time.process_time() - began
        _say(channel, [took, _node(value)])


def _main() -> None:
    head, calls = json.loads(sys.stdin.buffer.read())
    channel = _swallow()
    signal.signal(signal.SIGPROF, _late)
    try:
        _run({**head, **calls}, channel)
    except _LateError:
        _say(channel, "timeout")
    except MemoryError:
        _say(channel, "memory")
    except BaseException:
        _say(channel, "runtime_error")
    os._exit(0)


_main()
