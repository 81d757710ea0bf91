"""A report needs nothing but the files, and says what they do not tell."""

from __future__ import annotations

import shutil
import sqlite3

import pytest

from benchmark.measurement import verdicts_beside
from benchmark.report.assembly import facts_of
from benchmark.report.stored import ReportError, load_measured
from tests.benchmark.report.conftest import CHOSEN

pytestmark = pytest.mark.bubblewrap


def copied(runs, folder, statement=""):
    """Return a copy of a measurement's files, changed by one SQL statement on the verdicts."""
    for path in (runs, verdicts_beside(runs)):
        with sqlite3.connect(path) as source, sqlite3.connect(folder / path.name) as target:
            source.backup(target)
        source.close()
        target.close()
    if statement:
        with sqlite3.connect(folder / verdicts_beside(runs).name) as database:
            database.execute(statement)
        database.close()
    return str(folder / runs.name)


def test_a_measurement_is_read_with_its_circumstances(measured):
    assert tuple(measured.results) == CHOSEN
    assert [len(graded) for graded in measured.results.values()] == [4] * 4
    facts = dict(facts_of(measured))
    assert facts["tasks"] == f"4, data-set hash {measured.data_hash}"
    assert "planted, fingerprint scripted:" in facts["model"]
    assert "k 3" in facts["settings"]


def test_runs_without_a_record_are_reported_and_said_to_be_unknown(runs, tmp_path, measured):
    bare = load_measured(copied(runs, tmp_path, "DELETE FROM measurements"))
    assert tuple(bare.results) == CHOSEN
    assert bare.data_hash == measured.data_hash
    assert "not recorded" in dict(facts_of(bare))["settings"]


def test_a_task_without_a_verdict_is_left_out_and_counted(runs, tmp_path):
    file = copied(runs, tmp_path, "DELETE FROM verdicts WHERE task LIKE 'twice-2@%'")
    partial = load_measured(file)
    assert partial.unfinished == 1
    assert [sheet.name for sheet in partial.sheets] == ["twice-1", "twice-3", "twice-4"]


def test_runs_that_nobody_graded_are_no_report(runs, tmp_path):
    shutil.copy(runs, tmp_path / "alone.sqlite")
    with pytest.raises(ReportError, match="alone.verdicts.sqlite is not beside it"):
        load_measured(str(tmp_path / "alone.sqlite"))


def test_a_file_that_is_no_database_is_one_line(tmp_path):
    (tmp_path / "x.sqlite").write_text("no database" * 100)
    (tmp_path / "x.verdicts.sqlite").write_text("no database" * 100)
    with pytest.raises(ReportError, match="is no file of runs"):
        load_measured(str(tmp_path / "x.sqlite"))


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(ReportError, match="there is no such file"):
        load_measured(str(tmp_path / "none.sqlite"))
