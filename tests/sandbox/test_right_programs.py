"""The other half of the conformance suite: what right programs do must work in every back end, and be judged right."""

from __future__ import annotations

import pytest

from sandbox.base import Limits, Program
from sandbox.compare import verdict_of
from tests.sandbox.right_programs import PROGRAMS

BIG = 7**9000
LONG = "8" * 4400
VALUES = "[1, 2.5, None, True, 'a', (1,), {1}, {'k': b'v'}]"


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_right_program_passes(sandbox, name):
    source, given, expected = PROGRAMS[name]
    expected = f"{BIG:#x}" if expected == "exact" else expected
    if name == "long-integers-printed":
        source = f"n = 7 ** 9000\nprint(hex(n) if str(n)[-3:] == '{BIG % 1000:03d}' else 'wrong')"
    (execution,) = sandbox.run(Program(source=source, mode="stdio"), [given], Limits(cpu_s=10))
    assert verdict_of("stdio", execution, expected) == "passed", execution


FUNCTIONS = {
    "separators-in-a-text": ("def f(a, b): return a + b", '"x\u2028y"\n"z\u2029\x85"', '"x\u2028yz\u2029\x85"'),
    "separators-in-one-line": ("def f(a, b): return len(a), b", '"x\u2028y", [1]', "(3, [1])"),
    "long-integers-as-argument": ("def f(n): return n + 1", "9" * 5000, "1" + "0" * 5000),
    "long-integers-below-zero": ("def f(n): return n - 1", "-" + "9" * 5000, "-1" + "0" * 5000),
    "long-integers-in-a-list": ("def f(n): return [n, {n: (n,)}]", LONG, f"[{LONG}, {{{LONG}: ({LONG},)}}]"),
    "long-integers-made": ("def f(n): return 7 ** n", "9000", "exact"),
    "values-of-all-kinds": ("def f(x): return x", VALUES, VALUES),
    "a-method": ("class Solution:\n  def f(self, n): return n * 2", "21", "42"),
    "half-of-a-character": ("def f(s): return s", '"\\ud800"', '"\\ud800"'),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_right_function_passes(sandbox, name):
    source, given, expected = FUNCTIONS[name]
    expected = hex(BIG) if expected == "exact" else expected
    program = Program(source=source, mode="function", entry_point="f")
    (execution,) = sandbox.run(program, [given], Limits(cpu_s=10))
    assert verdict_of("function", execution, expected) == "passed", execution


REFUSED = {
    "the source": (Program(source="é" * (4 << 20) + "x", mode="stdio"), [""], Limits()),
    "the entry point has 2000": (Program(source="x", mode="function", entry_point="é" * 1000), ["1"], Limits()),
    "the entry point has a zero": (Program(source="x", mode="function", entry_point="a\0b"), ["1"], Limits()),
    r"inputs\[1\]": (Program(source="1 / 0", mode="stdio"), ["", "é" * (25 << 20)], Limits()),
    "the limit cpu_s": (Program(source="x", mode="stdio"), [""], Limits(cpu_s=0)),
    "the limit wall_s": (Program(source="x", mode="stdio"), [""], Limits(wall_s=float("nan"))),
    "the limit memory_mb": (Program(source="x", mode="stdio"), [""], Limits(memory_mb=-1)),
    "the limit output_bytes": (Program(source="x", mode="stdio"), [""], Limits(output_bytes=0)),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_no_box_takes_is_named_before_anything_starts(sandbox, what):
    program, inputs, limits = REFUSED[what]
    with pytest.raises(ValueError, match=what):
        sandbox.run(program, inputs, limits)


def test_the_largest_source_and_input_fit(sandbox):
    source = "import sys; print(len(sys.stdin.buffer.read()))\n#" + "x" * (7 << 20)
    (execution,) = sandbox.run(Program(source=source, mode="stdio"), ["x" * (48 << 20)], Limits(cpu_s=20))
    assert execution.output == f"{48 << 20}\n", execution


@pytest.mark.parametrize("name", ["sleeps", "floods", "spins-in-children"])
def test_a_wall_limit_holds(sandbox, name):
    source = {
        "sleeps": "import time\ntime.sleep(99)",
        "floods": "import os\nwhile True: os.write(2, b'x' * 65536)",
        "spins-in-children": "import os, time\nfor _ in range(8):\n  if os.fork() == 0:\n    while True: pass\n"
        "time.sleep(99)",
    }[name]
    (execution,) = sandbox.run(Program(source=source, mode="stdio"), [""], Limits(cpu_s=50, wall_s=0.5))
    assert execution.status == "timeout"
    assert execution.wall_s >= 0.5


def test_every_process_counts(sandbox):
    """A program that leaves its work to children whose end nobody asks for is told what they took."""
    source = "import os, signal, time\nif input() == 'ignore': signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
    source += "def spin():\n  end = time.process_time() + 0.1\n  while time.process_time() < end: pass\n"
    source += "for _ in range(4):\n  if os.fork() == 0: spin(); os._exit(0)\n"
    source += "try:\n  while True: os.wait()\nexcept ChildProcessError: print('done')"
    asked = ["ignore", "wait"] if sandbox.exact else ["wait"]
    for execution in sandbox.run(Program(source=source, mode="stdio"), asked, Limits(cpu_s=10)):
        assert execution.output == "done\n", execution
        assert 0.4 <= execution.cpu_s < 5, execution


def test_waiting_for_oneself_is_no_busy_machine(sandbox):
    source = "import os\nfor _ in range(6):\n  if os.fork() == 0:\n    while True: pass\nos.nice(19)\nwhile True: pass"
    (execution,) = sandbox.run(Program(source=source, mode="stdio"), [""], Limits(cpu_s=0.5))
    assert execution.status == "timeout"
    # What ending them took comes on top of the half second.
    assert execution.waited_s <= execution.wall_s - 0.9 * min(0.5, execution.cpu_s) + 0.2, execution
