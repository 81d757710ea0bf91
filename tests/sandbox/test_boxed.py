"""What both back ends promise beside holding: order, limits, cancelling, many threads, large inputs."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox.base import Limits, Program

ECHO = Program(source="print(input())", mode="stdio")


def stdio(source):
    return Program(source=source, mode="stdio")


def test_inputs_run_in_order(sandbox):
    texts = [f"line {number}\n" for number in range(10)]
    assert [execution.output for execution in sandbox.run(ECHO, texts)] == texts
    assert sandbox.run(ECHO, []) == ()


def test_a_failure_does_not_stop_the_others(sandbox):
    program = stdio("print(1 / int(input()), flush=True)\nwhile True: pass\n")
    executions = sandbox.run(program, ["0", "1"], Limits(cpu_s=0.3))
    assert [execution.status for execution in executions] == ["runtime_error", "timeout"]
    assert executions[0].error.endswith("ZeroDivisionError: division by zero")
    assert executions[1].output == "1.0\n"


def test_measures_what_was_used(sandbox):
    (execution,) = sandbox.run(stdio("import time\nx = b'x' * (100 << 20)\ntime.sleep(0.3)\nsum(range(10**6))"), [""])
    assert 0.01 < execution.cpu_s < 3
    assert execution.wall_s > 0.3
    assert 100 < execution.peak_mb < 200


def test_cpu_time_is_judged_not_wall_time(sandbox):
    source = "import time\nfor _ in range(8): time.sleep(0.1)"
    assert sandbox.run(stdio(source), [""], Limits(cpu_s=0.5))[0].status == "completed"


def test_the_memory_limit_is_each_runs_own(sandbox):
    source = "x = b'x' * (700 << 20)\nprint(len(x))"
    assert sandbox.run(stdio(source), [""], Limits(memory_mb=300))[0].status == "memory"
    assert sandbox.run(stdio(source), [""], Limits(memory_mb=1000))[0].output == f"{700 << 20}\n"


def test_megabytes_go_in_and_out(sandbox):
    text = "0123456789" * 2_000_000
    limits = Limits(output_bytes=32 << 20)
    (execution,) = sandbox.run(stdio("import sys; sys.stdout.write(sys.stdin.read()[::-1])"), [text], limits)
    assert execution.output == text[::-1]


@pytest.mark.parametrize("text", ["\ud800", "\0", "é\r\n", ""])
def test_odd_inputs_arrive_as_bytes(sandbox, text):
    program = stdio("import sys; print(sys.stdin.buffer.read())")
    assert sandbox.run(program, [text])[0].output == f"{text.encode('utf-8', 'surrogatepass')!r}\n"


def test_cancelling_kills_at_once(sandbox):
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    started = time.monotonic()
    executions = sandbox.run(stdio("input()\nimport time; time.sleep(60)"), ["", "a"], cancelled=stop.is_set)
    assert time.monotonic() - started < 3
    assert len(executions) < 2
    assert sandbox.run(ECHO, ["a"], cancelled=lambda: True) == ()


def test_many_threads_get_their_own_results(sandbox):
    def run(number):
        program = stdio(f"print({number}, input(), open('/tmp/x', 'x').write('1'))")
        return [execution.output for execution in sandbox.run(program, ["a", "b"])]

    with ThreadPoolExecutor(6) as threads:
        results = list(threads.map(run, range(12)))
    assert results == [[f"{number} a 1\n", f"{number} b 1\n"] for number in range(12)]


def test_an_attack_next_door_changes_no_verdict(sandbox):
    bomb = stdio("import os\nwhile True:\n  try: os.fork()\n  except OSError: pass")
    with ThreadPoolExecutor(2) as threads:
        attacked = threads.submit(sandbox.run, bomb, [""], Limits(cpu_s=0.5))
        calm = [threads.submit(sandbox.run, ECHO, ["a", "b"]) for _ in range(2)]
        assert [execution.output for run in calm for execution in run.result()] == ["a\n", "b\n"] * 2
        assert attacked.result()[0].status == "timeout"


def test_sets_of_texts_come_in_one_order(sandbox):
    program = stdio("print({'a', 'b', 'c', 'd', 'e', 'f'}, hash('a'))")
    outputs = {sandbox.run(program, [""])[0].output for _ in range(3)}
    assert len(outputs) == 1


def held():
    """Descriptors, threads and child processes of this process."""
    children = [path.read_text().split() for path in Path("/proc/self/task").glob("*/children")]
    return len(list(Path("/proc/self/fd").iterdir())), threading.active_count(), sum(map(len, children))


def settled(wanted=None):
    """Return what is held once it stays the same for a second, or has become what is wanted."""
    deadline = time.monotonic() + 60
    seen = [held()]
    while seen[-1] != wanted and (wanted is not None or len(seen) < 11 or len(set(seen[-11:])) > 1):
        assert time.monotonic() < deadline, (seen[-1], wanted)
        time.sleep(0.1)
        seen.append(held())
    return seen[-1]


def test_many_candidates_leave_nothing(sandbox):
    sandbox.run(ECHO, ["a"])
    before = settled()
    for number in range(20):
        sandbox.run(stdio(f"print(input())  # {number}"), ["a"])
    settled(before)
