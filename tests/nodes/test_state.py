"""The blackboard: frozen records, reducers that read what a checkpoint gives back."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, is_dataclass

import pytest

from nodes import state as module
from nodes.state import Cost, Problem, PublicTest, SolveState, add_costs, as_problem, content_id, extend
from tests.nodes.records import candidate

RECORDS = [one for one in vars(module).values() if is_dataclass(one)]


@pytest.mark.parametrize("record", RECORDS)
def test_record_is_frozen_and_slotted(record):
    assert record.__dataclass_params__.frozen
    assert hasattr(record, "__slots__")


def test_state_cannot_be_edited_in_place():
    with pytest.raises(FrozenInstanceError):
        SolveState().stop = "tokens"  # type: ignore[misc]


@pytest.mark.parametrize(("left", "right"), [((1,), (2,)), ([1], (2,)), ((1,), [2]), ([1], [2])])
def test_extending_gives_tuples(left, right):
    assert extend(left, right) == (1, 2)


def test_costs_of_a_box_add_up():
    first, second = Cost(box="a", tokens=1, seconds=0.5), Cost(box="a", thinking_tokens=2, calls=1, seconds=0.5)
    assert add_costs([first], (Cost(box="b", tokens=7), second)) == (
        Cost(box="a", tokens=1, thinking_tokens=2, calls=1, seconds=1.0),
        Cost(box="b", tokens=7),
    )


def test_every_number_of_a_cost_is_added():
    ones = Cost(box="a", **{f.name: 1 for f in fields(Cost) if f.name != "box"})
    (total,) = add_costs((ones,), (ones,))
    assert {getattr(total, f.name) for f in fields(Cost) if f.name != "box"} == {2}


def test_problem_comes_as_a_record_or_as_json():
    record = Problem(statement="s", tests=(PublicTest(input="1", expected="2"),))
    assert as_problem(Problem(), record) is record
    assert as_problem(Problem(), {"statement": "s", "tests": [{"input": "1", "expected": "2"}]}) == record
    assert as_problem(Problem(), {"statement": "s", "tests": list(record.tests)}) == record


def test_problem_with_an_unknown_field_is_refused():
    with pytest.raises(TypeError, match="hidden_tests"):
        as_problem(Problem(), {"statement": "s", "hidden_tests": []})


def test_names_are_made_from_content():
    assert content_id("a", "b") != content_id("ab") != content_id("b", "a")
    assert content_id("\ud800") != content_id("?")
    assert candidate("x", 0).program_id == candidate("x", 1).program_id
