"""LiveCodeBench: rows become tasks, damaged and hostile rows are refused, verdicts follow the official rules."""

from __future__ import annotations

import base64
import json
import os
import pickle
import zlib

import pytest

from benchmark import lcb
from benchmark.judges import judge_of
from benchmark.lcb import LcbRows, unpack_tests
from benchmark.lcb_judge import tolerable, with_prelude
from benchmark.task import TaskError
from benchmark.verdict import reading
from sandbox.base import Limits
from tests.benchmark.planted import SETTINGS, open_box
from tests.benchmark.rows import PAIR_UP, cases_text, lcb_function_row, lcb_row, packed, write_lines


@pytest.fixture
def rows(tmp_path):
    return LcbRows([write_lines(tmp_path / "rows.jsonl", [lcb_row(), lcb_function_row()])])


@pytest.fixture(scope="module")
def sandbox():
    box = open_box(SETTINGS)
    yield box
    box.close()


def test_a_row_becomes_a_sheet_with_its_samples_and_without_hidden_tests(rows):
    sheet = rows.sheets[0]
    assert (sheet.name, sheet.tags, sheet.date) == ("abc900_a", ("easy", "atcoder"), "2024-08-31")
    assert [(t.input, t.expected) for t in sheet.problem.tests] == [("1 2\n", "3\n")]
    assert sheet.problem.mode == "stdio"
    assert "5 7" not in repr(sheet)


def test_functional_samples_are_spelled_as_python_arguments(rows):
    problem = rows.sheets[1].problem
    assert (problem.mode, problem.entry_point) == ("function", "pairUp")
    assert [(t.input, t.expected) for t in problem.tests] == [("[1], [2]", "[[1, 2]]")]
    assert "from typing import" in problem.starter_code


def test_public_and_private_tests_grade_in_the_official_order(rows):
    assert [t.input for t in rows.task("abc900_a").hidden] == ["1 2\n", "5 7\n", "-1 1\n"]
    assert rows.task("abc900_a").sheet == rows.sheets[0]
    assert rows.task("9001").hidden[2].input == "[1, 1], [2, 3]"


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/never",)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (packed(Evil()), "do not trust this file"),
        (packed([1, 2]), "not a text"),
        (packed("no JSON"), "cannot be read"),
        (packed("[1]"), "cannot be read"),
        (packed('[{"input": 1, "output": "x", "testtype": "stdin"}]'), "is no text"),
        ("!", "cannot be read"),
        (base64.b64encode(zlib.compress(pickle.dumps("[]"))[:-4]).decode(), "are cut"),
        (base64.b64encode(b"not packed").decode(), "cannot be read"),
    ],
)
def test_private_tests_that_are_no_text_are_refused(text, complaint):
    with pytest.raises(TaskError, match=complaint):
        unpack_tests(text)


def test_private_tests_beyond_the_bound_are_refused(monkeypatch):
    monkeypatch.setattr(lcb, "MAX_TESTS_BYTES", 100)
    with pytest.raises(TaskError, match="longer than 100 bytes"):
        unpack_tests(packed(json.dumps("x" * 1000)))


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("test.jsonl", [lcb_row()], "has 1 rows of 400"),
        ("rows.jsonl", [lcb_row(), lcb_row()], "a second time"),
        ("rows.jsonl", [{"question_id": "x"}], "question_title is missing"),
        ("rows.jsonl", [lcb_row(metadata="{")], "metadata cannot be read"),
        ("rows.jsonl", [lcb_row("abc337_e")], "hold no problem"),
        ("rows.jsonl", [], "hold no problem"),
    ],
)
def test_a_file_that_is_not_whole_is_refused(tmp_path, name, content, complaint):
    with pytest.raises(TaskError, match=complaint):
        LcbRows([write_lines(tmp_path / name, content)])


def test_a_row_that_is_cut_is_refused_with_its_line(tmp_path):
    path = write_lines(tmp_path / "rows.jsonl", [lcb_row(), lcb_function_row()])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(TaskError, match="line 2 is no JSON"):
        LcbRows([path])


def test_problems_with_several_answers_floats_or_errata_get_a_second_reading(tmp_path):
    contents = {
        "any": {"question_content": "If there are multiple solutions, you may print any of them."},
        "float": {"question_content": "Your answer may have an absolute or relative error of 1e-6."},
        "abc311_c": {},
        "plain": {},
    }
    rows = LcbRows([write_lines(tmp_path / "r.jsonl", [lcb_row(name, **change) for name, change in contents.items()])])
    assert [rows.task(name).rules.tolerant for name in contents] == [True, True, True, False]
    assert [sheet.tags[2:] for sheet in rows.sheets] == [("several answers",), ("floats",), ("errata",), ()]


@pytest.mark.bubblewrap
@pytest.mark.parametrize(
    ("code", "status"),
    [
        pytest.param("print(sum(map(int, input().split())))", "passed", id="right"),
        pytest.param("print(f'  {sum(map(int, input().split()))}.0  ')", "passed", id="numbers-not-texts"),
        pytest.param("print('x', sum(map(int, input().split())))", "wrong_answer", id="a-word-too-many"),
        pytest.param("print(max(3, sum(map(int, input().split()))))", "wrong_answer", id="passes-the-sample-only"),
        pytest.param("a, b = map(int, input().split())\nprint(a + b)\n1/0", "runtime_error", id="crashes-after"),
        pytest.param("while True: pass", "timeout", id="never-ends"),
        pytest.param("print(reduce(add, map(int, stdin.readline().split())))", "passed", id="names-of-the-prelude"),
        pytest.param(
            "from __future__ import annotations\nprint(sum(map(int, input().split())))", "passed", id="future"
        ),
    ],
)
def test_verdict_on_a_program_that_reads_standard_input(rows, sandbox, code, status):
    verdict = judge_of(rows.task("abc900_a"), sandbox, Limits(cpu_s=1))(code)
    assert (verdict.status, verdict.right, verdict.readings) == (status, status == "passed", ())


@pytest.mark.bubblewrap
def test_a_tuple_at_the_top_is_a_list_in_functional_tests(rows, sandbox):
    assert judge_of(rows.task("9001"), sandbox)(PAIR_UP).right


@pytest.mark.bubblewrap
def test_another_right_answer_fails_officially_and_passes_the_tolerant_reading(tmp_path, sandbox):
    row = lcb_row(
        question_content="Print the squares of 1 and 2 in any order.",
        public_test_cases=cases_text(("", "1\n4\n")),
        private_test_cases=packed("[]"),
    )
    task = LcbRows([write_lines(tmp_path / "r.jsonl", [row])]).task("abc900_a")
    verdict = judge_of(task, sandbox)("print(4)\nprint(1.0000001)")
    assert (verdict.right, verdict.status, reading(verdict, "tolerant")) == (False, "wrong_answer", True)
    assert not reading(judge_of(task, sandbox)("print(4)\nprint(2)"), "tolerant")
    assert reading(judge_of(task, sandbox)("print(1)\nprint(4)"), "tolerant")


@pytest.mark.parametrize(
    ("mode", "mine", "theirs", "is_tolerable"),
    [
        ("stdio", "1.0000004 2", "1 2", True),
        ("stdio", "1.1", "1", False),
        ("stdio", "b\na", "a\nb", True),
        ("stdio", "a b", "a\nb", True),
        ("stdio", "a", "a a", False),
        ("stdio", "nan", "nan", True),
        ("function", "[2, 1]", "[1, 2]", True),
        ("function", "[2, 1.00000001]", "[1, 2]", True),
        ("function", "[[1], [2]]", "[[1], [3]]", False),
        ("function", "'a'", "'b'", False),
        ("function", "not a value", "1", False),
    ],
)
def test_what_the_tolerant_reading_forgives(mode, mine, theirs, is_tolerable):
    assert tolerable(mode, mine, theirs) is is_tolerable


def test_the_prelude_comes_after_imports_from_the_future():
    text = with_prelude("from __future__ import annotations\nx = 1\n")
    compile(text, "x", "exec")
    assert text.endswith("\nx = 1\n")
