"""Tasks: what the search may know of them, and what cannot grade anything."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from benchmark.records import to_json
from benchmark.task import HiddenTest, Sheet, Task, TaskError, TaskSource, embedded_tasks, load_sheets
from nodes.problem_text import read_problem
from nodes.state import Problem

TASK = Task(
    name="t",
    problem=read_problem("Write `f(x)`, a function.\n>>> f(1)\n2"),
    hidden=(HiddenTest(input="2", expected="3"),),
)


@pytest.mark.parametrize("part", ["held_out", "tuning"])
def test_the_search_reads_the_problem_that_is_graded(part):
    tasks = embedded_tasks(part, 40, 5)
    assert len(tasks) == 40
    assert all(len(task.problem.tests) == 2 and len(task.hidden) == 9 for task in tasks)
    assert {"function", "stdio"} == {task.problem.mode for task in tasks}


def test_a_source_loads_the_same_tasks_every_time():
    source = TaskSource(part="tuning", n=5, seed=3)
    assert source.load() == source.load()
    assert source.load() != replace(source, seed=4).load()


def test_no_field_of_what_the_search_gets_could_hold_a_hidden_test():
    assert {f.name for f in fields(Sheet)} == {"name", "problem", "tags", "date"}
    assert not any("hidden" in f.name or "reference" in f.name for f in fields(Problem))


def test_a_task_without_hidden_tests_is_refused():
    with pytest.raises(TaskError, match="every program would pass"):
        replace(TASK, hidden=())


def test_a_file_of_tasks_is_read_line_by_line(tmp_path):
    path = tmp_path / "tasks.jsonl"
    path.write_text(f"{to_json(TASK)}\n\n{to_json(replace(TASK, name='u'))}\n")
    assert [task.name for task in TaskSource(file=str(path)).load()] == ["t", "u"]
    assert load_sheets(TaskSource(file=str(path), n=1)) == (TASK.sheet,)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "holds no task"),
        ('{"name": "x"}', "is no task"),
        ("[1]", "is no task"),
        ("not JSON", "is no task"),
        (to_json(TASK).replace('"hidden"', '"tests"'), "is no task"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path, text, complaint):
    path = tmp_path / "tasks.jsonl"
    path.write_text(text)
    with pytest.raises(TaskError, match=complaint):
        TaskSource(file=str(path)).load()


def test_an_unknown_part_is_refused():
    with pytest.raises(TaskError, match="known are held_out, tuning"):
        TaskSource(part="training", n=1).load()


def test_keys_change_with_what_they_name():
    harder = replace(TASK, hidden=(*TASK.hidden, HiddenTest(input="5", expected="6")))
    other = replace(TASK, problem=replace(TASK.problem, statement="another"))
    assert harder.sheet.key == TASK.sheet.key
    assert harder.key != TASK.key
    assert other.sheet.key != TASK.sheet.key
