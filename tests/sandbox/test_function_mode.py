"""Calling a function in a box: what comes back, and what a program cannot forge."""

from __future__ import annotations

import json

import pytest

from sandbox.base import Limits, Program
from sandbox.compare import same_output


def call(sandbox, source, text, name="f", **limits):
    (execution,) = sandbox.run(Program(source=source, mode="function", entry_point=name), [text], Limits(**limits))
    return execution


@pytest.mark.parametrize(
    ("source", "arguments", "output"),
    [
        ("def f(a, b): return b, a", "[1, 2], 'x'", '("x", [1, 2])'),
        ("def f(a, b): return a + b", "[1]\n[2]", "[1, 2]"),
        ("def f(): return None", "", "None"),
        ("class Solution:\n  def f(self, x): return x + 1", "1", "2"),
        ("class Solution:\n  @staticmethod\n  def f(x): return x + 1", "1", "2"),
        ("class Solution:\n  def __init__(self): self.n = 1\n  def f(self, x): return self.n + x", "1", "2"),
        ("class Solution: pass\ndef f(x): return x", "3", "3"),
        ("f = lambda x: {x: {1}, (1,): frozenset(), b'a': 1.5}", "'k'", "{\"k\": {1}, (1,): frozenset(), b'a': 1.5}"),
        ("def f(): return [float('nan'), float('inf'), -float('inf'), 1j]", "", "[nan, inf, -inf, complex(0.0, 1.0)]"),
        ("def f(x): return 'é\\ud800\\n' + x", "'\\n'", '"é\ud800\\n\\n"'),
        ("def f(): return 2 ** 100", "", str(2**100)),
        ("def f(): return len(str(10 ** 5000))", "", "5001"),
        ("from collections import namedtuple\ndef f(): return [namedtuple('P', 'a b')(1, 2)]", "", "[(1, 2)]"),
        ("from decimal import Decimal\ndef f(): return Decimal('1.5'), Decimal('0.1')", "", "(1.5, Fraction(1, 10))"),
        ("def f(x): return x * 3", "Fraction(1, 3)", "1"),
        ("from collections import defaultdict\ndef f(): d = defaultdict(int); d['a'] += 1; return d", "", '{"a": 1}'),
        ("import sys\ndef f(): print('noise'); return sys.stdin.read()", "", '""'),
        ("def f(): return 1\nif __name__ == '__main__': 1 / 0", "", "1"),
        ("import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\ndef f(): return 1", "", "1"),
        ("import atexit, time\natexit.register(time.sleep, 60)\ndef f(): return 1", "", "1"),
        ("def f(x):\n  x.append(x[0])\n  return x", "[{'a': (1, None)}]", '[{"a": (1, None)}, {"a": (1, None)}]'),
    ],
)
def test_values_come_back_as_they_are(sandbox, source, arguments, output):
    execution = call(sandbox, source, arguments)
    assert (execution.status, execution.output) == ("completed", output), execution


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("def g(): return 1", "no function named 'f'"),
        ("def f(x): return 1", "missing 1 required"),
        ("def f(): exit(0)", "without returning a value"),
        ("import os\ndef f(): os._exit(0)", "without returning a value"),
        ("raise SystemExit", "without returning a value"),
        ("import os\ndef f(): os.write(3, b'1 '); return 2", "cannot be read"),
        ("import os\ndef f(): os.write(3, b'{\"set\": 1}'); os._exit(0)", "cannot be read"),
        ("import os\ndef f(): os.write(3, b'[' * 100_000); os._exit(0)", "cannot be read"),
        ("def f():\n  x = []\n  x.append(x)\n  return x", "RecursionError"),
        ("f = 3", "not callable"),
        ("def f(:", "SyntaxError"),
        ("import os\ndef f(): os.close(3); return 1", "Bad file descriptor"),
        ("", "empty"),
    ],
)
def test_no_value_is_a_runtime_error(sandbox, source, error):
    execution = call(sandbox, source, "")
    assert execution.status == "runtime_error"
    assert error in execution.error
    assert "harness" not in execution.error


@pytest.mark.parametrize(
    "source",
    [
        "class Same:\n  def __eq__(self, other): return True\n  def __hash__(self): return 1\ndef f(): return Same()",
        "class Same(int):\n  def __eq__(self, other): return True\n  __hash__ = int.__hash__\ndef f(): return Same(4)",
        "class Same(list):\n  def __eq__(self, other): return True\ndef f(): return Same([5])",
        "class Same:\n  def __eq__(self, other): return True\ndef f(): return [Same()]",
        "def f(): yield 5",
        "def f(): return float('nan')",
    ],
)
def test_objects_that_lie_about_equality_equal_nothing(sandbox, source):
    execution = call(sandbox, source, "")
    assert execution.status == "completed"
    for expected in ("5", "[5]", "nan", execution.output):
        assert not same_output("function", execution.output, expected)


@pytest.mark.parametrize(
    "patch",
    [
        "import builtins\nbuiltins.len = builtins.isinstance = builtins.type = builtins.map = lambda *a: 7",
        "import json\njson.dumps = json.loads = lambda *a, **k: '7'",
        "import os\nos.write = lambda fd, data: len(data)\nos._exit = lambda code: None",
        "import sys\nsys.exit = sys.modules['os'].abort",
        "import sys\nsys.modules['json'] = None",
    ],
)
def test_patching_the_interpreter_changes_no_more_than_ones_own_value(sandbox, patch):
    execution = call(sandbox, f"{patch}\ndef f(x): return [x]", "1")
    assert execution.status in ("completed", "runtime_error")
    assert execution.output in ("[1]", "", 'opaque("int")')


def test_a_forged_value_is_only_ones_own_value(sandbox):
    forged = call(sandbox, "import os\ndef f(): os.write(3, b'{\"tuple\":[1]}'); os._exit(0)", "")
    assert (forged.status, forged.output) == ("completed", "(1,)")


def test_limits_hold_for_values_too(sandbox):
    assert call(sandbox, "def f(): return 'x' * 2_000_000", "").status == "output_limit"
    assert call(sandbox, "def f():\n  while True: print('x' * 999)", "").status == "output_limit"
    assert call(sandbox, "def f():\n  while True: pass", "", cpu_s=0.3).status == "timeout"
    assert call(sandbox, "def f(): return len(b'x' * (1 << 30))", "", memory_mb=200).status == "memory"


def test_large_arguments_and_values_travel(sandbox):
    numbers = list(range(60_000))
    execution = call(sandbox, "def f(x): return x[::-1]", str(numbers))
    assert json.loads(execution.output) == numbers[::-1]
    rows = [("a" * 10, None, number) for number in range(3_000)]
    execution = call(sandbox, "def f(x): return x", str(rows))
    assert same_output("function", execution.output, str(rows))


@pytest.mark.parametrize("text", ["f(x)", "[1, 2", "-" * 100_000 + "1", "(" * 100_000, "__import__('os')"])
def test_unreadable_arguments_are_said_to_be_so(sandbox, text):
    execution = call(sandbox, "def f(*x): return x", text)
    assert execution.status == "runtime_error"
    assert execution.error.startswith("the input cannot be used")


def test_a_missing_name_is_said_to_be_so(sandbox):
    assert "no function is named" in call(sandbox, "def f(): return 1", "", name="").error


def test_each_call_starts_afresh(sandbox):
    program = Program(source="n = []\ndef f(x): n.append(x); return n", mode="function", entry_point="f")
    assert [execution.output for execution in sandbox.run(program, ["1", "2"])] == ["[1]", "[2]"]
