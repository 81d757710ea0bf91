"""Several searches at once on one engine: batches of different tasks, one failure, the budget of seconds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace

import pytest

from benchmark.crew import AT_ONCE, AT_ONCE_SMALL, Crew, searches_at_once
from benchmark.runner import Workbench
from benchmark.runs import RunBook
from benchmark.search_process import SearchProcess, run_all
from benchmark.task import TaskSource
from graphs.factory import open_model
from inference.base import ModelError
from inference.scripted import ScriptedModel
from nodes.settings import Settings
from tests.benchmark import planted
from tests.benchmark.planted import SETTINGS, a_search, a_task, quiet
from tests.benchmark.test_processes import is_alive

pytestmark = pytest.mark.bubblewrap


def searched(search, sheets, at_once):
    """Search tasks in this process; return the ticks, the stored runs and the closed workbench."""
    with closing(Workbench(search, at_once=at_once)) as bench:
        crew = Crew(bench, at_once)
        crew.begin(sheets)
        ticks = []
        while sum(tick.ended is not None for tick in ticks) < len(sheets):
            ticks.append(crew.next())
        counts = bench.model.counts() if hasattr(bench.model, "counts") else None
        return ticks, [bench.stored(sheet) for sheet in sheets], counts


@pytest.mark.gguf
def test_texts_of_different_tasks_are_decoded_in_one_batch(tmp_path):
    settings = Settings(batch_width=8, answer_tokens=120)
    sheets = TaskSource(data_set="embedded", n=4, seed=3).open().sheets
    rows = {}
    for at_once in (1, 4):
        folder = tmp_path / str(at_once)
        folder.mkdir()
        # One text for each task: more than one row a step can only come from several tasks.
        search = a_search(folder, ("baseline",), settings=settings, open_model=open_model)
        ticks, runs, counts = searched(search, sheets, at_once)
        rows[at_once] = (counts.rows - counts.prompt_rows) / counts.steps
        assert {tick.ended.name for tick in ticks if tick.ended} == {sheet.name for sheet in sheets}
        assert ticks[-1].tokens == sum(run["baseline"].tokens for run in runs)
        assert ticks[-1].at_work == ()
    assert rows[1] <= 1 < 1.5 < rows[4]


def broken_for_one(request):
    if "twice_2" in request.messages[-1].content:
        raise ModelError("the weights of this one are gone")
    return planted.reply(request)


def open_broken(settings):
    return ScriptedModel(broken_for_one, name="planted")


def test_a_task_that_fails_ends_the_run_and_leaves_what_the_others_stored(tmp_path):
    sheets = [a_task(i).sheet for i in range(6)]
    search = a_search(tmp_path, ("baseline", "phase1"))
    with pytest.raises(ModelError, match="the weights of this one are gone"):
        run_all(replace(search, open_model=open_broken), sheets, 2, quiet)
    before = rows_of(search)
    assert not any(task.startswith("twice-2@") for task, _ in before)
    run_all(search, sheets, 3, quiet)
    after = rows_of(search)
    assert {key: after[key] for key in before} == before
    assert len(after) == 12


def rows_of(search):
    with closing(RunBook(search.runs)) as book:
        return {row[:2]: row[2] for row in book.database.rows("SELECT task, condition, record FROM runs")}


def test_the_process_tells_which_tasks_are_at_work(tmp_path):
    sheets = [a_task(i).sheet for i in range(4)]
    with SearchProcess(a_search(tmp_path, ("baseline",)), 2) as process:
        ticks = list(process.run(process.lacking(sheets)))
        assert process.lacking(sheets) == []
    assert sorted(tick.ended.name for tick in ticks if tick.ended) == [sheet.name for sheet in sheets]
    assert all(len(tick.at_work) <= 2 for tick in ticks)


INTERRUPTED = """
import multiprocessing, signal, sys
from pathlib import Path
from benchmark.processes import leave
from benchmark.search_process import SearchProcess
from tests.benchmark.planted import a_search, a_task
from tests.benchmark.test_crew import open_stuck
def work():
    try:
        search = a_search(Path(sys.argv[1]), ("baseline",), open_model=open_stuck)
        with SearchProcess(search, 3) as process:
            for tick in process.run([a_task(i).sheet for i in range(5)]):
                print(len(tick.at_work), multiprocessing.active_children()[0].pid, flush=True)
    except KeyboardInterrupt:
        pass
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where CI runs in the background
    work()
    leave(130)
"""


def open_stuck(settings):
    """Return a model that never answers."""

    def stuck(request):
        threading.Event().wait(600)

    return ScriptedModel(stuck, name="stuck")


def test_interrupted_with_several_tasks_at_work_it_ends_at_once_and_leaves_no_process(tmp_path):
    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(script), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        at_work, child = map(int, process.stdout.readline().split())
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert at_work == 3
    deadline = time.monotonic() + 10
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(child)


class TimedModel(ScriptedModel):
    """Remembers how much time its texts were given."""

    given = ()

    def complete_many(self, requests, *, deadline=None, **rest):
        """Note the deadline."""
        self.given = (*self.given, deadline - time.monotonic())
        return super().complete_many(requests, deadline=deadline, **rest)


def test_searches_that_share_an_engine_share_their_budgets_of_seconds(tmp_path):
    model = TimedModel(planted.reply, name="timed")
    settings = replace(SETTINGS, budget_seconds=1000.0)
    search = a_search(tmp_path, ("baseline",), settings=settings, open_model=lambda settings: model)
    searched(search, [a_task(1).sheet], at_once=4)
    assert 3900 < min(model.given) <= max(model.given) <= 4000


@pytest.mark.parametrize(
    ("settings", "jobs"),
    [
        (Settings(), AT_ONCE_SMALL),
        (Settings(model="some.gguf"), AT_ONCE),
        (Settings(model="some.gguf", batch_width=4), AT_ONCE),
        (Settings(batch_width=1), 1),
        (Settings(model="http://127.0.0.1:1/v1"), 1),
    ],
)
def test_how_many_searches_share_an_engine_follows_from_how_it_decodes(tmp_path, settings, jobs):
    assert searches_at_once(a_search(tmp_path, settings=settings)) == jobs
