"""GgufModel with several texts in one batch: complete, bounded, streamed, constrained, and nothing leaks."""

import asyncio
import json
import random
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inference.backend import Batch, NoRoomError, Sampling
from inference.base import Message, ModelError, Request, Thinking
from inference.gguf import GgufModel
from inference.layout import Width
from inference.leaves import LeafSearch
from inference.llama import Layout, LlamaContext
from inference.llama_sampling import _reach
from inference.outputs import Outputs
from inference.scheduler import Scheduler
from inference.truncation import Truncation
from inference.width import WidthPolicy
from tests.inference.tiny_gguf import write_tiny_gguf
from tests.inference.toy_jobs import toy_job

pytestmark = pytest.mark.gguf

LAYOUTS = {"unified": Width(most=6, cells=1200, streams=False), "streams": Width(most=6, streams=True)}


@pytest.fixture(scope="module", params=LAYOUTS)
def wide(request, tiny_path):
    model = GgufModel(tiny_path, threads=1, width=LAYOUTS[request.param])
    yield model
    model.close()


@pytest.fixture(scope="module")
def alone(tiny_path):
    model = GgufModel(tiny_path, threads=1)
    yield model
    model.close()


@pytest.fixture
def context(tiny_path):
    layout = Layout(sequences=4, cells=256, rows=32, outputs=8, unified=True)
    opened = LlamaContext(tiny_path, layout=layout, gpu_layers=0, threads=1)
    yield opened
    opened.close()


def user(text):
    return (Message(role="system", content="Be brief. " * 9), Message(role="user", content=text))


def requests(count=12, **options):
    return [
        Request(messages=user(f"question {i % 5}"), **({"max_tokens": 20, "seed": i} | options)) for i in range(count)
    ]


def test_first_tokens_are_those_of_a_text_alone(wide, alone):
    """A float32 model: rounding differs by far less than the gaps between its logits over the first tokens."""
    short = requests(max_tokens=4, temperature=0.0)
    assert [reply.text for reply in wide.complete_many(short)] == [reply.text for reply in alone.complete_many(short)]


def test_same_batch_into_an_idle_engine_gives_the_same_texts(tiny_path):
    texts = []
    for _ in range(2):
        model = GgufModel(tiny_path, threads=1, width=LAYOUTS["unified"])
        texts.append([reply.text for reply in model.complete_many(requests())])
        model.close()
    assert texts[0] == texts[1]


def test_every_reply_is_whole(wide):
    replies = wide.complete_many(requests(temperature=0.5, top_k=20, confidence=True))
    assert [(reply.tokens, reply.stop) for reply in replies] == [(20, "length")] * 12
    assert all(reply.confidence is not None and reply.seconds > 0 for reply in replies)


def test_shared_prompt_is_read_once_in_a_batch(tiny_path):
    model = GgufModel(tiny_path, threads=1, width=LAYOUTS["unified"])
    model.complete_many(requests(5))
    length = model.count_tokens(user("question 0"))
    assert model.counts().prompt_rows <= length + 5 * 20
    model.close()


def test_thinking_is_forced_inside_a_batch(open_tiny):
    model = GgufModel(open_tiny.path(boost={"a": 6.0}), threads=1, width=6)
    asked = [
        Request(messages=user("x"), max_tokens=5, thinking=Thinking(at_most=cap, at_least=1), seed=cap)
        for cap in (20, 60, 150, 20, 60, 150)
    ]
    replies = model.complete_many(asked)
    model.close()
    assert [reply.thinking_tokens for reply in replies] == [20, 60, 150] * 2
    assert {reply.text for reply in replies} == {"aaaaa"}


def test_stop_texts_and_signals_are_each_requests_own(wide):
    whole, *_ = wide.complete_many([replace(requests(1)[0], temperature=0.0, max_tokens=12)])
    one = replace(requests(1)[0], temperature=0.0, max_tokens=12, signals=True, hidden=True)
    cut = replace(one, stop=(whole.text[3:5],), signals=False, hidden=False)
    full, short = wide.complete_many([one, cut])
    assert short.stop == "stop_text"
    assert full.text.startswith(short.text)
    assert full.log_probability < 0 < full.entropy < np.log(300)
    assert len(full.hidden) == 64
    assert np.isfinite(full.hidden).all()
    assert (short.log_probability, short.entropy, short.hidden) == (None, None, None)


def test_grammar_binds_each_text(wide):
    free, digits, schema = wide.complete_many(
        [
            requests(1)[0],
            replace(requests(1)[0], grammar='root ::= [0-9] [0-9] [0-9] "!"'),
            replace(requests(1)[0], json_schema='{"type": "object", "properties": {"a": {"type": "boolean"}}, '
                    '"required": ["a"], "additionalProperties": false}', max_tokens=60, temperature=0.0),
        ]
    )  # fmt: skip
    assert re.fullmatch("[0-9]{3}!", digits.text)
    assert digits.stop == "end"
    if schema.stop == "end":
        assert set(json.loads(schema.text)) == {"a"}
    assert re.match(r"\s*\{", schema.text)
    assert not re.fullmatch("[0-9]{3}!", free.text)


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({"grammar": "root ::= nothing"}, id="undefined-rule"),
        pytest.param({"grammar": "root ::= root | [a]"}, id="left-recursion"),
        pytest.param({"grammar": "not a grammar"}, id="syntax"),
        pytest.param({"json_schema": "{"}, id="no-json"),
        pytest.param({"json_schema": "{}", "grammar": "root ::= [a]"}, id="both"),
    ],
)
def test_bad_grammar_is_one_line(alone, bad):
    with pytest.raises(ModelError, match=r"grammar|schema") as caught:
        alone.complete_many([replace(requests(1)[0], **bad)])
    assert "\n" not in str(caught.value)
    assert alone.complete_many(requests(1))[0].tokens == 20


def test_stream_is_the_completion_in_parts(wide):
    request = replace(requests(1)[0], max_tokens=30, stop=("zzz",))
    deltas = list(wide.stream(request))
    assert deltas[-1].completion.text == "".join(delta.text for delta in deltas)
    assert len(deltas) > 5


def test_leaving_a_stream_frees_its_place(wide):
    for _ in wide.stream(replace(requests(1)[0], max_tokens=300)):
        break
    assert wide.counts().live == 0


def test_event_loops_get_batches_and_streams(wide):
    async def text_of(request):
        return "".join([delta.text async for delta in wide.astream(request)])

    async def all_at_once():
        asked = requests(4)
        streamed = asyncio.gather(*(text_of(request) for request in asked))
        return await wide.acomplete_many(asked), await streamed

    replies, streamed = asyncio.run(all_at_once())
    assert [reply.tokens for reply in replies] == [20] * 4
    assert all(streamed)


def test_cancelled_task_ends_its_texts(wide):
    async def give_up():
        task = asyncio.create_task(wide.acomplete_many(requests(4, max_tokens=400)))
        while not (await asyncio.to_thread(wide.counts)).live:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(give_up())
    assert wide.counts().live == 0


def test_leaves_are_distinct_and_share_their_beginnings(wide):
    search = LeafSearch(leaves=6, max_tokens=8, rule=Truncation(top_k=3), early_stop=0)
    found = wide.leaves(user("leaves"), search)
    assert len({leaf.tokens for leaf in found.leaves}) == 6
    assert 0 < found.coverage() < 1
    greedy = wide.complete_many([Request(messages=user("leaves"), max_tokens=8, temperature=0.0)])[0]
    assert found.leaves[0].text == greedy.text


def test_more_leaves_than_sequences(wide):
    """Each kept path begins with the pinned prompt; the engine must give some up rather than wait for ever."""
    search = LeafSearch(leaves=40, max_tokens=6, rule=Truncation(top_k=3), early_stop=0)
    found = wide.leaves(user("many leaves"), search, deadline=time.monotonic() + 120)
    assert len({leaf.tokens for leaf in found.leaves}) == 40


def test_drafts_keep_greedy_text(open_tiny):
    path = open_tiny.path(boost={"a": 6.0, "b": 5.9})
    plain = GgufModel(path, threads=1, width=4)
    request = Request(messages=user("aaaa bbbb aaaa bbbb"), max_tokens=60, temperature=0.0)
    without = plain.complete_many([request] * 4)
    rows = plain.counts().steps
    with_drafts = plain.complete_many([replace(request, lookup=8)] * 4)
    assert [reply.text for reply in with_drafts] == [reply.text for reply in without]
    assert plain.counts().steps - rows < 0.6 * rows
    plain.close()


def test_width_is_measured_where_none_is_given(tiny_path):
    model = GgufModel(tiny_path, threads=1, width=0)
    assert [reply.tokens for reply in model.complete_many(requests())] == [20] * 12
    model.close()


def test_threads_share_a_batch(wide):
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda request: wide.complete_many([request])[0], requests(24)))
    assert [reply.tokens for reply in replies] == [20] * 24


def test_prefilter_draws_what_the_whole_vocabulary_does(context):
    draw = np.random.default_rng(5)
    size = context.shape.vocabulary
    rows = [Outputs((draw.standard_normal((1, size)) * 4).astype(np.float32)) for _ in range(40)]
    for options in ({"top_k": 20}, {"min_p": 0.02}, {"top_k": 20, "presence_penalty": 0.5}, {"temperature": 0.0}):
        quick = context.sampler(Sampling(seed=3, **options))
        quick._least, quick._margin = _reach(Sampling(**options), size)
        slow = context.sampler(Sampling(seed=3, **options))
        slow._least, slow._margin, slow._greedy = 0, 0.0, False
        assert [quick.draw(row, 0) for row in rows] == [slow.draw(row, 0) for row in rows]
        quick.close()
        slow.close()


def test_what_would_end_the_process_is_an_error(context):
    batch = Batch(64)
    cases = [
        (0, 0, [1] * 33, 1),
        (0, 0, [1] * 9, 9),
        (0, 0, [10_000_000], 1),
        (7, 0, [1], 1),
    ]
    for case in cases:
        batch.clear()
        batch.add(*case)
        with pytest.raises(ModelError):
            context.decode(batch)
    batch.clear()
    batch.add(0, 0, [1, 2], 1)
    context.decode(batch)
    with pytest.raises(ModelError):
        context.hidden(1)
    batch.clear()
    batch.add(0, 5, [1], 1)
    with pytest.raises(ModelError, match="code -1"):
        context.decode(batch)
    grammar = context.grammar("root ::= [0-9]")
    with pytest.raises(ModelError):
        grammar.accept(70)
    grammar.close()


def test_full_cache_is_told_apart(context):
    batch = Batch(32)
    for position in range(0, 256, 32):
        batch.clear()
        batch.add(0, position, [1] * 32, 1)
        context.decode(batch)
    batch.clear()
    batch.add(1, 0, [1], 1)
    with pytest.raises(NoRoomError):
        context.decode(batch)
    context.trim(0, 100)
    context.decode(batch)
    assert (context.length(0), context.length(1)) == (100, 1)


def test_batch_stays_where_llama_cpp_reads_it(tiny_path):
    layout = Layout(sequences=2, cells=256, rows=8, outputs=8, unified=True)
    context = LlamaContext(tiny_path, layout=layout, gpu_layers=0, threads=1)
    batch = Batch(8)
    batch.add(0, 0, [40], 1)
    context.decode(batch)
    for numbers in (batch.tokens, batch.positions, batch.sequences, batch.wanted):
        with pytest.raises(BufferError):
            numbers.append(1)
    with pytest.raises(ValueError, match="8 rows"):
        batch.add(0, 1, [40] * 8, 1)
    context.close()


def test_layouts_are_measured_once_and_closed(tmp_path, monkeypatch):
    open_now, opened = [], []

    class Watched(LlamaContext):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            open_now.append(self)
            opened.append(options["layout"])

        def close(self):
            if self in open_now:
                open_now.remove(self)
            super().close()

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("inference.arrangement.LlamaContext", Watched)
    path = write_tiny_gguf(tmp_path / "tiny.gguf")
    for contexts in (3, 1):
        opened.clear()
        model = GgufModel(path, threads=1, width=0)
        assert (len(opened), len(open_now), opened[-1]) == (contexts, 1, model.arrangement.layout)
        model.close()
    assert open_now == []


@pytest.mark.parametrize(("unified", "steps"), [(True, 10_000), (False, 2_000)])
def test_random_traffic_on_llama_cpp_leaks_nothing(tiny_path, unified, steps):
    """Submit, fork by shared prefixes, draft, cancel, evict: after every step llama.cpp holds what is counted."""
    layout = Layout(sequences=6, cells=400 if unified else 6 * 256, rows=64, outputs=32, unified=unified)
    context = LlamaContext(tiny_path, layout=layout, gpu_layers=0, threads=1)
    scheduler = Scheduler(context, width=WidthPolicy(4))
    draw, jobs, ended = random.Random(9), [], []
    for _ in range(steps):
        if draw.random() < 0.3 and scheduler.counts().waiting < 5:
            prompt = [draw.randrange(40, 44) for _ in range(3)] * draw.randrange(1, 20)
            keep = draw.choice(["prompt", "all", "nothing"])
            job = toy_job(context, prompt, draw.randrange(1, 40), lookup=draw.choice([0, 4]), limit=50, keep=keep)
            job.on_end = job.on_failure = ended.append
            jobs.append(job)
            scheduler.submit(job)
        if jobs and draw.random() < 0.06:
            scheduler.cancel(draw.choice(jobs[-6:]))
        if draw.random() < 0.02:
            scheduler.cache.evict()
        scheduler.step()
        assert all(context.length(job.sequence) == job.done for job in scheduler.live)
    for job in jobs:
        scheduler.cancel(job)
    while scheduler.cache.evict():
        pass
    assert [context.length(sequence) for sequence in range(6)] == [0] * 6
    assert (scheduler.cache.free_cells, len(ended)) == (context.shape.cells, len(jobs))
    assert set(map(str, ended)) <= {"length", "cancelled"}
    context.close()


def test_a_thousand_requests_leak_nothing(tmp_path):
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    model = GgufModel(write_tiny_gguf(tmp_path / "leak.gguf"), threads=1, width=8)
    batch = [Request(messages=(Message(role="user", content=f"{i % 7}"),), max_tokens=2, seed=i) for i in range(100)]
    model.complete_many(batch)
    before = resident()
    for _ in range(10):
        model.complete_many(batch)
    assert resident() - before < 4 << 20
    counts = model.counts()
    assert (counts.live, counts.waiting) == (0, 0)
    model.close()
