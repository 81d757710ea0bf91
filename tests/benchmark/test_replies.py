"""Replies are asked for once each, kept at once, and counted with the parsers of today."""

from __future__ import annotations

import json

import pytest

from benchmark import planted, replies
from inference.scripted import ScriptedModel


@pytest.fixture
def asked(monkeypatch):
    """Return the requests that a scripted model gets, about two tasks of the planted programmer."""
    seen = []

    def reply(request):
        seen.append(request)
        return planted.reply(request)

    monkeypatch.setattr(replies, "load_sheets", lambda source: tuple(planted.a_task(i).sheet for i in range(2)))
    monkeypatch.setattr(replies, "open_model", lambda settings: ScriptedModel(reply, name="planted"))
    return seen


def test_what_is_kept_is_not_asked_for_again(asked, tmp_path, capsys):
    out = tmp_path / "out.jsonl"
    arguments = ["any", "--model", "x", "--out", str(out), "--replies", "2"]
    replies.main([*arguments, "--limit", "1"])
    assert len(asked) == 6
    assert len({one.seed for one in asked}) == 6
    # The last line was being written when the machine went.
    out.write_bytes(out.read_bytes()[:-10])
    replies.main(arguments)
    assert len(asked) == 6 + 1 + 6
    rows = [replies.Reply(**json.loads(line)) for line in out.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == len({row.key for row in rows}) == 12
    assert "| program | 4 | 0.0" in capsys.readouterr().out


def test_reading_again_asks_nobody(asked, tmp_path, capsys):
    arguments = ["any", "--out", str(tmp_path / "out.jsonl")]
    replies.main([*arguments, "--model", "x"])
    first = capsys.readouterr().out.split("\n\n")[1]
    count = len(asked)
    replies.main([*arguments, "--read"])
    assert len(asked) == count
    assert capsys.readouterr().out.split("\n\n")[1] == first
