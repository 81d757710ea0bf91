"""Data sets by name: the files they are looked for in, and what is said when those are not whole."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import pytest

from benchmark import plain_sets
from benchmark.data_sets import in_words, lcb_files, open_data_set
from benchmark.folder import load_folder
from benchmark.gpqa import load_gpqa
from benchmark.judges import judge_of
from benchmark.plain_sets import load_plain
from benchmark.published import md5_of
from benchmark.scicode import load_scicode
from benchmark.task import TaskError, TaskSource, load_sheets
from tests.benchmark.planted import SETTINGS, open_box
from tests.benchmark.rows import (
    GPQA_ROW,
    SCICODE_ROW,
    evalplus_row,
    lcb_function_row,
    lcb_row,
    mbpp_row,
    write_csv,
    write_lines,
    write_targets,
)


@pytest.fixture(scope="module")
def sandbox():
    box = open_box(SETTINGS)
    yield box
    box.close()


def original(path, family, rows):
    write_lines(path, rows)
    return load_plain(path, family, {md5_of(path): (family, len(rows))})


def test_a_source_of_a_data_set_gives_sheets_and_single_tasks(tmp_path):
    path = write_lines(tmp_path / "my.jsonl", [lcb_row(), lcb_function_row()])
    source = TaskSource(data_set="lcb", data=str(path))
    assert [sheet.name for sheet in load_sheets(source)] == ["abc900_a", "9001"]
    assert source.open().task("9001").hidden
    assert [task.sheet for task in source.load()] == list(load_sheets(source))
    with pytest.raises(TaskError, match="there is no problem x"):
        source.open().task("x")


def test_a_release_needs_all_of_its_files(tmp_path):
    write_lines(tmp_path / "test.jsonl", [lcb_row()])
    with pytest.raises(TaskError, match="release v5 lacks test2.jsonl, test3.jsonl, test4.jsonl, test5.jsonl"):
        lcb_files(str(tmp_path), "v5")
    assert lcb_files(str(tmp_path), "v1") == (tmp_path / "test.jsonl",)
    with pytest.raises(TaskError, match="no release v9"):
        lcb_files(str(tmp_path), "v9")


def test_a_single_file_is_never_a_release_and_a_folder_without_one_is_the_default(tmp_path):
    path = write_lines(tmp_path / "test.jsonl", [lcb_row()])
    with pytest.raises(TaskError, match="a release is several files; give their folder, or leave --release out"):
        lcb_files(str(path), "v5")
    assert lcb_files(str(path), "") == (path,)
    assert in_words(TaskSource(data_set="lcb", data=str(path))) == "lcb rows of test.jsonl"
    with pytest.raises(TaskError, match="release v5 lacks test2"):
        lcb_files(str(tmp_path), "")
    assert in_words(TaskSource(data_set="lcb", data=str(tmp_path))) == "lcb v5"
    assert in_words(TaskSource(data_set="lcb", data=str(tmp_path), release="v2")) == "lcb v2"


def test_a_release_of_another_data_set_is_refused():
    with pytest.raises(TaskError, match="--release is for lcb, not for embedded: leave it out"):
        open_data_set(TaskSource(data_set="embedded", n=1, release="v5"))


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("humaneval+", "then --data PATH"),
        ("mbpp", "then --data PATH"),
        ("scicode", "name it with --data PATH"),
        ("nothing", "neither a data set nor a folder; known are lcb, humaneval"),
    ],
)
def test_a_set_that_cannot_be_had_says_what_to_do(name, complaint):
    with pytest.raises(TaskError, match=complaint):
        TaskSource(data_set=name).open()


def test_a_folder_without_the_file_says_which_was_expected(tmp_path):
    with pytest.raises(TaskError, match="holds no HumanEval.; expected HumanEvalPlus-v0.1.10"):
        TaskSource(data_set="humaneval+", data=str(tmp_path)).open()


def test_the_embedded_family_is_a_data_set():
    sheets = load_sheets(TaskSource(data_set="embedded", n=3, seed=2))
    assert len(sheets) == 3
    assert sheets == load_sheets(TaskSource(part="held_out", n=3, seed=2))


@pytest.mark.bubblewrap
def test_humaneval_is_graded_by_its_own_assertions(tmp_path, sandbox):
    (task,) = original(tmp_path / "h.jsonl", "humaneval", [evalplus_row()])
    judge = judge_of(task, sandbox)
    assert judge(task.reference).right
    assert judge("def mean(xs):\n    return 1.5").status == "wrong_answer"
    assert judge("def mean(xs):\n    return xs[9]").status == "runtime_error"
    assert judge("import sys\nsys.exit(0)").status == "wrong_answer"


@pytest.mark.bubblewrap
def test_mbpp_shows_one_assertion_and_hides_the_others(tmp_path, sandbox):
    (task,) = original(tmp_path / "m.jsonl", "mbpp", [mbpp_row(), mbpp_row(task_id=5)])
    assert (task.name, task.problem.entry_point) == ("Mbpp/11", "twice")
    assert [(t.input, t.expected) for t in task.problem.tests] == [("2", "4")]
    assert "-6" not in repr(task.sheet)
    judge = judge_of(task, sandbox)
    assert judge("def twice(x):\n    return x + x").right
    assert judge("def twice(x):\n    return 4").status == "wrong_answer"


def test_a_plain_file_that_nobody_published_is_refused(tmp_path):
    path = write_lines(tmp_path / "mbpp.jsonl", [mbpp_row()])
    with pytest.raises(TaskError, match="is no original file of mbpp"):
        load_plain(path, "mbpp")
    digest = md5_of(path)
    with pytest.raises(TaskError, match="has 1 rows of 2"):
        load_plain(path, "mbpp", {digest: ("mbpp", 2)})
    assert plain_sets.PUBLISHED.keys().isdisjoint({digest})


def test_gpqa_options_are_shuffled_stably_and_the_letter_is_the_answer(tmp_path):
    rows = [GPQA_ROW | {"Question": f"Question {i}?"} for i in range(12)]
    tasks = load_gpqa(write_csv(tmp_path / "mine.csv", rows))
    assert tasks == load_gpqa(tmp_path / "mine.csv")
    for task in tasks:
        letter = task.hidden[0].expected
        assert f"({letter}) 2" in task.problem.statement.splitlines()
    assert len({task.hidden[0].expected for task in tasks}) > 1
    assert tasks[0].tags == ("Arithmetic",)
    assert not any("Question" in task.name for task in tasks)


@pytest.mark.parametrize(
    ("name", "rows", "complaint"),
    [
        ("gpqa_diamond.csv", [GPQA_ROW], "has 1 rows of 198"),
        ("mine.csv", [{"Question": "?"}], "has no column Correct Answer"),
        ("mine.csv", [GPQA_ROW | {"Incorrect Answer 2": " "}], "row 1: the question or an option is empty"),
    ],
)
def test_a_gpqa_file_that_is_not_whole_is_refused(tmp_path, name, rows, complaint):
    with pytest.raises(TaskError, match=complaint):
        load_gpqa(write_csv(tmp_path / name, rows))


@pytest.mark.bubblewrap
def test_a_folder_of_problems_is_a_data_set(tmp_path, sandbox):
    (tmp_path / "twice.md").write_text("Write `twice(x)`, a function that doubles.\n\n>>> twice(2)\n4\n")
    (tmp_path / "twice.tests.md").write_text(">>> twice(3)\n6\n>>> twice(-1)\n-2\n")
    (tmp_path / "echo.md").write_text("Print what is read.\n\nInput:\n```\na\n```\nOutput:\n```\na\n```\n")
    (tmp_path / "echo.tests.md").write_text("Input:\n```\nb\nc\n```\nOutput:\n```\nb\nc\n```\n")
    (tmp_path / "echo.py").write_text("import sys\nprint(sys.stdin.read())")
    tasks = TaskSource(data_set=str(tmp_path)).open()
    assert [sheet.name for sheet in tasks.sheets] == ["echo", "twice"]
    assert judge_of(tasks.task("echo"), sandbox)(tasks.task("echo").reference).right
    judge = judge_of(tasks.task("twice"), sandbox)
    assert judge("def twice(x):\n    return 2 * x").right
    assert not judge("def twice(x):\n    return abs(2 * x)").right


TESTS = "assert double(1) == 2\n\nTwo more:\n- `assert double([1]) == [1, 1]`\ndouble(3) == 6\n>>> double('a')\n'aa'\n"


def test_hidden_tests_are_read_in_every_form(tmp_path):
    (tmp_path / "a.md").write_text("Write a function `double(x)`.")
    (tmp_path / "a.tests.md").write_text(TESTS)
    (task,) = load_folder(tmp_path)
    read = {(test.input, test.expected) for test in task.hidden}
    assert read == {("1", "2"), ("[1]", "[1, 1]"), ("3", "6"), ("'a'", "'aa'")}


@pytest.mark.parametrize(
    "line",
    [
        "assert double(x) == 2",
        "assert double(",
        "double(3) is about six",
    ],
)
def test_a_hidden_test_that_cannot_be_read_is_refused_by_its_line(tmp_path, line):
    (tmp_path / "a.md").write_text("Write a function `double(x)`.")
    (tmp_path / "a.tests.md").write_text(f"{TESTS}{line}\n")
    number = TESTS.count("\n") + 1
    with pytest.raises(TaskError, match=rf"a\.tests\.md: line {number}: "):
        load_folder(tmp_path)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Input: 1\nOutput: 2\n\nInput: 3\n", 4),
        ("Input: 1\nOutput: 2\n\nOutput: 3\n", 4),
        ("Input:\n```\n1\n```\nInput:\n```\n2\n```\nOutput:\n```\n2\n```\n", 1),
    ],
)
def test_a_sample_without_its_partner_is_refused_by_its_line(tmp_path, text, number):
    (tmp_path / "a.md").write_text("Read a number and print it.")
    (tmp_path / "a.tests.md").write_text(text)
    with pytest.raises(TaskError, match=rf"a\.tests\.md: line {number}: "):
        load_folder(tmp_path)


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({}, "holds no problem"),
        ({"a.md": "Write `f(x)`, a function.\n>>> f(1)\n2"}, "cannot be read with its tests"),
        ({"a.md": "Write a function `f(x)`.", "a.tests.md": ">>> g(1)\n2"}, "asks for f, its tests call g"),
        ({"a.md": "Print it.", "a.tests.md": "nothing"}, "has no hidden test"),
        ({"a.md": " ", "a.tests.md": "nothing"}, "the problem is empty"),
    ],
)
def test_a_folder_that_cannot_be_graded_is_refused(tmp_path, files, complaint):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(TaskError, match=complaint):
        load_folder(tmp_path)


@pytest.fixture
def scicode_files(tmp_path):
    h5py = pytest.importorskip("h5py", reason="the scicode extra is not installed")
    targets = tmp_path / "test_data.h5"
    with h5py.File(targets, "w") as file:
        write_targets(file)
    return write_lines(tmp_path / "mine.jsonl", [SCICODE_ROW]), targets


@pytest.mark.bubblewrap
def test_scicode_steps_are_tested_in_one_namespace_each_with_its_expected_values(scicode_files, sandbox):
    (task,) = load_scicode(*scicode_files)
    assert (task.problem.entry_point, task.problem.language) == ("scale", "python-science")
    assert "return a + b" not in task.problem.statement
    # The invented row needs no NumPy, which the boxes of a test machine may lack.
    judge = judge_of(replace(task, problem=replace(task.problem, language="python")), sandbox)
    assert judge(task.reference).readings == (("step 900.1", True), ("step 900.2", True))
    verdict = judge("def add(a, b):\n    return 4\n\ndef scale(pair):\n    return 2, 5.0")
    assert verdict.readings == (("step 900.1", False), ("step 900.2", True))
    assert (verdict.right, verdict.status) == (False, "wrong_answer")


def test_scicode_without_expected_values_is_refused(scicode_files, tmp_path):
    problems, targets = scicode_files
    with pytest.raises(TaskError, match="cannot be read"):
        load_scicode(problems, tmp_path / "absent.h5")
    more = SCICODE_ROW | {"sub_steps": [SCICODE_ROW["sub_steps"][0] | {"step_number": "900.7"}]}
    with pytest.raises(TaskError, match="step 900.7 has no tests or no expected values"):
        load_scicode(write_lines(tmp_path / "more.jsonl", [more]), targets)
    with pytest.raises(TaskError, match="has 1 rows of 65"):
        load_scicode(problems, targets, {"mine.jsonl": 65})


@pytest.mark.skipif(importlib.util.find_spec("h5py") is not None, reason="h5py is installed here")
def test_scicode_without_h5py_names_the_extra(tmp_path):
    with pytest.raises(TaskError, match="atlas-solver.scicode."):
        load_scicode(tmp_path / "x.jsonl", tmp_path / "x.h5")
