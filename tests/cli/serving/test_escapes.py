"""What a program prints never reaches a terminal, a log or a page raw: command line, log file, service and events."""

from __future__ import annotations

import json

import pytest

from cli.solve import run_solve
from graphs import OpenSolver
from inference.scripted import ScriptedModel
from nodes.settings import Settings
from sandbox.api import Case, SyncSandbox
from sandbox.base import Program
from tests.cli.serving.test_runs import begun, followed
from tests.cli.story import options
from tests.graphs.programmer import FUNCTION, TESTS, Talk, fenced

pytestmark = pytest.mark.bubblewrap
EVIL = "\x1b[2J\x9b31m\x07\u202e\r"
SPELLED = r"\x1b[2J\x9b31m\x07\u202e\r"
LOUD = f'''
def second(xs):
    import sys
    print("{SPELLED}")
    sys.stderr.write("{SPELLED}")
    raise ValueError("{SPELLED}")
'''
ANSWERS = f'''
def second(xs):
    return "{SPELLED}"
'''
RAW = ("\x1b", "\x9b", "\x07", "\u202e")


def raw_in(text):
    return [character for character in RAW if character in text]


@pytest.fixture(params=[LOUD, ANSWERS], ids=["raises", "returns"])
def talk(request):
    return Talk({"code": fenced(request.param), "repair": fenced(request.param), "tests": TESTS})


def test_a_program_that_prints_them_really_does():
    with SyncSandbox("bubblewrap", workers=1) as box:
        program = Program(source=f'print("{SPELLED}"); raise ValueError("{SPELLED}")', mode="stdio")
        (result,) = box.run(program, [Case(input="")])
    assert result.execution.output == EVIL + "\n"
    assert raw_in(result.execution.error)
    assert not raw_in(repr(result))


@pytest.mark.parametrize("as_json", [False, True], ids=["words", "json"])
def test_no_terminal_and_no_log_gets_them(tmp_path, box, capsys, monkeypatch, talk, as_json):
    monkeypatch.chdir(tmp_path)
    log = tmp_path / "log.jsonl"

    def opener(settings: Settings) -> OpenSolver:
        return OpenSolver(settings, ScriptedModel(talk), box)

    monkeypatch.setattr(OpenSolver, "close", lambda self: None)  # The box is the whole session's.
    flags = {"k": 2, "max_programs": 4, "log_file": str(log)}
    run_solve(options(argument=FUNCTION, flags=flags, verbose=True, json=as_json), opener)
    seen = capsys.readouterr()
    assert "second" in seen.out
    assert raw_in(seen.out + seen.err + log.read_text(encoding="utf-8")) == []


def test_no_answer_of_the_service_holds_them(serve, talk):
    with serve(ScriptedModel(talk), max_programs=4) as running, running.http() as http:
        run = begun(http)
        events = followed(http, run)
        assert events[-1][1:] == ("state", {"state": "ended"})
        answers = [http.get(f"/api/runs/{run}"), http.get("/api/runs")]
        answers.append(http.post("/v1/chat/completions", json={
            "model": "atlas", "messages": [{"role": "user", "content": FUNCTION}],
        }))  # fmt: skip
        with http.stream("GET", f"/api/runs/{run}/events") as reply:
            stream = reply.read()
    for answer in answers:
        assert answer.status_code == 200, answer.text
        assert b"\x1b" not in answer.content
        assert b"\x07" not in answer.content
    assert b"\x1b" not in stream
    assert json.dumps(answers[0].json()).count("u001b") > 0
