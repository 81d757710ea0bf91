"""Continuous batching over the toy: texts do not depend on the company, cells and ids come back, limits hold."""

import random
import time
from dataclasses import replace

import pytest

from inference.base import ModelError
from inference.scheduler import Scheduler
from inference.toy import ToyBackend, toy_shape
from inference.width import CostCurve, WidthPolicy
from tests.inference.toy_jobs import Plain, run, scheduler_over, texts, toy_job

SHARED = b"one problem, told at some length. " * 3
PROMPTS = [SHARED + bytes([65 + i]) * 5 for i in range(5)] * 2


def batch_of(backend, **options):
    return [toy_job(backend, prompt, seed=i, **options) for i, prompt in enumerate(PROMPTS)]


@pytest.fixture(scope="module")
def alone():
    """What each job says when it has the engine to itself."""
    found = []
    for i, prompt in enumerate(PROMPTS):
        backend = ToyBackend()
        job = toy_job(backend, prompt, seed=i)
        run(backend, [job], 1)
        found.append(job.controller.out)
    return found


@pytest.mark.parametrize(
    ("width", "shape"),
    [
        pytest.param(1, {}, id="alone"),
        pytest.param(8, {}, id="together"),
        pytest.param(8, {"sequences": 16, "rows": 5}, id="in-small-batches"),
        pytest.param(6, {"cells": 170, "context": 160}, id="in-a-small-cache"),
        pytest.param(4, {"cells": 140, "context": 140}, id="one-fits-at-a-time"),
        pytest.param(3, {"shares": False, "cells": 1600}, id="in-cells-of-their-own"),
        pytest.param(4, {"forks": False, "cells": 4096}, id="without-shared-prefixes"),
        pytest.param(2, {"sequences": 2}, id="with-no-spare-sequence"),
    ],
)
def test_text_does_not_depend_on_the_company(alone, width, shape):
    backend = ToyBackend(toy_shape(**shape))
    jobs = batch_of(backend)
    scheduler = run(backend, jobs, width)
    assert texts(jobs) == alone
    assert backend.cells_used == backend.shape.cells - scheduler.cache.free_cells


def test_shared_prompt_is_read_once():
    backend = ToyBackend()
    scheduler = run(backend, batch_of(backend)[:5], 8)
    assert scheduler.counts().prompt_rows == len(SHARED) + 5 * 5


def test_live_texts_decode_in_one_batch():
    backend = ToyBackend()
    run(backend, [toy_job(backend, bytes([i]) * 3, 30, seed=i) for i in range(8)], 8)
    assert backend.batches.count(8) > 25


def test_prompts_are_read_beside_running_decodes():
    backend = ToyBackend(toy_shape(rows=150, context=512))
    scheduler = scheduler_over(backend, 2)
    first, second = toy_job(backend, b"a" * 9, 60), toy_job(backend, b"b" * 400, 10)
    scheduler.submit(first)
    for _ in range(5):
        scheduler.step()
    scheduler.submit(second)
    said = len(first.controller.out)
    while len(second.controller.out) < 1:
        scheduler.step()
    assert len(first.controller.out) - said == 2
    assert backend.batches[-3:] == [129, 129, 144], "what is left in the end is one batch, and goes first"


def test_prompts_are_read_first_where_most_wait_for_theirs():
    backend = ToyBackend(toy_shape(rows=64, context=512, cells=4096))
    scheduler = scheduler_over(backend, 4)
    first, *others = [toy_job(backend, bytes([97 + text]) * (9 if text == 0 else 100), 10) for text in range(4)]
    scheduler.submit(first)
    for _ in range(3):
        scheduler.step()
    for job in others:
        scheduler.submit(job)
    said = len(first.controller.out)
    while not others[0].controller.out:
        scheduler.step()
    assert len(first.controller.out) == said
    while not others[2].controller.out:
        scheduler.step()
    assert len(first.controller.out) > said, "two wait and two go on"


@pytest.mark.parametrize(("prompt", "most"), [(3, 1), (300, 2)])
def test_running_text_goes_on_whoever_arrives(prompt, most):
    """However many prompts are read before it, it is passed over for four batches in succession at most."""
    backend = ToyBackend(toy_shape(rows=64, context=512, cells=8192))
    scheduler = scheduler_over(backend, 6)
    text = toy_job(backend, b"a" * 9, 100)
    scheduler.submit(text)
    scheduler.step()
    steps = 0
    while scheduler.live and text in scheduler.live:
        for new in range(2 if scheduler.counts().waiting < 4 else 0):
            scheduler.submit(toy_job(backend, bytes([98 + (2 * steps + new) % 90]) * prompt, most))
        scheduler.step()
        steps += 1
    assert len(text.controller.out) == 100
    assert steps <= 5 * 100


def test_sequences_with_cells_of_their_own_are_not_read_in_odd_parts():
    """Equal lengths are decoded in one pass: a batch is not filled up with the beginning of a further prompt."""
    backend = ToyBackend(toy_shape(rows=64, context=128, cells=1024, shares=False))
    run(backend, [toy_job(backend, bytes([97 + text]) * 30, 2) for text in range(3)], 3)
    assert backend.batches[:2] == [60, 30]


def test_sequences_with_cells_of_their_own_are_neighbours_in_a_batch(monkeypatch):
    """llama.cpp decodes a batch in one pass only where the ids follow one another."""
    backend = ToyBackend(toy_shape(shares=False, cells=2048))
    asked = []
    decode = ToyBackend.decode

    def watched(self, batch, *, hidden=False):
        asked.append(batch.sequences[: batch.size].tolist())
        decode(self, batch, hidden=hidden)

    monkeypatch.setattr(ToyBackend, "decode", watched)
    scheduler = scheduler_over(backend, 5)
    for turn in range(4):
        for i in range(5):
            scheduler.submit(toy_job(backend, bytes([turn]) * 50 + bytes([i]) * 3, 12, seed=i))
        while scheduler.busy:
            scheduler.step()
    full = [ids for ids in asked if len(ids) == 5]
    assert len(full) >= 4 * 10
    assert all(ids == [0, 1, 2, 3, 4] for ids in full)
    assert len(scheduler.cache.cold) == 3


def test_in_a_shared_cache_some_texts_wait_until_others_are_written():
    curve = CostCurve(rows=(1, 4, 8), seconds=(1.0, 1.2, 2.4), per_cell=(0.0, 0.005))
    backend = ToyBackend(toy_shape(sequences=18, cells=2048))
    width = WidthPolicy(16, curve)
    scheduler, live = Scheduler(backend, width=width), []
    for seed in range(16):
        scheduler.submit(toy_job(backend, b"what they share " * 4, 20, seed=seed))
    while scheduler.busy:
        scheduler.step()
        live.append(len(scheduler.live))
    assert max(live) == 4
    assert backend.batches.count(4) >= 4 * 18


def test_texts_that_draft_are_all_admitted():
    """Three rows are dearer than one three times, but not with what is drafted."""
    curve = CostCurve(rows=(1, 2, 4, 32), seconds=(1.0, 3.0, 3.6, 4.0))
    for lookup, most_live in ((0, 1), (6, 3)):
        backend = ToyBackend(copies=True)
        scheduler, live = scheduler_over(backend, 4, curve=curve), []
        for text in range(3):
            scheduler.submit(toy_job(backend, bytes([text]) + b"one two one two " * 3, 30, lookup=lookup))
        while scheduler.busy:
            scheduler.step()
            live.append(len(scheduler.live))
        assert max(live) == most_live


def test_long_prompt_is_counted_once_where_each_has_its_own_cells():
    curve = CostCurve(rows=(1, 4, 16), seconds=(0.5, 0.5, 1.6), per_cell=(0.0002, 0.00056))
    backend = ToyBackend(toy_shape(shares=False, sequences=8, context=1024, cells=8 * 1024, rows=640))
    scheduler = scheduler_over(backend, 8, curve=curve)
    for text in range(4):
        scheduler.submit(toy_job(backend, bytes([text]) * 600, 64))
    while any(job.reading for job in scheduler.live) or len(scheduler.live) < 4:
        scheduler.step()
    scheduler.submit(toy_job(backend, b"x" * 600, 64))
    scheduler.step()
    assert len(scheduler.live) == 5


def test_prompt_that_waiting_texts_share_is_counted_once():
    curve = CostCurve(rows=(1, 16), seconds=(1.0, 4.0), per_cell=(0.0, 0.0001))
    backend = ToyBackend(toy_shape(sequences=20, context=1024, cells=8192, rows=128))
    scheduler = scheduler_over(backend, 16, curve=curve)
    for seed in range(4):
        scheduler.submit(toy_job(backend, b"a" * 20, 20, seed=seed))
    while len(scheduler.live) < 4:
        scheduler.step()
    for seed in range(12):
        scheduler.submit(toy_job(backend, b"b" * 400, 20, seed=seed))
    scheduler.step()
    assert len(scheduler.live) == 5


def test_job_is_admitted_when_a_prefix_is_no_longer_pinned():
    backend = ToyBackend(toy_shape(cells=80, context=64))
    scheduler = scheduler_over(backend, 2)
    pin = scheduler.cache.pin(list(b"p" * 40))
    scheduler.submit(toy_job(backend, b"p" * 40 + b"!", 1))
    while scheduler.busy:
        scheduler.step()
    first, second = toy_job(backend, b"q" * 9, 20), toy_job(backend, b"r" * 9, 12)
    for job in (first, second):
        scheduler.submit(job)
    while len(first.controller.out) < 3:
        scheduler.step()
    assert scheduler.live == (first,)
    scheduler.unpin(pin)
    scheduler.step()
    assert scheduler.live == (first, second)


def test_bad_widths_are_not_filled():
    curve = CostCurve(rows=(1, 2, 4, 8), seconds=(1.0, 3.0, 3.2, 4.0))
    backend = ToyBackend()
    run(backend, [toy_job(backend, bytes([i]) * 3, 5 + i, seed=i) for i in range(8)], 8, curve=curve)
    decodes = [size for size in backend.batches if size > 1]
    assert 8 in decodes
    assert 2 not in backend.batches


def test_full_cache_pushes_the_youngest_out(alone):
    backend = ToyBackend(toy_shape(cells=170, context=160))
    scheduler = scheduler_over(backend, 6)
    scheduler._admission._share = 0.0
    jobs = batch_of(backend)
    for job in jobs:
        scheduler.submit(job)
    while scheduler.busy:
        scheduler.step()
    assert scheduler.counts().pushed_out > 0
    assert texts(jobs) == alone


def test_full_cache_makes_others_wait():
    backend = ToyBackend(toy_shape(cells=120, context=100))
    scheduler = scheduler_over(backend, 8)
    for i in range(4):
        scheduler.submit(toy_job(backend, bytes([i]) * 30, 20, seed=i))
    scheduler.step()
    assert (scheduler.counts().live, scheduler.counts().waiting) == (2, 2)


def test_problems_take_turns():
    backend = ToyBackend(toy_shape(context=64))
    scheduler = scheduler_over(backend, 1)
    order = []
    jobs = [toy_job(backend, prompt * 10, 3, seed=1) for prompt in [b"a"] * 9 + [b"b"] * 2]
    for index, job in enumerate(jobs):
        job.on_end = lambda stop, index=index: order.append(index)
        scheduler.submit(job)
    while scheduler.busy:
        scheduler.step()
    assert order == [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 8]


def test_cancelled_job_leaves_within_a_step():
    backend = ToyBackend()
    stop = []
    job = toy_job(backend, b"hello", 100, cancelled=lambda: bool(stop))
    ends = []
    job.on_end = ends.append
    scheduler = scheduler_over(backend, 4)
    scheduler.submit(job)
    for _ in range(6):
        scheduler.step()
    stop.append(1)
    scheduler.step()
    assert (ends, scheduler.busy, job.controller.sampler.closed) == (["cancelled"], False, True)


def test_deadline_ends_waiting_and_live_jobs():
    backend = ToyBackend()
    scheduler = scheduler_over(backend, 1)
    ends = []
    for i in range(3):
        job = toy_job(backend, bytes([i]) * 5, 50, deadline=time.monotonic() - 1)
        job.on_end = ends.append
        scheduler.submit(job)
    scheduler.step()
    assert (ends, scheduler.busy) == (["deadline"] * 3, False)


def test_raising_callback_ends_its_job_alone(alone):
    backend = ToyBackend()
    jobs, errors = batch_of(backend), []

    def interrupt(tokens):
        if tokens == 3:
            raise KeyboardInterrupt

    jobs[2].on_progress = interrupt
    jobs[2].on_failure = errors.append
    run(backend, jobs, 8)
    assert [type(error) for error in errors] == [KeyboardInterrupt]
    assert texts(jobs)[3:] == alone[3:]
    assert texts(jobs)[:2] == alone[:2]


def test_text_that_cannot_fit_is_refused():
    backend = ToyBackend()
    errors = []
    job = toy_job(backend, b"a" * 250, 50)
    job.on_failure = errors.append
    run(backend, [job], 4)
    assert isinstance(errors[0], ModelError)


def test_pinned_prefix_outlives_others():
    backend = ToyBackend(toy_shape(cells=200, context=100))
    scheduler = scheduler_over(backend, 2, most_cold_cells=150)
    scheduler.cache.pin(list(b"p" * 40))
    for prompt in (b"p" * 41, b"q" * 41, b"r" * 41, b"s" * 41, b"t" * 41):
        scheduler.submit(toy_job(backend, prompt, 5))
        while scheduler.busy:
            scheduler.step()
    before = scheduler.counts().reused
    scheduler.submit(toy_job(backend, b"p" * 41, 5))
    while scheduler.busy:
        scheduler.step()
    assert scheduler.counts().reused == before + 40


def test_exact_mode_reads_every_prompt_in_the_same_passes():
    """Each prompt's batches, cut where it is cut in an empty engine, less what was reused whole."""
    prompts = [SHARED + b"x" * n for n in (1, 30, 1, 7, 30)] + [SHARED[:40], SHARED[:41], SHARED[:40]]
    for order in ([0, 1, 2, 3, 4, 5, 6, 7], [7, 5, 6, 2, 3, 1, 0, 4]):
        backend = ToyBackend(toy_shape(sequences=1, rows=16))
        scheduler = Scheduler(backend, width=WidthPolicy(1), segment=16)
        for index in order:
            del backend.batches[:]
            scheduler.submit(toy_job(backend, prompts[index], 1))
            while scheduler.busy:
                scheduler.step()
            length = len(prompts[index])
            fresh = [16] * ((length - 1) // 16) + [(length - 1) % 16] * bool((length - 1) % 16) + [1]
            assert backend.batches == fresh[len(fresh) - len(backend.batches) :]


def test_hidden_states_come_with_every_row_but_never_beside_prompts(monkeypatch):
    backend = ToyBackend()
    asked = []
    decode = ToyBackend.decode

    def watched(self, batch, *, hidden=False):
        asked.append((hidden, batch.size, sum(batch.wanted[: batch.size])))
        decode(self, batch, hidden=hidden)

    monkeypatch.setattr(ToyBackend, "decode", watched)
    jobs = [toy_job(backend, bytes([i]) * 20, 9, seed=i, hidden=i % 2 == 0) for i in range(6)]
    run(backend, jobs, 4)
    assert [job.controller.states for job in jobs] == [9, 0] * 3
    assert all(size == wanted for hidden, size, wanted in asked if hidden)


class Forced(Plain):
    """Feeds a sentence of its own after every third token, as budget forcing does."""

    def advance(self, outputs, at, hidden):
        fed = super().advance(outputs, at, hidden)
        return (*fed, 7, 8, 9) if not isinstance(fed, str) and len(self.out) % 3 == 0 else fed


@pytest.mark.parametrize("outputs", [6, 64])
def test_hidden_states_beside_forced_sentences_are_of_the_drawn_rows(outputs):
    """llama.cpp makes every row of such a step an output, so that the places of the wanted ones move."""

    def written(hidden):
        backend = ToyBackend(replace(toy_shape(), outputs=outputs))
        jobs = [toy_job(backend, bytes([i]) * 20, 12, seed=i, limit=40, hidden=hidden) for i in range(4)]
        for job in jobs:
            job.controller = Forced(backend, 12, seed=int(job.prompt[0]))
        run(backend, jobs, 4)
        return jobs

    seen, plain = written(True), written(False)
    assert texts(seen) == texts(plain)
    assert [job.controller.states for job in seen] == [12] * 4


class Random:
    """Random traffic on a scheduler."""

    def __init__(self, seed, shares, forks, curve):
        self.draw = random.Random(seed)
        cells = 420 if shares else 840
        self.backend = ToyBackend(toy_shape(sequences=7, cells=cells, context=120, forks=forks, shares=shares))
        self.scheduler = scheduler_over(self.backend, 5, curve=curve)
        self.acts = {0.2: self.submit, 0.05: self.cancel, 0.02: self.pin, 0.01: self.scheduler.cache.evict}
        self.jobs, self.ended, self.pins = [], [], []

    def submit(self):
        draw = self.draw
        if self.scheduler.counts().waiting > 6:
            return
        prompt = bytes(draw.choice(b"ab") for _ in range(draw.randrange(1, 4))) * draw.randrange(1, 20)
        options = {"keep": draw.choice(["prompt", "all", "nothing"]), "hidden": draw.random() < 0.2}
        lookup = draw.choice([0, 0, 4])
        job = toy_job(self.backend, prompt, draw.randrange(1, 50), seed=1, lookup=lookup, limit=60, **options)
        job.on_end = job.on_failure = self.ended.append
        self.scheduler.submit(job)
        self.jobs.append(job)

    def cancel(self):
        if self.jobs:
            self.scheduler.cancel(self.draw.choice(self.jobs[-8:]))

    def pin(self):
        if len(self.pins) > 3:
            self.scheduler.unpin(self.pins.pop())
        self.pins.append(self.scheduler.cache.pin(list(b"ab" * self.draw.randrange(1, 9))))

    def step(self):
        for share, act in self.acts.items():
            if self.draw.random() < share:
                act()
        self.scheduler.step()


WAVES = CostCurve(rows=(1, 2, 3, 5), seconds=(1.0, 1.9, 2.0, 4.0), per_cell=(0.001, 0.01))


@pytest.mark.parametrize(
    ("shares", "forks", "seed", "curve"),
    [
        (True, True, 1, None),
        (False, True, 2, None),
        (True, False, 3, None),
        (True, True, 4, WAVES),
        (False, True, 5, WAVES),
    ],
)
def test_random_traffic_leaks_nothing(shares, forks, seed, curve):
    """Submit, cancel, pin, fork by shared prefixes, evict: the toy's cells are the counted ones after every step."""
    traffic = Random(seed, shares, forks, curve)
    backend, scheduler = traffic.backend, traffic.scheduler
    for _ in range(10_000 if seed == 1 else 3_000):
        traffic.step()
        assert backend.cells_used == backend.shape.cells - scheduler.cache.free_cells
        assert all(backend.text(job.sequence) == job.tokens[: job.done] for job in scheduler.live)
    for _ in range(2_000):
        scheduler.step()
    assert not scheduler.busy, "all that was submitted comes to its end"
    while scheduler.cache.evict():
        pass
    assert (backend.cells_used, len(traffic.ended)) == (0, len(traffic.jobs))
    assert sorted(scheduler.cache.free_sequences) == list(range(7))
    assert all(sampler.closed for sampler in backend.samplers)


@pytest.mark.parametrize("width", [1, 3])
def test_drafts_change_no_text(width):
    prompts = [bytes([i]) * 3 + b"def f(x): return x + 1\n" * 2 + b"def" for i in range(6)]
    for temperature in (0.0, 0.9):
        plain, drafted = ToyBackend(copies=True), ToyBackend(copies=True)
        without = [toy_job(plain, p, 40, seed=i, temperature=temperature) for i, p in enumerate(prompts)]
        with_ = [toy_job(drafted, p, 40, seed=i, temperature=temperature, lookup=6) for i, p in enumerate(prompts)]
        steps = run(plain, without, width).counts().steps
        assert run(drafted, with_, width).counts().steps < 0.7 * steps
        assert texts(with_) == texts(without)
        assert sum(job.lookup.accepted for job in with_) > 60


def test_drafts_rest_where_nothing_copies():
    backend = ToyBackend(seed=3)
    jobs = [toy_job(backend, b"abcabcabc" * 3, 60, seed=i, lookup=6) for i in range(4)]
    scheduler = run(backend, jobs, 4)
    offered = sum(job.lookup.offered for job in jobs)
    assert offered < 0.3 * scheduler.counts().rows


def test_drafts_are_priced():
    dear = CostCurve(rows=(1, 2, 4, 8), seconds=(1.0, 9.0, 18.0, 36.0))
    backend = ToyBackend(copies=True)
    job = toy_job(backend, b"one two one two " * 3, 30, lookup=6)
    run(backend, [job], 1, curve=dear)
    assert job.lookup.offered == 0


def kept_prompts(prompts):
    """Return what is reused of each prompt in turn, in one engine that is idle in between."""
    backend = ToyBackend(toy_shape(cells=400, context=100))
    scheduler = scheduler_over(backend, 2, most_cold_cells=300)
    reused = []
    for prompt in prompts:
        before = scheduler.counts().reused
        scheduler.submit(toy_job(backend, prompt, 3))
        while scheduler.busy:
            scheduler.step()
        reused.append(scheduler.counts().reused - before)
    return reused


def test_stranger_to_a_prompt_leaves_an_idle_engine():
    """With shared cells every row would attend to it; what was used again since is kept."""
    a, b = b"a" * 50, b"b" * 50
    assert kept_prompts([a, b, a]) == [0, 0, 0]
    assert kept_prompts([a, a, b, a]) == [0, 49, 0, 49]
    assert kept_prompts([a, a[:30] + b[:30], a]) == [0, 30, 49]


def test_texts_of_one_batch_do_not_keep_their_prompt():
    """The later ones find it kept by the earlier ones, which does not say that anybody will ask for it again."""
    backend = ToyBackend(toy_shape(sequences=8, cells=4096))
    scheduler = scheduler_over(backend, 2)
    for prompt, together in ((b"a" * 50, 6), (b"b" * 50, 1)):
        for seed in range(together):
            scheduler.submit(toy_job(backend, prompt, 5, seed=seed))
        while scheduler.busy:
            scheduler.step()
    assert scheduler.counts().reused == 5 * 49
    assert [backend.text(sequence) for sequence in scheduler.cache.cold] == [list(b"b" * 49)]


def test_exact_mode_drafts_nothing():
    """Rows of drafts are rounded otherwise, and whether they pay is a matter of time."""
    backend = ToyBackend(toy_shape(sequences=1, rows=16), copies=True)
    scheduler = Scheduler(backend, width=WidthPolicy(1), segment=16)
    job = toy_job(backend, b"one two one two " * 3, 30, lookup=6)
    scheduler.submit(job)
    while scheduler.busy:
        scheduler.step()
    assert (job.lookup.offered, len(job.controller.out)) == (0, 30)


def test_drafts_are_as_long_as_they_pay():
    """Up to four rows cost as one, beyond they cost dearly: with one text three tokens are drafted."""
    curve = CostCurve(rows=(1, 4, 5, 8), seconds=(1.0, 1.0, 9.0, 36.0))
    backend = ToyBackend(copies=True)
    run(backend, [toy_job(backend, b"one two one two " * 3, 40, lookup=8)], 1, curve=curve)
    assert max(backend.batches[2:]) <= 4
    assert len(backend.batches) < 30


def test_drafts_bring_texts_together_that_would_take_turns():
    """Four texts go together. When two have ended, the others take turns without drafts, as two rows are dear."""
    curve = CostCurve(rows=(1, 2, 4, 32), seconds=(1.0, 3.0, 3.6, 4.0))
    for lookup, widest in ((0, 1), (6, 14)):
        backend = ToyBackend(copies=True)
        prompts = [bytes([i]) + b"one two one two " * 3 for i in range(4)]
        lengths = (60, 60, 4, 4)
        run(
            backend,
            [toy_job(backend, *both, lookup=lookup) for both in zip(prompts, lengths, strict=True)],
            4,
            curve=curve,
        )
        assert max(backend.batches[-5:]) == widest


def test_texts_share_the_room_for_drafts():
    """The first ones do not leave the last one without."""
    backend = ToyBackend(replace(toy_shape(), outputs=12), copies=True)
    jobs = [toy_job(backend, bytes([i]) + b"one two one two " * 3, 40, seed=i, lookup=9) for i in range(3)]
    scheduler = scheduler_over(backend, 3)
    for job in jobs:
        scheduler.submit(job)
    while all(len(job.controller.out) < 30 for job in jobs):
        scheduler.step()
    assert min(job.lookup.offered for job in jobs) > 10


def test_texts_without_drafts_take_turns_whoever_might_draft():
    """One text has no lookup, the other one finds nothing: two rows cost three times one."""
    curve = CostCurve(rows=(1, 2, 4, 32), seconds=(1.0, 3.0, 3.6, 4.0))
    backend = ToyBackend(seed=3)
    prompts = [bytes(range(40 * i, 40 * i + 40)) for i in range(4)]
    jobs = [toy_job(backend, prompts[i], (40, 40, 4, 4)[i], seed=i, lookup=6 * (i == 1)) for i in range(4)]
    run(backend, jobs, 4, curve=curve)
    assert set(backend.batches[-20:]) == {1}


def test_room_for_drafts_goes_to_those_who_draft():
    backend = ToyBackend(replace(toy_shape(), outputs=16), copies=True)
    jobs = [toy_job(backend, bytes([i]) + b"one two one two " * 3, 40, seed=i, lookup=8 * (i == 5)) for i in range(6)]
    run(backend, jobs, 6)
    assert 6 + 8 in backend.batches


@pytest.mark.parametrize("streams", [False, True])
def test_with_more_problems_than_places_each_prompt_is_read_once(streams):
    """A place that was given to another problem would mean that a prompt has to be read again when it is free."""
    backend = ToyBackend(toy_shape(sequences=10, cells=10 * 100, context=100, rows=64, shares=not streams))
    prompts = [bytes([65 + problem]) * 40 for problem in range(6)]
    jobs = [toy_job(backend, prompt, 20, seed=seed) for prompt in prompts for seed in range(8)]
    scheduler = run(backend, jobs, 10)
    assert scheduler.counts().prompt_rows <= 7 * 40 + len(jobs)
