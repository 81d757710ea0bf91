"""GPQA from loading to the report: votes are graded, and nothing of a question stays in any file."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from benchmark.bench import run_bench
from benchmark.selectors import reevaluate
from benchmark.task import TaskSource
from cli.bench import report
from cli.report_command import ReportOptions, run_report
from tests.benchmark.planted import a_bench, a_search
from tests.benchmark.questions import MARK, open_voter
from tests.benchmark.rows import GPQA_ROW, write_csv

CONDITIONS = ("baseline", "samples", "adaptive")


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("questions")
    rows = [GPQA_ROW | {"Question": f"Which {MARK} number {i} is even?"} for i in range(4)]
    source = TaskSource(data_set="gpqa", data=str(write_csv(folder / "mine.csv", rows)))
    search = a_search(folder, CONDITIONS, open_model=open_voter)
    bench = a_bench(folder, source, search=search)
    return folder, bench, run_bench(bench, lambda standing: None)


@pytest.mark.bubblewrap
def test_votes_are_graded_by_letter(measured):
    _, _, done = measured
    for graded in done.results["samples"]:
        letters = [c.code for c in graded.run.state.candidates]
        most = max(set(letters), key=letters.count)
        assert graded.run.code == most
        assert graded.right == any(v.right for p, v in graded.verdicts.items() if graded.run.code and v.right)
        assert not graded.run.verified
    assert all(graded.right for graded in done.results["samples"])
    assert not any(graded.run.verified for graded in done.results["adaptive"])


@pytest.mark.bubblewrap
def test_no_file_and_no_report_holds_a_word_of_a_question(measured):
    folder, bench, done = measured
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "mine.csv"]
    assert {path.suffix for path in files} >= {".sqlite"}
    assert not [path.name for path in files if MARK.encode() in path.read_bytes()]
    assert MARK not in report(bench, done)
    pytest.importorskip("matplotlib", reason="the report extra is not installed")
    page = folder / "report.html"
    assert run_report(ReportOptions(runs=(bench.search.runs,), output=page)) == 0
    assert "Arithmetic" in page.read_text(encoding="utf-8")
    assert not [path.name for path in folder.glob("report*") if MARK.encode() in path.read_bytes()]
    with closing(sqlite3.connect(bench.search.runs)) as connection:
        (kept,) = connection.execute("SELECT count(*) FROM completions").fetchone()
        texts = {text for (text,) in connection.execute("SELECT json_extract(completion, '$.text') FROM completions")}
    assert kept > 0
    assert texts <= {f"Answer: {letter}" for letter in "ABCD"}


@pytest.mark.bubblewrap
def test_selectors_are_decided_again_from_the_votes(measured):
    _, _, done = measured
    graded = done.results["samples"]
    (most,) = [one for one in reevaluate(graded, (8,)) if one.selector == "largest cluster"]
    assert most.right == tuple(float(one.right) for one in graded)


@pytest.mark.bubblewrap
def test_stored_votes_give_the_same_answers_again(measured):
    folder, bench, done = measured
    with closing(sqlite3.connect(bench.search.runs)) as connection:
        connection.execute("DELETE FROM runs")
        connection.commit()
    again = run_bench(bench, lambda standing: None)
    assert [g.run.code for g in again.results["adaptive"]] == [g.run.code for g in done.results["adaptive"]]
    assert all(g.run.spent.generated == 0 for g in again.results["adaptive"])
