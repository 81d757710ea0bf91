"""`atlas compare` and `atlas lens`: one line where something is wrong."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from cli.main import app


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["compare", "a.sqlite", "b.sqlite"], "a.sqlite: there is no such file"),
        (["lens", "fit", "a.sqlite"], "a.sqlite: there is no such file"),
        (["lens", "eval", "none.json", "a.sqlite"], "none.json"),
        (["lens", "eval", "empty.json", "a.sqlite"], "empty.json is no Lens file"),
        (["report", "a.sqlite", "--lens", "empty.json"], "empty.json is no Lens file"),
    ],
)
def test_what_is_not_there_is_one_line(monkeypatch, tmp_path, arguments, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.json").write_text("{}")
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
