"""The agreement command: it finds differences, goes on after a stop, and names what it cannot grade."""

from __future__ import annotations

import pytest

from benchmark.agreement import main
from benchmark.agreement_cases import load_cases
from benchmark.task import TaskError
from tests.benchmark.rows import SCICODE_ROW, lcb_row, write_lines, write_targets

RIGHT = "print(sum(map(int, input().split())))"


def record(name, candidates, flags=()):
    row = lcb_row(name)
    samples = [{"input": "1 2\n", "output": "3\n", "testtype": "stdin"}]
    return row | {
        "title": row["question_title"],
        "statement": row["question_content"],
        "fn_name": None,
        "flags": list(flags),
        "sample_tests": samples,
        "candidates": [{"source": "m", "code": code, "official_pass": passed} for code, passed in candidates],
    }


@pytest.fixture
def folder(tmp_path):
    records = [
        record("a", [(RIGHT, True), ("print(0)", False)]),
        record("b", [("print(4)", True)]),
        record("c", [("print(4)", True)], ["errata:multiple_answers"]),
    ]
    write_lines(tmp_path / "lcb_records.jsonl.gz", records)
    return tmp_path


def test_only_officially_passing_programs_of_problems_without_a_flag_are_asked(folder):
    questions = load_cases("lcb", folder)
    assert [(q.task.name, len(q.cases)) for q in questions] == [("a", 1), ("b", 1)]


@pytest.mark.bubblewrap
def test_a_difference_is_named_and_a_second_call_grades_nothing_again(folder, tmp_path, capsys):
    command = ["lcb", "--data", str(folder), "--db", str(tmp_path / "book.sqlite"), "--jobs", "1"]
    assert main(command) == 1
    first = capsys.readouterr().out
    assert "programs 2, statuses 2, alike 1" in first
    assert "- b, m: samples True officially, False here (wrong_answer)" in first
    assert main(command) == 1
    again = capsys.readouterr().out
    assert "graded in this call: 0 questions" in again
    assert again.partition("Differences")[2] == first.partition("Differences")[2]
    assert main([*command, "--limit", "1"]) == 0


@pytest.mark.bubblewrap
@pytest.mark.science
def test_references_of_scicode_pass_every_step_or_are_named(tmp_path, capsys):
    h5py = pytest.importorskip("h5py", reason="the scicode extra is not installed")
    with h5py.File(tmp_path / "dev_targets.h5", "w") as file:
        write_targets(file)
    wrong = SCICODE_ROW | {"problem_id": "901", "sub_steps": [dict(step) for step in SCICODE_ROW["sub_steps"]]}
    wrong["sub_steps"][1]["ground_truth_code"] = "def scale(pair):\n    return 1, 1"
    write_lines(tmp_path / "problems_dev.jsonl", [SCICODE_ROW, wrong])
    command = ["scicode", "--data", str(tmp_path), "--db", str(tmp_path / "book.sqlite"), "--jobs", "1"]
    assert main(command) == 1
    said = capsys.readouterr().out
    assert "questions 2, programs 2, statuses 4, alike 3" in said
    assert "- SciCode/901, reference: step 900.2 True officially, False here (wrong_answer)" in said


def test_a_folder_without_the_verdicts_is_refused(tmp_path, capsys):
    assert main(["evalplus", "--data", str(tmp_path)]) == 2
    assert "holds no verdicts; expected evalplus_verdicts.jsonl.gz" in capsys.readouterr().err
    with pytest.raises(TaskError):
        load_cases("lcb", tmp_path)
