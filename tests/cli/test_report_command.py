"""`atlas report`: files named, or one line that says what is wrong."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from cli.main import app

HEAD = ["question_id", "platform", "difficulty"]
FIELDS = ("passed", "phase", "candidates", "tokens", "time_s")


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def outcomes(tmp_path):
    columns = [*HEAD, *(f"{c}_{f}" for c in "ABCD" for f in FIELDS)]
    rows = [[f"q{i}", "atcoder", "easy", *(["1", "phase1", "3", "9", "0.5"] * 4)] for i in range(5)]
    path = tmp_path / "outcomes.csv"
    path.write_text("\n".join(",".join(row) for row in [columns, *rows]))
    return path


def test_the_public_atlas_is_written_as_page_text_and_table(call, outcomes, tmp_path):
    done = call("report", "--import-atlas", outcomes, "-o", tmp_path / "public.html")
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in tmp_path.glob("public.*")) == ["public.csv", "public.html", "public.md"]
    assert str(tmp_path / "public.html") in done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name the files of runs to report"),
        (["runs.sqlite"], "there is no such file"),
        (["runs.sqlite", "--import-atlas", "x.csv"], "name the files of runs to report"),
        (["--import-atlas", "x.csv"], "cannot be read"),
        (["runs.sqlite", "-o", "report.pdf"], "an .html file"),
        (["runs.sqlite", "-o", "nowhere/report.html"], "existing folder"),
    ],
)
def test_what_cannot_be_reported_is_one_line(call, arguments, said):
    done = call("report", *arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_price_that_says_nothing_is_one_line(call, tmp_path):
    (tmp_path / "runs.sqlite").touch()
    (tmp_path / "atlas.toml").write_text('api_prices = "cheap"\n')
    done = call("report", "runs.sqlite")
    assert (done.exit_code, "api_prices: 'cheap'" in done.stderr) == (2, True)
