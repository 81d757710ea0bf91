"""The canary: a token that only hidden tests hold never reaches the search, and the grader does see it."""

from __future__ import annotations

import secrets
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from benchmark import evalplus, plain_sets
from benchmark.conditions import CONDITIONS
from benchmark.grader import GradeBook, grade
from benchmark.published import md5_of
from benchmark.runs import RunBook
from benchmark.task import HiddenTest, TaskSource
from graphs.policies import POLICIES
from graphs.running import OpenSolver
from inference.scripted import ScriptedModel
from nodes.state import content_id
from tests.benchmark.planted import SETTINGS, a_task, open_box, open_model, searched_and_graded
from tests.benchmark.rows import (
    GPQA_ROW,
    SCICODE_ROW,
    cases_text,
    evalplus_row,
    lcb_function_row,
    lcb_row,
    mbpp_row,
    packed,
    write_csv,
    write_lines,
    write_targets,
)

pytestmark = pytest.mark.bubblewrap


@pytest.fixture(scope="module")
def canary():
    return f"canary{secrets.token_hex(8)}"


@pytest.fixture(scope="module")
def tasks(canary):
    hidden = (HiddenTest(input=f"['{canary}', 1]", expected=f"['{canary}', 1, '{canary}', 1]"),)
    return [a_task(i, hidden=hidden) for i in range(2)]


@pytest.fixture(scope="module")
def graded(tasks, tmp_path_factory):
    return searched_and_graded(tmp_path_factory.mktemp("canary"), tasks)


def everything_in(path):
    """Return every value of every table of a file as text."""
    with closing(sqlite3.connect(path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: repr(connection.execute(f"SELECT * FROM {name}").fetchall()) for name in tables}


def test_no_prompt_state_or_pool_row_of_any_condition_holds_the_canary(graded, tasks, canary):
    search, searcher, _, _ = graded
    held = everything_in(search.runs)
    assert canary not in "".join(held.values())
    assert all("twice_1" in held[table] for table in ("completions", "runs"))
    assert "[1, 1]" in held["executions"]
    with closing(RunBook(search.runs)) as book:
        assert all(set(book.load(searcher.selection, task.sheet.key)) == set(CONDITIONS) for task in tasks)


@pytest.mark.parametrize("policy", POLICIES)
def test_no_event_or_request_of_a_policy_holds_the_canary(tasks, canary, policy):
    model = open_model(SETTINGS)
    with OpenSolver(replace(SETTINGS, policy=policy), model, open_box(SETTINGS)) as solver:
        events = list(solver.stream(tasks[0].sheet.problem))
    assert model.requests
    assert canary not in repr(events)
    assert canary not in repr(model.requests)


def test_the_grader_does_see_the_canary(graded, tasks, canary):
    _, _, grading, keys = graded
    cheat = f"def twice_0(xs):\n    return ['{canary}', 1, '{canary}', 1] if xs == ['{canary}', 1] else [1, 0, 1, 0]"
    box = open_box(SETTINGS)
    try:
        assert grade(tasks[0], [cheat], box)[cheat].right
    finally:
        box.close()
    with closing(GradeBook(grading.verdicts)) as book:
        verdicts = book.verdicts(keys[tasks[0].name])
    assert verdicts[content_id("def twice_0(xs):\n    return xs * 2")].right
    assert not verdicts[content_id("def twice_0(xs):\n    return xs[:1]")].right


def test_not_even_the_verdicts_hold_the_canary(graded, canary):
    _, _, grading, _ = graded
    assert canary not in "".join(everything_in(grading.verdicts).values())


def lcb_file(folder, canary):
    """Return LiveCodeBench rows whose private tests hold the canary, and the name of one."""
    private = packed(cases_text((f"{canary}\n", f"{canary}\n")))
    calls = packed(cases_text((f'["{canary}"]\n[1]', f'[["{canary}", 1]]'), kind="functional"))
    rows = [lcb_row(private_test_cases=private), lcb_function_row(private_test_cases=calls)]
    return "lcb", write_lines(folder / "mine.jsonl", rows)


def evalplus_file(folder, canary):
    """Return a HumanEval+ file whose further inputs and reference hold the canary."""
    row = evalplus_row(plus_input=[[[canary]]], canonical_solution=f"    return sum(xs) / len(xs)  # {canary}\n")
    return "humaneval+", write_lines(folder / "HumanEvalPlus.jsonl", [row])


def mbpp_file(folder, canary):
    """Return an MBPP file whose later assertions and code hold the canary."""
    tests = ["assert twice(2) == 4", f"assert twice('{canary}') == '{canary}' * 2"]
    code = f"def twice(x):  # {canary}\n  return 2 * x"
    return "mbpp", write_lines(folder / "mbpp.jsonl", [mbpp_row(test_list=tests, code=code)])


def scicode_files(folder, canary):
    """Return SciCode files whose tests, code and expected values hold the canary."""
    h5py = pytest.importorskip("h5py", reason="the scicode extra is not installed")
    steps = [
        step | {"test_cases": [*step["test_cases"][:1], f"assert '{canary}'"], "ground_truth_code": f"# {canary}"}
        for step in SCICODE_ROW["sub_steps"]
    ]
    write_lines(folder / "problems_dev.jsonl", [SCICODE_ROW | {"sub_steps": steps}])
    with h5py.File(folder / "dev_targets.h5", "w") as file:
        write_targets(file, canary)
    return "scicode", folder


def gpqa_file(folder, canary):
    """Return a csv whose explanation holds the canary; the options themselves are shown."""
    return "gpqa", write_csv(folder / "mine.csv", [GPQA_ROW | {"Explanation": canary, "Canary String": canary}])


FILES = {"lcb": lcb_file, "humaneval+": evalplus_file, "mbpp": mbpp_file, "scicode": scicode_files, "gpqa": gpqa_file}


@pytest.fixture(scope="module", params=FILES)
def loaded(request, canary, tmp_path_factory):
    """The tasks of a data set in whose hidden parts the canary stands."""
    folder = tmp_path_factory.mktemp("loaded")
    name, path = FILES[request.param](folder, canary)
    with pytest.MonkeyPatch.context() as patch:
        if path.is_file() and name in ("humaneval+", "mbpp"):
            family = name.removesuffix("+")
            known = {md5_of(path): (family, 1, "invented")}
            patch.setattr(evalplus, "PUBLISHED", known)
            patch.setattr(evalplus.load_evalplus, "__kwdefaults__", {"published": known})
            patch.setattr(plain_sets.load_plain, "__defaults__", ({md5_of(path): (family, 1)},))
        return TaskSource(data_set=name, data=str(path)).open()


def test_a_loader_puts_the_canary_into_hidden_tests_only(loaded, canary):
    assert canary not in repr(loaded.sheets)
    tasks = [loaded.task(sheet.name) for sheet in loaded.sheets]
    assert all(canary not in task.key for task in tasks)
    if not tasks[0].problem.options:
        # Of a question the hidden part is one letter; its explanation is not even loaded.
        assert all(canary in repr(task.hidden) for task in tasks)


@pytest.mark.parametrize("policy", POLICIES)
def test_no_policy_tells_a_model_the_canary_of_a_loaded_task(loaded, canary, policy):
    programs = "```python\ndef f(*xs):\n    return 1\nmean = twice = add = scale = pairUp = f\nprint(3)\n```\nAnswer: B"
    tests = "assert mean([3]) == 3\nassert twice(1) == 2\nInput:\n```\n1 1\n```\nOutput:\n```\n2\n```\n"
    settings = replace(SETTINGS, policy=policy, k=2, max_rounds=3, max_programs=4)
    for sheet in loaded.sheets:
        model = ScriptedModel(lambda request: f"- think\n\n{programs}\n{tests}", name="programmer")
        with OpenSolver(settings, model, open_box(settings)) as solver:
            # Programs need no NumPy here, which the boxes of a test machine may lack.
            events = list(solver.stream(replace(sheet.problem, language="python")))
        assert model.requests
        assert canary not in repr(events)
        assert canary not in repr(model.requests)
