"""The command line as a person types it: a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.exits import MEANINGS, Exit

ROOT = Path(__file__).parents[2]


def atlas(*arguments, stdin="", cwd=None, **environment):
    """Run the command line with the embedded model; settings of the caller's environment do not reach it."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("ATLAS_")}
    inherited["ATLAS_MODEL"] = "embedded"
    return subprocess.run(
        [sys.executable, "-m", "cli.entry", *arguments],
        input=stdin,
        cwd=cwd,
        env=inherited | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_help_is_quick_and_names_the_commands():
    atlas("--help")
    before = os.times().children_user
    shown = atlas("--help")
    spent = os.times().children_user - before
    assert shown.returncode == 0
    assert "solve" in shown.stdout
    assert "doctor" in shown.stdout
    assert spent < 0.5, "something heavy is imported for --help"


def test_help_documents_every_exit_code():
    text = " ".join(atlas("solve", "--help").stdout.split())
    for code, meaning in MEANINGS.items():
        assert f"{code:d} {meaning}" in text


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        pytest.param(["solve", "missing.md"], {}, "atlas: missing.md: cannot be read", id="missing-file"),
        pytest.param(["solve", ""], {}, "atlas: the problem is empty", id="empty-problem"),
        pytest.param(["solve"], {}, "atlas: give a problem", id="no-problem"),
        pytest.param(["solve", "x"], {"ATLAS_BUGDET_TOKENS": "1"}, "the nearest is ATLAS_BUDGET_TOKENS", id="typo"),
        pytest.param(["solve", "x", "--k", "0"], {}, "atlas: k must be at least 1", id="no-programs"),
        pytest.param(["solve", "x", "--k", "many"], {}, "valid integer", id="word-for-number"),
        pytest.param(["solve", "x", "--sandbox", "none"], {}, "'none' is not", id="no-unsafe-sandbox"),
        pytest.param(["solve", "x", "--bogus"], {}, "No such option", id="unknown-flag"),
        pytest.param(["sovle"], {}, "No such command", id="unknown-command"),
    ],
)
def test_bad_input_ends_in_a_line_without_traceback(tmp_path, arguments, environment, message):
    done = atlas(*arguments, cwd=tmp_path, **environment)
    assert done.returncode == Exit.USAGE
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "problem.md").write_bytes(b"\xff\xfe\x00")
    done = atlas("solve", "problem.md", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (Exit.USAGE, "atlas: problem.md: is not UTF-8 text (byte 0)\n")


@pytest.mark.bubblewrap
@pytest.mark.parametrize(
    ("name", "content"), [("missing.gguf", None), ("text.gguf", b"not a model at all"), ("empty.gguf", b"")]
)
def test_model_that_is_none_is_one_line(tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = atlas("solve", "Print the sum.", "--json", "--sandbox", "bubblewrap", "--model", name, cwd=tmp_path)
    assert done.returncode == Exit.MODEL
    assert json.loads(done.stdout)["exit_code"] == Exit.MODEL
    assert len(done.stderr.splitlines()) == 1
    assert name in done.stderr


SUM = "Write a function `f(xs: list[int]) -> int`. Return the sum.\n\n>>> f([1, 2])\n3\n"


@pytest.mark.bubblewrap
@pytest.mark.gguf
class TestEmbeddedModel:
    def test_problem_from_standard_input_is_answered(self, tmp_path):
        done = atlas("solve", "--stdin", "--json", "--k", "2", "--sandbox", "bubblewrap", stdin=SUM, cwd=tmp_path)
        record = json.loads(done.stdout)
        assert done.returncode in {Exit.VERIFIED, Exit.NOT_VERIFIED, Exit.NO_PROGRAM}
        assert (done.returncode == Exit.VERIFIED) == record["verified"]
        assert record["cost"]["tokens"] > 0
        assert record["sandbox"] == "bubblewrap"

    def test_no_budget_is_no_program(self, tmp_path):
        done = atlas("solve", SUM, "--budget-tokens", "0", "--sandbox", "bubblewrap", cwd=tmp_path)
        assert done.returncode == Exit.NO_PROGRAM
        assert "the token budget is spent" in done.stdout
        assert "Traceback" not in done.stderr

    def test_statement_longer_than_the_context_is_one_line(self, tmp_path):
        done = atlas("solve", "--stdin", "--sandbox", "bubblewrap", stdin="word " * 20_000 + SUM, cwd=tmp_path)
        assert done.returncode == Exit.MODEL
        assert done.stderr.splitlines()[-1].startswith("atlas: ")
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("after", [0.05, 0.15, 0.3, 0.5])
def test_interrupt_while_it_starts_is_one_line(after):
    """However early the signal comes once Python itself is up, there is no traceback."""
    # A test run in the background of a shell inherits signals that are ignored.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "import cli.entry, sys; sys.stdout.write('up'); sys.stdout.flush(); cli.entry.main()"
    command = [sys.executable, "-c", code, "solve", "hello"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.read(2) == "up"
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == Exit.INTERRUPTED
    assert complaint.strip().splitlines()[-1].startswith("atlas: interrupted")
    assert "Traceback" not in complaint


@pytest.mark.gguf
@pytest.mark.bubblewrap
def test_search_killed_without_warning_is_resumed(tmp_path):
    """Kill -9 in the middle of a stored search; the same name goes on."""
    state = {"XDG_STATE_HOME": str(tmp_path)}
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("ATLAS_")}
    inherited["ATLAS_MODEL"] = "embedded"
    command = [
        sys.executable,
        "-m",
        "cli.entry",
        "solve",
        "cli/embedded_example.md",
        "--sandbox",
        "bubblewrap",
        "--thread",
        "mine",
    ]
    process = subprocess.Popen(
        command, cwd=ROOT, env=inherited | state, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    told = next(line for line in process.stderr if line.startswith("budgeted_generation:"))
    process.kill()
    process.communicate()
    assert "unfinished" in atlas("threads", **state).stdout
    resumed = atlas("resume", "mine", "--sandbox", "bubblewrap", "--json", cwd=ROOT, **state)
    record = json.loads(resumed.stdout)
    assert record["code"].startswith("def pack_line(")
    assert record["cost"]["tokens"] > int(told.split()[1]) // 2
    assert "plan_search" not in resumed.stderr
    listed = atlas("threads", **state).stdout
    assert "mine" in listed
    assert "unfinished" not in listed


def test_thread_that_is_not_there_is_one_line(tmp_path):
    done = atlas("resume", "nobody", XDG_STATE_HOME=str(tmp_path))
    assert done.returncode == Exit.USAGE
    assert done.stderr.strip().splitlines()[-1].startswith("atlas: there is no thread nobody")
    assert "no searches are stored" in atlas("threads", XDG_STATE_HOME=str(tmp_path / "x")).stdout
