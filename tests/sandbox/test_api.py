"""The interface for others: results as tests finish, twins that agree, cancelling that kills at once."""

from __future__ import annotations

import asyncio
import subprocess
import time
from contextlib import aclosing

import pytest

from sandbox.api import Case, Sandbox, SyncSandbox
from sandbox.base import Limits, Program, SandboxUnavailableError

pytestmark = pytest.mark.bubblewrap
HALF = Program(source="print(10 // int(input()))", mode="stdio")
CASES = [Case(input="5", expected="2"), Case(input="5", expected="3"), Case(input="0", expected="1"), Case(input="5")]
VERDICTS = ["passed", "wrong_answer", "runtime_error", "completed"]
SLOW = Program(source="import time; time.sleep(float(input())); print('x')", mode="stdio")


@pytest.fixture(scope="module")
def box():
    with SyncSandbox("bubblewrap", workers=2) as opened:
        yield opened


def processes_with(word):
    seen = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in seen.splitlines() if word in line and "ps -ww" not in line]


def test_both_twins_judge_alike(box):
    async def judged():
        async with Sandbox("bubblewrap", workers=1) as asynchronous:
            assert asynchronous.name == box.name == "bubblewrap"
            return [result async for result in asynchronous.run(HALF, CASES)]

    theirs = asyncio.run(judged())
    assert [result.verdict for result in theirs] == VERDICTS
    assert [result.verdict for result in box.run(HALF, CASES)] == VERDICTS
    assert [result.case for result in theirs] == CASES


def test_results_come_as_tests_finish(box):
    began = time.monotonic()
    results = box.run(SLOW, [Case(input="0"), Case(input="30")])
    assert next(results).verdict == "completed"
    assert time.monotonic() - began < 15
    results.close()
    assert time.monotonic() - began < 20


def test_a_cancelled_task_kills_its_box():
    async def cancelled():
        async with Sandbox("bubblewrap", workers=1) as asynchronous:
            word = "7654.25"
            source = f"import subprocess, sys; subprocess.run(['sleep', '{word}'])"

            async def consume():
                async for _ in asynchronous.run(Program(source=source, mode="stdio"), [Case(input="")]):
                    pass

            task = asyncio.create_task(consume())
            while not processes_with(f"sleep {word}"):
                await asyncio.sleep(0.05)
            began = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            took = time.monotonic() - began
            while processes_with(f"sleep {word}"):
                assert time.monotonic() - began < 5
                await asyncio.sleep(0.01)
            after = [result.verdict async for result in asynchronous.run(HALF, CASES)]
            return took, after

    took, after = asyncio.run(cancelled())
    assert took < 3
    assert after == VERDICTS


def test_leaving_the_loop_ends_the_program():
    async def left():
        async with Sandbox("bubblewrap", workers=1) as asynchronous:
            async with aclosing(asynchronous.run(SLOW, [Case(input="0"), Case(input="60")])) as results:
                async for result in results:
                    assert result.verdict == "completed"
                    break
            began = time.monotonic()
            verdicts = [result.verdict async for result in asynchronous.run(HALF, CASES)]
            assert time.monotonic() - began < 20
            return verdicts

    assert asyncio.run(left()) == VERDICTS


def test_the_loop_is_never_blocked():
    async def ticking():
        longest = 0.0
        async with Sandbox("bubblewrap", workers=2) as asynchronous:
            runs = [asyncio.create_task(collect(asynchronous)) for _ in range(4)]
            while not all(run.done() for run in runs):
                began = time.monotonic()
                await asyncio.sleep(0.01)
                longest = max(longest, time.monotonic() - began)
            assert [await run for run in runs] == [VERDICTS] * 4
        return longest

    async def collect(asynchronous):
        return [result.verdict async for result in asynchronous.run(HALF, CASES)]

    assert asyncio.run(ticking()) < 1.0


def test_mistakes_and_failures_are_raised_not_scored(monkeypatch):
    async def wrong():
        async with Sandbox("bubblewrap", workers=1) as asynchronous:
            strange = Program(source="x", mode="stdio", language="cobol")
            with pytest.raises(ValueError, match="no language"):
                [result async for result in asynchronous.run(strange, CASES)]
            assert [r async for r in asynchronous.run(HALF, [])] == []

    async def unopened():
        return [result async for result in Sandbox("bubblewrap").run(HALF, CASES)]

    asyncio.run(wrong())
    with pytest.raises(RuntimeError, match="async with"):
        asyncio.run(unopened())
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    with pytest.raises(SandboxUnavailableError, match="no Docker engine"):
        SyncSandbox("docker")


def test_limits_are_the_callers(box):
    (result,) = box.run(Program(source="while True: pass", mode="stdio"), [Case(input="")], Limits(cpu_s=0.2))
    assert result.verdict == "timeout"
