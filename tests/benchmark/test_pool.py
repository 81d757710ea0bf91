"""The pool: what two policies share is made once and charged to both."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace

import pytest

from benchmark.database import Database
from benchmark.pool import SCHEMA, name_of
from benchmark.recorded_model import NotInPoolError, RecordedModel
from benchmark.recorded_sandbox import RecordedSandbox
from benchmark.records import to_json
from benchmark.spent import Meter
from inference.base import Completion, Message, Request, Thinking
from inference.scripted import ScriptedModel
from sandbox.base import Execution, Limits, Program

ASKED = Request(messages=(Message(role="user", content="write f"),), max_tokens=50, seed=1)
PROGRAM = Program(source="def f(x):\n    return x", mode="function", entry_point="f")


class CountingSandbox:
    """Echoes inputs, and remembers what it was asked to run."""

    name, notice, workers = "counting", "", 1

    def __init__(self, status="completed"):
        self.status, self.ran = status, []

    def run(self, program, inputs, limits=Limits(), *, cancelled=None):
        done = [text for text in inputs if not (cancelled and cancelled())]
        self.ran += [(program.source, text, limits.cpu_s) for text in done]
        return tuple(Execution(status=self.status, output=text) for text in done)

    def close(self):
        self.ran.append("closed")


@pytest.fixture
def database(tmp_path):
    with Database(tmp_path / "pool.sqlite", SCHEMA) as database:
        yield database


def a_model(replies, **options):
    return ScriptedModel(replies, **options)


def test_the_same_request_of_two_policies_is_generated_once_and_costs_both(database):
    inner, meter = a_model(["the only reply there is"]), Meter()
    model = RecordedModel(inner, database, meter)
    (first,) = model.complete_many([ASKED])
    (second,) = RecordedModel(a_model(["the only reply there is"]), database, meter).complete_many([ASKED])
    assert first == second
    assert second.spent > 0
    assert len(inner.requests) == 1
    assert (meter.read().generated, meter.read().generated) == (1, 0)


def test_a_reply_survives_its_process(tmp_path):
    reply = Completion(text="t", thinking="hm", tokens=3, thinking_tokens=2, seconds=1.5, confidence=-0.5)
    with Database(tmp_path / "p.sqlite", SCHEMA) as database:
        RecordedModel(a_model([reply]), database, Meter()).complete_many([ASKED])
    with Database(tmp_path / "p.sqlite", SCHEMA) as database:
        meter = Meter()
        found = RecordedModel(a_model([reply]), database, meter).complete_many([ASKED])
        assert found == (reply,)
        assert meter.read().saved_s == 1.5


@pytest.mark.parametrize(
    "other",
    [
        replace(ASKED, seed=2),
        replace(ASKED, temperature=0.1),
        replace(ASKED, top_k=3),
        replace(ASKED, max_tokens=51),
        replace(ASKED, thinking=Thinking(at_most=9)),
        replace(ASKED, messages=(Message(role="system", content="write f"),)),
    ],
)
def test_a_request_that_differs_is_another_one(database, other):
    inner = a_model(["one", "two"])
    model = RecordedModel(inner, database, Meter())
    model.complete_many([ASKED])
    model.complete_many([other])
    assert len(inner.requests) == 2


def test_drafting_makes_no_other_text(database):
    """How many tokens are drafted decides how fast a text comes, as the width of a batch does."""
    inner = a_model(["one"])
    model = RecordedModel(inner, database, Meter())
    model.complete_many([ASKED])
    assert model.complete_many([replace(ASKED, lookup=16)])[0].text == "one"
    assert len(inner.requests) == 1


def test_another_model_has_its_own_replies(database):
    RecordedModel(a_model(["one"]), database, Meter()).complete_many([ASKED])
    (reply,) = RecordedModel(a_model(["two"], name="other"), database, Meter()).complete_many([ASKED])
    assert reply.text == "two"


def test_order_and_progress_hold_when_a_part_is_known(database):
    inner = a_model(["zero", "one", "two"])
    asked = [replace(ASKED, seed=seed) for seed in range(3)]
    model = RecordedModel(inner, database, Meter())
    model.complete_many(asked[1:2])
    seen = []
    replies = model.complete_many([*asked, asked[0]], on_progress=lambda index, tokens: seen.append(index))
    assert [reply.text for reply in replies] == ["one", "zero", "two", "one"]
    assert sorted(seen) == [0, 1, 2]


def test_a_text_that_a_deadline_cut_is_not_kept(database):
    inner = a_model(["whole"])
    model = RecordedModel(inner, database, Meter())
    (cut,) = model.complete_many([ASKED], deadline=time.monotonic() - 1)
    (whole,) = model.complete_many([ASKED])
    assert (cut.stop, whole.text) == ("deadline", "whole")


def test_a_program_runs_once_per_input(database):
    inner, meter = CountingSandbox(), Meter()
    sandbox = RecordedSandbox(inner, database, meter)
    first = sandbox.run(PROGRAM, ["1", "2"])
    second = sandbox.run(PROGRAM, ["2", "3", "1"])
    assert [run.output for run in first + second] == ["1", "2", "2", "3", "1"]
    assert [text for _, text, _ in inner.ran] == ["1", "2", "3"]
    assert (meter.read().recalled, len(inner.ran)) == (2, 3)


@pytest.mark.parametrize(
    ("program", "limits"),
    [
        (replace(PROGRAM, entry_point="g"), Limits()),
        (replace(PROGRAM, mode="stdio"), Limits()),
        (replace(PROGRAM, source="x"), Limits()),
        (PROGRAM, Limits(cpu_s=1)),
        (PROGRAM, Limits(memory_mb=64)),
    ],
)
def test_another_program_or_limit_is_run_again(database, program, limits):
    inner = CountingSandbox()
    sandbox = RecordedSandbox(inner, database, Meter())
    sandbox.run(PROGRAM, ["1"])
    sandbox.run(program, ["1"], limits)
    assert len(inner.ran) == 2


class SlowSandbox(CountingSandbox):
    def run(self, *asked, **options):
        time.sleep(0.3)
        return super().run(*asked, **options)


def test_programs_that_run_at_the_same_time_share_its_seconds(database):
    """Otherwise two workers would spend more in the sandbox than the clock shows, and the rest would be negative."""
    meter = Meter()
    sandbox = RecordedSandbox(SlowSandbox(), database, meter)
    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda text: sandbox.run(PROGRAM, [text]), "1234"))
    wall = time.monotonic() - began
    spent = meter.read().sandbox_s
    assert 0.29 < spent <= wall
    sandbox.run(PROGRAM, list("1234"))
    assert meter.read().saved_s == pytest.approx(spent)


def test_a_timeout_is_not_taken_for_the_truth(database):
    inner = CountingSandbox("timeout")
    sandbox = RecordedSandbox(inner, database, Meter())
    sandbox.run(PROGRAM, ["1"])
    sandbox.run(PROGRAM, ["1"])
    assert len(inner.ran) == 2


def test_a_cancelled_run_ends_with_what_was_known_in_order(database):
    sandbox = RecordedSandbox(CountingSandbox(), database, Meter())
    sandbox.run(PROGRAM, ["1", "3"])
    done = sandbox.run(PROGRAM, ["1", "2", "3"], cancelled=lambda: True)
    assert [run.output for run in done] == ["1"]


def test_closing_reaches_the_collaborators_and_leaves_the_pool_open(database):
    inner, model = CountingSandbox(), a_model(["one"])
    RecordedSandbox(inner, database, Meter()).close()
    recorded = RecordedModel(model, database, Meter())
    assert (recorded.name, recorded.profile, recorded.can_think) == ("scripted", "full", True)
    recorded.close()
    assert inner.ran == ["closed"]
    assert database.rows("SELECT count(*) FROM completions") == [(0,)]


def test_a_text_is_found_by_the_name_that_the_first_pools_gave_it(database):
    model = a_model([])
    first_fields = {
        "messages": [{"role": "user", "content": "write f"}],
        "max_tokens": 50,
        "temperature": 0.8,
        "top_p": 0.95,
        "top_k": 40,
        "min_p": 0.0,
        "repeat_penalty": 1.0,
        "frequency_penalty": 0.0,
        "presence_penalty": 0.0,
        "seed": 1,
        "stop": [],
        "thinking": asdict(Thinking()),
        "grammar": "",
        "json_schema": "",
        "lookup": 0,
        "signals": False,
        "hidden": False,
    }
    asked = replace(ASKED, temperature=0.8, top_p=0.95, top_k=40)
    row = (name_of(model.fingerprint, first_fields), model.fingerprint, "", to_json(Completion(text="old", tokens=3)))
    database.write("INSERT INTO completions VALUES (?, ?, ?, ?)", [row])
    assert RecordedModel(model, database, Meter()).complete_many([asked])[0].text == "old"


def test_a_model_that_must_not_be_asked_is_not(database):
    model = a_model(["a text"])
    with pytest.raises(NotInPoolError, match="1 texts are not in the pool"):
        RecordedModel(model, database, Meter(), only_pool=True).complete_many([ASKED])
    assert model.requests == ()
