"""Where a number comes from is told by the files, not by the clock."""

from __future__ import annotations

import shutil

import pytest

from benchmark import provenance
from benchmark.provenance import ROOT, clock_digest, code_digest, commit, cores, grader_digest


@pytest.fixture
def copy(tmp_path, monkeypatch):
    for folder in ("graphs", "nodes", "inference", "sandbox", "benchmark"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("*.gguf", "__pycache__"))
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    return tmp_path


def test_equal_files_have_an_equal_name(copy):
    there = code_digest()
    assert len(there) == 12
    assert code_digest() == there


@pytest.mark.parametrize(
    "name", ["nodes/lens.py", "nodes/prompts/full/code.j2", "sandbox/runner.py", "benchmark/pool.py"]
)
def test_a_change_in_what_searches_changes_the_name(copy, name):
    before = code_digest()
    (copy / name).write_text("# changed")
    assert code_digest() != before


@pytest.mark.parametrize("name", ["benchmark/table.py", "benchmark/embedded/train.py", "inference/embedded/notes.md"])
def test_a_change_elsewhere_does_not(copy, name):
    before = code_digest()
    (copy / name).parent.mkdir(exist_ok=True)
    (copy / name).write_text("# changed")
    assert code_digest() == before


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("benchmark/grader.py", True),
        ("benchmark/lcb_judge.py", True),
        ("benchmark/evalplus_compare.py", True),
        ("benchmark/inside_batch.py", True),
        ("benchmark/script_judge.py", True),
        ("sandbox/compare.py", True),
        ("benchmark/measures.py", False),
        ("nodes/lens.py", False),
    ],
)
def test_a_change_in_what_judges_and_no_other_changes_the_name_of_the_grader(copy, name, changes):
    before = grader_digest()
    with (copy / name).open("a") as file:
        file.write("# changed")
    assert (grader_digest() != before) is changes


def test_outside_a_repository_the_commit_is_unknown(copy):
    assert commit() == "unknown"


def test_there_is_at_least_one_core():
    assert cores() >= 1


@pytest.mark.parametrize(("name", "changes"), [("speed/opened.py", True), ("table.py", False)])
def test_a_change_in_what_measures_speed_changes_the_name_of_the_clock(copy, name, changes):
    before = clock_digest()
    with (copy / "benchmark" / name).open("a") as file:
        file.write("# changed")
    assert (clock_digest() != before) == changes
