"""The queue: bounded, fair, told to those who wait, and drained without a loss."""

from __future__ import annotations

import asyncio

import pytest

from cli.serving.work import ClosingError, QueueFullError, StoppedError, Waiting, Work


def work_of(searches=1, texts=1, waiting=10):
    return Work(at_once={"search": searches, "text": texts}, most_waiting=waiting)


class Held:
    """Work that runs until it is let go or stopped."""

    def __init__(self):
        self.began = asyncio.Event()
        self.go = asyncio.Event()

    async def __call__(self, run):
        run.on_stop = self.go.set
        self.began.set()
        await self.go.wait()
        run.post("stopped early" if run.stopped else "finished")


async def told(run):
    return [event async for event in run.listen()]


def looped(test):
    def run_it(*arguments, **named):
        asyncio.run(asyncio.wait_for(test(*arguments, **named), 30))

    return run_it


@looped
async def test_lanes_do_not_wait_for_each_other():
    work, search, text = work_of(), Held(), Held()
    slow = work.submit(search, lane="search")
    work.submit(text, lane="text")
    await search.began.wait()
    await text.began.wait()
    assert [run.lane for run in work.running] == ["search", "text"]
    search.go.set(), text.go.set()
    assert await told(slow) == ["finished"]


@looped
async def test_waiters_learn_their_place_as_it_changes():
    work, jobs = work_of(), [Held() for _ in range(3)]
    runs = [work.submit(job, lane="search", client=str(index)) for index, job in enumerate(jobs)]
    await jobs[0].began.wait()
    for job in jobs:
        job.go.set()
    assert await told(runs[2]) == [Waiting(ahead=1), Waiting(ahead=0), "finished"]
    assert await told(runs[0]) == ["finished"]


@looped
async def test_one_client_cannot_keep_another_out():
    work, order = work_of(), []

    async def note(run):
        order.append(run.client)

    first = Held()
    work.submit(first, lane="search", client="greedy")
    await first.began.wait()
    runs = [work.submit(note, lane="search", client=name) for name in ("greedy", "greedy", "modest")]
    first.go.set()
    for run in runs:
        await run.finished()
    assert order == ["modest", "greedy", "greedy"]


@looped
async def test_full_queue_says_when_to_come_back():
    work, job = work_of(waiting=1), Held()
    work.submit(job, lane="search")
    await job.began.wait()
    waiting = work.submit(Held(), lane="search")
    with pytest.raises(QueueFullError, match="1 requests wait already") as refused:
        work.submit(Held(), lane="search")
    assert refused.value.retry_after_s >= 1
    assert work.submit(Held(), lane="text"), "a free lane takes work although the other one is full"
    waiting.stop()


@looped
async def test_stopped_waiter_gives_up_its_place():
    work, job = work_of(), Held()
    running = work.submit(job, lane="search")
    waiting = work.submit(Held(), lane="search")
    waiting.stop()
    with pytest.raises(StoppedError):
        await told(waiting)
    assert work.waiting == 0
    job.go.set()
    await running.finished()


@looped
async def test_run_stopped_between_its_turn_and_its_first_step_never_begins():
    work, job = work_of(), Held()
    run = work.submit(job, lane="search")
    run.stop()
    with pytest.raises(StoppedError):
        await told(run)
    assert not job.began.is_set()
    assert work.running == ()


@looped
async def test_failure_reaches_every_listener_and_frees_the_turn():
    async def fail(run):
        run.post("half")
        raise ValueError("broken")

    work = work_of()
    run = work.submit(fail, lane="search")
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            await told(run)
    assert run.events == ["half"]
    assert work.running == ()


@looped
async def test_drain_lets_work_finish_and_sends_waiters_away():
    work, job = work_of(), Held()
    running, waiting = work.submit(job, lane="search"), work.submit(Held(), lane="search")
    await job.began.wait()
    draining = asyncio.create_task(work.drain(grace_s=20))
    await waiting.finished()
    assert isinstance(waiting.error, ClosingError)
    with pytest.raises(ClosingError):
        work.submit(Held(), lane="search")
    assert not draining.done()
    job.go.set()
    await draining
    assert running.events == ["finished"]


@looped
async def test_drain_ends_with_what_there_is_after_the_grace():
    work, job = work_of(), Held()
    run = work.submit(job, lane="search")
    await job.began.wait()
    await work.drain(grace_s=0)
    assert run.events == ["stopped early"]


@looped
async def test_drain_cancels_what_does_not_heed_a_stop():
    async def deaf(run):
        await asyncio.Event().wait()

    work = work_of()
    run = work.submit(deaf, lane="search")
    await asyncio.sleep(0)
    await work.drain(grace_s=0, kill_s=0.05)
    assert isinstance(run.error, ClosingError)
