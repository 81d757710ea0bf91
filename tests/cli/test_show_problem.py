"""`atlas solve --show-problem`: how a statement is read, before any model is there."""

from __future__ import annotations

import json

import pytest

from cli.solve import SolveOptions, run_solve

READ = "Write a function `inc(x)`.\n\n>>> inc(1)\n2\nassert int(inc(2.5)) == 3\n"


def show(capsys, text: str, **options) -> tuple[int, str]:
    code = run_solve(SolveOptions(argument=text, flags={}, show_problem=True, **options))
    return code, capsys.readouterr().out


def test_a_statement_that_is_read_whole(capsys):
    code, said = show(capsys, READ)
    assert code == 0
    assert ">>> inc(1)\n2\n" in said
    assert "assert int(inc(2.5)) == 3" in said


def test_a_line_that_cannot_be_read_is_quoted(capsys):
    code, said = show(capsys, f"{READ}inc(5) gives six\n")
    assert code == 1
    assert "Could not be read, line 6: inc(5) gives six" in said


@pytest.mark.parametrize("text", [READ, "Print the sum.\n\nInput:\n1 2\n\nOutput:\n3\n"])
def test_as_json(capsys, text):
    code, said = show(capsys, text, json=True)
    assert (code, len(json.loads(said)["tests"]) > 0, json.loads(said)["unread"]) == (0, True, [])


def test_an_empty_statement_is_refused(capsys):
    assert show(capsys, " \n")[0] != 0
