"""`atlas solve` from its options to what it prints and returns."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.exits import Exit
from cli.solve import run_solve
from inference.base import ModelError
from sandbox.base import SandboxUnavailableError
from tests.cli.story import CODE, PROBLEM, StorySolver, a_story, finished, options

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({}, Exit.VERIFIED, id="verified"),
        pytest.param({"verified": False}, Exit.NOT_VERIFIED, id="not-verified"),
        pytest.param({"code": "", "verified": False}, Exit.NO_PROGRAM, id="no-program"),
    ],
)
def test_exit_code_tells_the_outcome(changes, code, capsys):
    assert run_solve(options(), StorySolver(a_story(finished(**changes)))) == code
    assert "Traceback" not in capsys.readouterr().err


def test_answer_ends_with_evidence_and_cost(capsys):
    solver = StorySolver(a_story(finished()), notices=("a small model",))
    run_solve(options(), solver)
    seen = capsys.readouterr()
    for words in (CODE, "verified: passes everything", "0.90 (uncalibrated)", "examples passed", "100 tokens (10"):
        assert words in seen.out
    assert seen.err.splitlines()[0] == "a small model"
    assert "program c1: passes 1 of 1 examples" in seen.err
    assert solver.closed


def test_plain_output_has_no_escape_codes(capsys):
    run_solve(options(verbose=True), StorySolver(a_story(finished(code="x = '\x1b[2J'", reason="\x9b1m"))))
    seen = capsys.readouterr()
    assert "\x1b" not in seen.out + seen.err
    assert "\x9b" not in seen.out


def test_json_is_one_object_and_nothing_else(capsys):
    assert run_solve(options(json=True), StorySolver(a_story(finished(code="s = '\ud800'")))) == Exit.VERIFIED
    seen = capsys.readouterr()
    record = json.loads(seen.out)
    assert record["code"] == "s = '\ud800'"
    assert record["verified"] is True
    assert record["calibrated"] is False
    assert record["cost"]["tokens"] == 90
    assert record["error"] is None
    assert seen.err == ""


def test_program_is_saved(elsewhere):
    run_solve(options(save=Path("solution.py")), StorySolver(a_story(finished())))
    assert (elsewhere / "solution.py").read_text() == CODE + "\n"


def test_nothing_is_saved_without_a_program(elsewhere):
    run_solve(options(save=Path("solution.py")), StorySolver([finished(code="", verified=False)]))
    assert not (elsewhere / "solution.py").exists()


@pytest.mark.parametrize(
    ("error", "code"),
    [(ModelError("the weights\nare gone"), Exit.MODEL), (SandboxUnavailableError("no box"), Exit.SANDBOX)],
)
class TestFailureMidRun:
    def test_best_answer_comes_before_the_error(self, error, code, capsys):
        story = a_story(finished(verified=False), error)
        assert run_solve(options(), StorySolver(story)) == code
        seen = capsys.readouterr()
        assert CODE in seen.out
        assert seen.err.splitlines()[-1] == "atlas: " + " ".join(str(error).split())

    def test_without_an_answer_only_the_line_is_left(self, error, code, capsys):
        assert run_solve(options(json=True), StorySolver(a_story(error))) == code
        seen = capsys.readouterr()
        assert json.loads(seen.out)["exit_code"] == code
        assert len(seen.err.splitlines()) == 1

    def test_json_carries_answer_and_error(self, error, code, capsys):
        run_solve(options(json=True), StorySolver(a_story(finished(), error)))
        record = json.loads(capsys.readouterr().out)
        assert record["code"] == CODE
        assert record["error"]


def test_traceback_only_when_asked_for(monkeypatch):
    monkeypatch.setenv("ATLAS_DEBUG", "1")
    with pytest.raises(ModelError):
        run_solve(options(), StorySolver([ModelError("gone")]))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_ends_with_the_best_so_far(number, code, capsys):
    def interrupt(solver):
        signal.raise_signal(number)
        assert solver.cancelled
        return finished(verified=False, stop="cancelled")

    before = signal.getsignal(number)
    assert run_solve(options(), StorySolver(a_story(interrupt))) == code
    assert CODE in capsys.readouterr().out
    assert signal.getsignal(number) is before


def test_signal_before_the_search_is_not_lost():
    class LateSolver(StorySolver):
        def stream(self, problem, *, thread=""):
            signal.raise_signal(signal.SIGINT)
            self.cancelled = False
            yield from super().stream(problem)

    solver = LateSolver(a_story(finished(stop="cancelled")))
    assert run_solve(options(), solver) == Exit.INTERRUPTED
    assert solver.cancelled


def test_second_interrupt_ends_at_once(capsys):
    def impatient(solver):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    assert run_solve(options(), StorySolver([impatient])) == Exit.INTERRUPTED
    assert capsys.readouterr().err == "atlas: interrupted before a program was found\n"


def test_log_has_one_line_per_box_and_no_text(elsewhere):
    run_solve(options(flags={"log_file": "log.jsonl"}), StorySolver(a_story(finished())))
    lines = [json.loads(line) for line in (elsewhere / "log.jsonl").read_text().splitlines()]
    assert [(line["box"], line["round"], line["tokens"]) for line in lines if line["event"] == "box"] == [
        ("lens_routing", 1, 0),
        ("budgeted_generation", 1, 100),
    ]
    assert lines[-1]["event"] == "answer"
    assert {line["task"] for line in lines} == {lines[0]["task"]}
    assert "def total" not in (elsewhere / "log.jsonl").read_text()


def test_verbose_shows_the_log(capsys):
    run_solve(options(verbose=True), StorySolver(a_story(finished())))
    assert "log: event='box'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"argument": ""}, "the problem is empty", id="empty-problem"),
        pytest.param({"argument": "nowhere.md"}, "nowhere.md: cannot be read", id="missing-file"),
        pytest.param({"argument": None}, "give a problem", id="no-problem"),
        pytest.param({"stdin": True}, "give a problem", id="two-problems"),
        pytest.param({"flags": {"k": 0}}, "k must be at least 1", id="senseless-setting"),
        pytest.param({"flags": {"approve": True}}, "needs a terminal", id="nobody-to-ask"),
        pytest.param({"flags": {"log_file": "no/such/log"}}, "cannot be written", id="log-nowhere"),
        pytest.param({"save": Path("no/such/place.py")}, "no place for a file", id="save-nowhere"),
        pytest.param({"save": Path()}, "no place for a file", id="save-to-folder"),
        pytest.param({"config": Path("no.toml")}, "no.toml: cannot be read", id="config-missing"),
    ],
)
def test_bad_input_ends_in_one_line(changes, message, capsys):
    solver = StorySolver(a_story(finished()))
    assert run_solve(options(**changes), solver) == Exit.USAGE
    seen = capsys.readouterr()
    assert message in seen.err
    assert len(seen.err.splitlines()) == 1
    assert solver.settings is None, "nothing is loaded for a command that cannot run"


SCRIPTED = """
import sys, time
from cli.solve import SolveOptions, run_solve
from graphs import OpenSolver
from graphs.factory import open_box
from inference.scripted import ScriptedModel

def reply(request):
    time.sleep(0.3)
    return "```python\\ndef total(xs):\\n    return sum(xs)\\n```"

options = SolveOptions(argument=sys.argv[1], flags={"sandbox": "bubblewrap", "k": 2, "max_rounds": 50})
sys.exit(run_solve(options, lambda settings: OpenSolver(settings, ScriptedModel(reply), open_box(settings))))
"""


@pytest.mark.bubblewrap
def test_ctrl_c_in_a_real_run_prints_the_best_so_far(elsewhere):
    """The real graph and a real box, a real signal: no traceback, no process left behind."""
    (elsewhere / "run.py").write_text(SCRIPTED)
    command = [sys.executable, "run.py", PROBLEM]
    with subprocess.Popen(
        command, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}, stdout=-1, stderr=-1, text=True
    ) as process:
        for line in process.stderr:
            if "passes 1 of 1" in line:
                break
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        out, err = process.communicate(timeout=30)
    assert process.returncode == Exit.INTERRUPTED
    assert time.monotonic() - began < 10
    assert "def total" in out
    assert "stopped because it was interrupted" in out
    assert "Traceback" not in err
