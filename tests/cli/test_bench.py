"""`atlas bench` and `atlas ablate`: the table, the progress, and refusals in one line."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console
from typer.testing import CliRunner

from benchmark.bench import Standing
from benchmark.sampling import Choice
from cli.bench import BenchOptions, Openers, run_bench_command
from cli.bench_progress import Lines, in_words
from cli.main import app
from tests.benchmark import planted

STANDING = Standing(
    done=3, whole=8, graded=2, passed=(("baseline", 1), ("adaptive", 2)), tokens=1234, seconds_left=125.4
)


def problem_folder(folder, count):
    for i in range(count):
        task = planted.a_task(i)
        (folder / f"twice{i}.md").write_text(task.problem.statement)
        (folder / f"twice{i}.tests.md").write_text(f">>> twice_{i}([7, 8])\n[7, 8, 7, 8]\n>>> twice_{i}([])\n[]\n")
    return str(folder)


def options(folder, tmp_path, **changes):
    values = {
        "data_set": folder,
        "policies": ("baseline", "phase1"),
        "k": 2,
        "runs": str(tmp_path / "runs.sqlite"),
        "flags": {"sandbox": "bubblewrap"},
    }
    return BenchOptions(**values | changes)


@pytest.mark.bubblewrap
def test_a_folder_is_ablated_to_a_table_and_other_settings_are_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "problems"
    folder.mkdir()
    openers = Openers(model=planted.open_model, sandbox=planted.open_box)
    given = options(problem_folder(folder, 2), tmp_path)
    assert run_bench_command(given, openers) == 0
    told = capsys.readouterr()
    assert re.search(r"\| phase1 \| 100\.0 \[34\.2, 100\.0\]", told.out)
    assert "- tasks: 2 of" in told.out
    assert "k 2," in told.out
    assert "2/2 tasks, passed of 2: baseline" in told.err
    changed = options(given.data_set, tmp_path, k=3)
    assert run_bench_command(changed, openers) == 2
    assert "k is 3, not 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"policies": ("no",)}, "there is no policy no; known are baseline"),
        ({"policies": ("baseline", "baseline")}, "named twice"),
        ({"policies": ("resample",)}, "resample spends like adaptive: name that one before it"),
        ({"data_set": "nowhere"}, "nowhere is neither a data set nor a folder"),
        ({"data_set": "embedded", "choice": Choice(limit=2, shard="3/2")}, "3/2 is no shard"),
        ({"choice": Choice(since="2024-8-1")}, "2024-8-1 is no date: write 2024-08-01"),
        ({"policies": ("samples", "baseline")}, "--k changes nothing in baseline, samples, of a fixed number"),
        ({"jobs": 0}, "--jobs must be at least 1"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_line(tmp_path, capsys, monkeypatch, changes, complaint):
    monkeypatch.chdir(tmp_path)
    assert run_bench_command(options("embedded", tmp_path, **changes)) == 2
    message = capsys.readouterr().err
    assert complaint in message
    assert message.count("\n") == 1


@pytest.mark.parametrize(
    "given", [["--ray-address", "auto"], ["--worker-cpus", "2"], ["--worker-gpus", "0.5"]], ids=lambda given: given[0]
)
def test_what_is_meant_for_ray_is_refused_elsewhere_in_one_line(given):
    done = CliRunner().invoke(app, ["bench", "nowhere", *given])
    assert done.exit_code == 2
    assert "--worker-gpus are of --engine ray: add that, or leave them out" in done.stderr
    assert done.stderr.count("\n") == 1


def test_progress_says_what_is_done_passed_spent_and_left():
    assert in_words(STANDING) == "passed of 2: baseline 1, adaptive 2; 1234 tokens; 0:02:05 left"


def test_progress_says_how_many_tasks_are_at_work_and_how_fast_the_model_writes():
    busy = replace(STANDING, at_work=4, tokens_per_s=41.6)
    assert in_words(busy).endswith("1234 tokens; 4 at work at 42 tokens/s; 0:02:05 left")
    assert "; 4 at work; " in in_words(replace(busy, tokens_per_s=None))


def test_lines_come_at_the_start_now_and_then_and_at_the_end():
    console = Console(file=io.StringIO(), width=200)
    with Lines(console, every_s=3600) as lines:
        for _ in range(5):
            lines.tell(STANDING)
    assert console.file.getvalue().count("3/8 tasks") == 2


@pytest.mark.parametrize("command", ["bench", "ablate"])
def test_help_teaches_the_data_sets_and_gives_a_command(command):
    text = CliRunner().invoke(app, [command, "--help"]).output
    for word in ("--data", "--from", "--sample", "--shard", "--jobs", f"atlas {command} "):
        assert word in text
    assert "humaneval+" in text
