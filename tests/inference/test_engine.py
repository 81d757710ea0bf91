"""One thread, many callers: threads, event loops, failures and the end, over the toy."""

import asyncio
import gc
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from inference.base import ModelError
from inference.engine import Engine
from inference.toy import ToyBackend
from tests.inference.toy_jobs import run, scheduler_over, texts, toy_job


@pytest.fixture
def backend():
    return ToyBackend()


@pytest.fixture
def engine(backend):
    opened = Engine(backend, scheduler_over(backend, 4), name="toy")
    yield opened
    opened.close()


def waiting(job):
    future = Future()
    job.on_end, job.on_failure = future.set_result, future.set_exception
    return future


def test_many_threads_get_their_own_texts(engine, backend):
    other = ToyBackend()
    wanted = [toy_job(other, bytes([i]) * 9, 12, seed=i) for i in range(24)]
    run(other, wanted, 1)

    def ask(i):
        job = toy_job(backend, bytes([i]) * 9, 12, seed=i)
        future = waiting(job)
        engine.submit([job])
        assert future.result(10) == "length"
        return job.controller.out

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(ask, range(24))) == texts(wanted)
    assert max(backend.batches) > 3


def test_cancel_acts_while_others_go_on(engine, backend):
    long, short = toy_job(backend, b"long", 200), toy_job(backend, b"short", 30)
    futures = [waiting(long), waiting(short)]
    started = threading.Event()
    long.on_progress = lambda tokens: started.set()
    engine.submit([long, short])
    started.wait(10)
    engine.cancel([long])
    assert [future.result(10) for future in futures] == ["cancelled", "length"]


def test_failing_back_end_fails_every_job_and_the_engine_lives(engine, backend, monkeypatch):
    decode = ToyBackend.decode
    broken = threading.Event()

    def breaks(self, batch, *, hidden=False):
        if not broken.is_set():
            broken.set()
            raise ModelError("out of order: mend it")
        decode(self, batch, hidden=hidden)

    monkeypatch.setattr(ToyBackend, "decode", breaks)
    jobs = [toy_job(backend, b"a" * 5, 5), toy_job(backend, b"b" * 5, 5)]
    futures = [waiting(job) for job in jobs]
    engine.submit(jobs)
    for future in futures:
        with pytest.raises(ModelError, match="out of order"):
            future.result(10)
    again = toy_job(backend, b"c" * 5, 5)
    future = waiting(again)
    engine.submit([again])
    assert future.result(10) == "length"
    assert backend.cells_used == 4


def test_closing_ends_what_runs_and_frees_everything(backend):
    engine = Engine(backend, scheduler_over(backend, 4), name="toy")
    jobs = [toy_job(backend, bytes([i]) * 5, 200) for i in range(6)]
    futures = [waiting(job) for job in jobs]
    engine.submit(jobs)
    engine.close()
    engine.close()
    for future in futures:
        with pytest.raises(ModelError, match="toy is closed"):
            future.result(10)
    assert backend.closed
    assert all(sampler.closed for sampler in backend.samplers)
    late = toy_job(backend, b"late", 5)
    with pytest.raises(ModelError, match="toy is closed"):
        engine.submit([late])
    assert late.controller.sampler.closed
    with pytest.raises(ModelError, match="toy is closed"):
        engine.ask(lambda scheduler: scheduler.counts())


def test_question_gets_its_answer_or_its_error(engine):
    assert engine.ask(lambda scheduler: scheduler.counts().live) == 0
    with pytest.raises(ZeroDivisionError):
        engine.ask(lambda scheduler: 1 // 0)


def test_idle_engine_costs_nothing(engine):
    began = time.thread_time(), time.process_time()
    time.sleep(0.3)
    assert time.process_time() - began[1] < 0.1


def test_a_thousand_requests_leave_no_more_than_the_first(engine, backend):
    def ask(i):
        job = toy_job(backend, bytes([i % 7]) * 6, 3, seed=i)
        future = waiting(job)
        engine.submit([job])
        future.result(10)

    for i in range(20):
        ask(i)
    gc.collect()
    before = len(gc.get_objects())
    backend.samplers.clear()
    backend.batches.clear()
    for i in range(1_000):
        ask(i)
    backend.samplers.clear()
    gc.collect()
    assert len(gc.get_objects()) - before < 200
    counts = engine.ask(lambda scheduler: scheduler.counts())
    assert (counts.live, counts.waiting) == (0, 0)
    free, cold = engine.ask(lambda scheduler: (scheduler.cache.free_sequences, scheduler.cache.cold))
    assert sorted((*free, *cold)) == list(range(8))


def test_event_loop_is_not_blocked(engine, backend):
    """The engine's thread waits for the event loop, which it would never reach if it waited for the engine."""
    turn, turns = threading.Event(), []

    async def both():
        job = toy_job(backend, b"hello", 100)
        future = asyncio.wrap_future(waiting(job))
        job.on_progress = lambda _: turns.append(turn.wait(30))
        engine.submit([job])
        asyncio.get_running_loop().call_soon(turn.set)
        return await future

    assert asyncio.run(both()) == "length"
    assert all(turns)
