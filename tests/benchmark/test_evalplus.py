"""EvalPlus: released files become tasks, inputs get their types back, verdicts follow the official comparison."""

from __future__ import annotations

import pytest

from benchmark.evalplus import load_evalplus
from benchmark.evalplus_compare import all_equal
from benchmark.evalplus_inputs import meant
from benchmark.judges import judge_of
from benchmark.published import md5_of
from benchmark.task import TaskError
from sandbox.literals import parse
from tests.benchmark.planted import SETTINGS, open_box
from tests.benchmark.rows import evalplus_row, mbpp_plus_row, write_lines


def load(path, family, rows, *, plus=True, count=None):
    write_lines(path, rows)
    published = {md5_of(path): (family, count or len(rows), "invented")}
    return load_evalplus(path, family, plus=plus, published=published)


@pytest.fixture(scope="module")
def sandbox():
    box = open_box(SETTINGS)
    yield box
    box.close()


def test_a_row_becomes_a_task_with_two_sets_of_inputs(tmp_path):
    (task,) = load(tmp_path / "h.jsonl.gz", "humaneval", [evalplus_row()])
    assert [(t.group, t.input) for t in task.hidden[:3]] == [
        ("base", "[1, 2]"),
        ("base", "[4]"),
        ("plus", "[0.1, 0.2, 0.3]"),
    ]
    assert [(t.input, t.expected) for t in task.problem.tests] == [("[1, 2]", "1.5")]
    assert "return sum" in task.reference
    assert "return sum" not in task.problem.statement
    (base,) = load(tmp_path / "h.jsonl.gz", "humaneval", [evalplus_row()], plus=False)
    assert {t.group for t in base.hidden} == {"base"}


def test_mbpp_inputs_get_their_tuples_back_and_the_example_is_read(tmp_path):
    (task,) = load(tmp_path / "m.jsonl", "mbpp", [mbpp_plus_row()])
    assert [t.input for t in task.hidden] == ["(3, 4), (4, 5)", "(), ()"]
    assert [(t.input, t.expected) for t in task.problem.tests] == [("(3, 4), (4, 5)", "(4,)")]
    assert task.problem.entry_point == "shared"


@pytest.mark.parametrize(
    ("number", "given", "wanted"),
    [
        (1, [[1, 2], 3], [[1, 2], 3]),
        (2, [[1], [2]], [(1,), (2,)]),
        (63, [[[1, 2], [3]]], [[(1, 2), (3,)]]),
        (75, [[[1, 2]], 3], [[(1, 2)], 3]),
        (106, [[1], [2]], [[1], (2,)]),
        (250, [[1, 2], 1], [(1, 2), 1]),
        (259, [[[1, 2], [3, 4]]], [((1, 2), (3, 4))]),
        (278, [[1, [2, 3]]], [(1, (2, 3))]),
        (580, [[1, [2, [3]]]], [(1, (2, (3,)))]),
        (722, [{"a": [1, 2]}, 1, 2], [{"a": (1, 2)}, 1, 2]),
        (115, [[[1, 1], [], 5]], [[{1}, {}, {}]]),
        (124, [3, "1+2j"], [3.0, 1 + 2j]),
        (252, ["1+2j"], [1 + 2j]),
    ],
)
def test_arguments_are_what_their_task_means(number, given, wanted):
    got = meant(number, given)
    assert (got, list(map(type, got))) == (wanted, list(map(type, wanted)))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"family": "mbpp"}, "is invented, not"),
        ({"count": 2}, "has 1 rows of 2"),
        ({"rows": [evalplus_row(base_input=None)]}, "an input cannot be read"),
        ({"rows": [evalplus_row(prompt=1)]}, "prompt is no text"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path, changes, complaint):
    path, rows = tmp_path / "h.jsonl", changes.get("rows", [evalplus_row()])
    write_lines(path, rows)
    published = {md5_of(path): ("humaneval", changes.get("count", 1), "invented")}
    with pytest.raises(TaskError, match=complaint):
        load_evalplus(path, changes.get("family", "humaneval"), plus=True, published=published)


def test_a_file_that_nobody_released_is_refused_with_its_checksum(tmp_path):
    path = write_lines(tmp_path / "HumanEvalPlus.jsonl.gz", [evalplus_row()])
    with pytest.raises(TaskError, match=f"not whole .MD5 {md5_of(path)}"):
        load_evalplus(path, "humaneval", plus=True)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(TaskError, match="cannot be read"):
        load_evalplus(path, "humaneval", plus=True)


@pytest.mark.parametrize(
    ("atol", "values", "expected", "is_equal"),
    [
        pytest.param(0, ["1"], ["True"], True, id="as-python-says"),
        pytest.param(0, ["(1, 2)"], ["[1, 2]"], False, id="a-tuple-is-no-list"),
        pytest.param(0, ["[(1, 2)]"], ["[[1, 2]]"], False, id="nor-inside"),
        pytest.param(0, ["0.30000000000000004"], ["0.3"], True, id="floats-are-close"),
        pytest.param(0, ["0.31"], ["0.3"], False, id="but-not-too-far"),
        pytest.param(0, ["[0.1, 0.2000001]"], ["[0.1, 0.2]"], True, id="lists-of-floats-too"),
        pytest.param(0, ["[0.1, 2.0000001]"], ["[0.1, 2]"], False, id="not-lists-of-both"),
        pytest.param(0, ["(0.1, 0.2000001)"], ["[0.1, 0.2]"], False, id="types-must-be-the-same"),
        pytest.param(0, ["[0.1]"], ["[0.1, 0.2]"], False, id="and-lengths"),
        pytest.param(0, ["3"], ["3.0000001"], False, id="an-int-is-no-float-when-only-close"),
        pytest.param(0, ["1", "5"], ["1.0", "4"], False, id="ints-are-exact"),
        pytest.param(0, ["0.30000000000000004", "[1, 2.0000001]"], ["0.3", "[1, 2]"], True, id="once-raised-it-stays"),
        pytest.param(0, ["[1, 2.0000001]", "0.30000000000000004"], ["[1, 2]", "0.3"], False, id="not-before"),
        pytest.param(0, ["nan"], ["nan"], False, id="nan-is-nothing"),
        pytest.param(0.01, ["'a'"], ["'b'"], False, id="texts-are-never-close"),
        pytest.param(0.01, ["{1: 2.001}"], ["{1: 2.0}"], False, id="nor-dicts"),
        pytest.param(0.01, ["[[1.001], [2.0]]"], ["[[1.0], [2.0]]"], True, id="nested-lists-are"),
        pytest.param(0.01, ["complex(1, 2.001)"], ["complex(1, 2)"], True, id="complex-are"),
        pytest.param(0, ["1"], ["1", "2"], False, id="a-value-is-missing"),
    ],
)
def test_comparison(atol, values, expected, is_equal):
    nodes = [list(map(parse, texts)) for texts in (values, expected)]
    assert all_equal("", atol, [[]] * len(values), nodes[0], nodes[1]) is is_equal


@pytest.mark.parametrize(
    ("oracle", "arguments", "value", "expected", "is_equal"),
    [
        ("find_zero", "[[-6, 11, -6, 1]]", "1.0000001", "3.0", True),
        ("find_zero", "[[-6, 11, -6, 1]]", "1.5", "3.0", False),
        ("find_zero", "[[-6, 11, -6, 1]]", "None", "3.0", False),
        ("are_equivalent", "[1, 2]", "'anything'", "True", True),
        ("sum_div", "[7]", "0", "1", True),
        ("sum_div", "[7]", "2", "1", False),
        ("surface_Area", "[3, 4]", "35", "33", True),
        ("surface_Area", "[3, 4]", "34", "33", False),
        ("digit_distance_nums", "[1, 20]", "3", "1", True),
        ("digit_distance_nums", "[1, 20]", "2", "1", False),
        ("similar_elements", "[]", "[2, 1, 1]", "(1, 2)", True),
        ("similar_elements", "[]", "[[1]]", "(1,)", False),
        ("similar_elements", "[]", "5", "(1,)", False),
        ("find_char_long", "[]", '{"ab", "c"}', '["c", "ab"]', True),
        ("check_str", "[]", '"match"', "True", True),
        ("check_str", "[]", "None", "False", True),
        ("check_str", "[]", "False", "True", False),
    ],
)
def test_entry_points_with_a_comparison_of_their_own(oracle, arguments, value, expected, is_equal):
    atol = 1e-4 if oracle == "find_zero" else 0
    assert all_equal(oracle, atol, [parse(arguments)], [parse(value)], [parse(expected)]) is is_equal


@pytest.mark.bubblewrap
@pytest.mark.parametrize(
    ("code", "status", "base", "plus"),
    [
        pytest.param("def mean(xs):\n    return sum(xs) / len(xs)", "passed", True, True, id="right"),
        pytest.param("def mean(xs):\n    return sum(sorted(xs)) / len(xs)", "passed", True, True, id="float-noise"),
        pytest.param(
            "def mean(xs):\n    return sum(xs) / len(xs) if len(xs) < 3 else 0", "wrong_answer", True, False, id="base"
        ),
        pytest.param("def mean(xs):\n    return xs.pop() and 1.5", "wrong_answer", False, False, id="wrong"),
        pytest.param("def mean(xs):\n    exit(0)", "runtime_error", False, False, id="leaves"),
        pytest.param("def median(xs): pass", "runtime_error", False, False, id="no-such-function"),
        pytest.param("def mean(xs) return", "runtime_error", False, False, id="no-python"),
        pytest.param("import os\nprint('[0, 1.5]')\nos._exit(0)", "runtime_error", False, False, id="forges-output"),
        pytest.param(
            "def mean(xs):\n    print(xs, input)\n    return sum(xs) / len(xs)", "passed", True, True, id="prints"
        ),
    ],
)
def test_verdict(tmp_path, sandbox, code, status, base, plus):
    (task,) = load(tmp_path / "h.jsonl", "humaneval", [evalplus_row()])
    verdict = judge_of(task, sandbox)(code)
    assert (verdict.status, dict(verdict.readings)) == (status, {"base": base, "plus": plus})
    assert verdict.right is (base and plus)


@pytest.mark.bubblewrap
def test_a_set_without_inputs_is_passed(tmp_path, sandbox):
    (task,) = load(tmp_path / "h.jsonl", "humaneval", [evalplus_row(plus_input=[])])
    verdict = judge_of(task, sandbox)("def mean(xs):\n    return 0")
    assert (verdict.right, dict(verdict.readings)) == (False, {"base": False, "plus": True})


@pytest.mark.bubblewrap
def test_an_input_that_takes_too_long_is_a_timeout(tmp_path, sandbox, monkeypatch):
    monkeypatch.setattr("benchmark.evalplus_judge.LEAST_S", 0.3)
    (task,) = load(tmp_path / "h.jsonl", "humaneval", [evalplus_row()])
    assert judge_of(task, sandbox)("def mean(xs):\n    while True: pass").status == "timeout"


@pytest.mark.bubblewrap
def test_arguments_that_a_program_changes_are_new_for_the_next_set(tmp_path, sandbox):
    row = evalplus_row(plus_input=[[[1, 2]]])
    (task,) = load(tmp_path / "h.jsonl", "humaneval", [row])
    code = "def mean(xs):\n    m = sum(xs) / len(xs)\n    xs.clear()\n    return m"
    assert judge_of(task, sandbox)(code).right


@pytest.mark.bubblewrap
@pytest.mark.parametrize(
    ("reference", "code", "is_right"),
    [
        ("return 'ab' * 100_000", "return 'a' + 'ba' * 99_999 + 'b'", True),
        ("return 'ab' * 100_000", "return 'ab' * 99_999 + 'ac'", False),
        ("return list(range(50_000))", "return [float(i) for i in range(50_000)]", True),
        ("return list(range(50_000))", "return [*range(49_999), 0]", False),
        ("return 7 ** 20_000", "return pow(7, 10_000) ** 2", True),
        ("return 7 ** 20_000", "return 7 ** 20_000 + 1", False),
    ],
)
def test_large_values_are_compared_whole(tmp_path, sandbox, reference, code, is_right):
    (task,) = load(tmp_path / "h.jsonl", "humaneval", [evalplus_row(canonical_solution=f"    {reference}\n")])
    assert judge_of(task, sandbox)(f"def mean(xs):\n    {code}").right is is_right


@pytest.mark.bubblewrap
@pytest.mark.parametrize(("change", "is_right"), [("", True), (" + [('b', 'a')]", False)])
def test_a_list_of_millions_of_items_is_compared_by_its_spelling(tmp_path, sandbox, change, is_right):
    many = "return [('a', 'b')] * 2_200_000"
    (task,) = load(tmp_path / "h.jsonl", "humaneval", [evalplus_row(canonical_solution=f"    {many}\n")])
    assert judge_of(task, sandbox)(f"def mean(xs):\n    {many}{change}").right is is_right


@pytest.mark.bubblewrap
@pytest.mark.science
def test_a_program_that_imports_numpy_finds_it(tmp_path, sandbox):
    (task,) = load(tmp_path / "h.jsonl", "humaneval", [evalplus_row()])
    code = "import numpy as np\ndef mean(xs):\n    return float(np.mean(xs))"
    assert judge_of(task, sandbox)(code).right
    assert not judge_of(task, sandbox)(code.replace("np.mean", "np.max")).right


@pytest.mark.bubblewrap
@pytest.mark.science
@pytest.mark.parametrize(
    ("value", "is_right"),
    [
        ("np.float64(sum(xs) / len(xs))", True),
        ("np.float64(sum(xs) / len(xs) + 1e-9)", False),
        ("float(np.float64(sum(xs) / len(xs) + 1e-9))", True),
        ("np.array([1.5])", False),
    ],
)
def test_a_scalar_of_numpy_is_equal_or_nothing(tmp_path, sandbox, value, is_right):
    (task,) = load(tmp_path / "h.jsonl", "humaneval", [evalplus_row(plus_input=[[[3, 4]]])])
    assert judge_of(task, sandbox)(f"import numpy as np\ndef mean(xs):\n    return {value}").right is is_right


@pytest.mark.bubblewrap
def test_a_reference_that_does_not_run_is_no_verdict(tmp_path, sandbox):
    (task,) = load(tmp_path / "h.jsonl", "humaneval", [evalplus_row(canonical_solution="    return 1 / 0\n")])
    with pytest.raises(TaskError, match="its own reference ends with runtime_error on input 1"):
        judge_of(task, sandbox)
