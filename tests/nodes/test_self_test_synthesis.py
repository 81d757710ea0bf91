"""Self-tests: votes of several generations, oracles where the input is bounded."""

from __future__ import annotations

import pytest

from inference.base import Request
from nodes.self_test_synthesis import ORACLES, TESTS_PER_GENERATION, bounds_its_input, self_test_synthesis
from nodes.state import Problem, PublicTest, SelfTest, SolveState, merge_tests
from tests.nodes.records import candidate

BOUNDED = Problem(
    statement="1 <= n <= 9", mode="function", entry_point="f", tests=(PublicTest(input="0", expected="0"),)
)
UNBOUNDED = Problem(statement="Sum.", mode="function", entry_point="f")


@pytest.mark.parametrize(
    "statement",
    ["1 <= n <= 100", "1 ≤ n ≤ 100", r"$1 \le n \le 10^5$", r"$1 \leq n$", r"$1 \leqslant n \leqslant 5$", "1 &lt;= n",
     "at most 100 numbers", "No more than 5.", "up to 10^5", "n lies between 1 and 9", "between -5 and 5",
     "n does not exceed 100", "0 < n < 100"],
)  # fmt: skip
def test_bounds_are_seen(statement):
    assert bounds_its_input(Problem(statement=statement))


@pytest.mark.parametrize(
    "statement",
    ["Sum the numbers.", "def f(x) -> int:", "a => b", "Is x between a and b?", "x < y", "almost all", "<b>n</b>"],
)
def test_other_marks_are_no_bounds(statement):
    assert not bounds_its_input(Problem(statement=statement))


def talk(request: Request) -> str:
    if request.messages[0].content.startswith("You write reference"):
        return "```python\nslow\n```"
    return "assert f(1) == 5\nassert f(2) == 6"


def written(ride, problem=BOUNDED, script=talk, **settings):
    runtime = ride(script, **{"test_generations": 3, **settings})
    state = SolveState(problem=problem, history=("widen", "test"))
    return self_test_synthesis(state, runtime), runtime.context.model.requests


def test_votes_for_one_input_add_up(ride):
    update, _ = written(ride)
    assert merge_tests((), update["self_tests"]) == (
        SelfTest(input="1", votes=(("5", 3.0),), provenance=("predicted",)),
        SelfTest(input="2", votes=(("6", 3.0),), provenance=("predicted",)),
    )


def test_rival_predictions_are_both_kept():
    tests = (
        SelfTest(input="1", votes=(("5", 1.0),)),
        SelfTest(input="1", votes=(("7", 1.0),), provenance=("separating",)),
    )
    (merged,) = merge_tests((), tests)
    assert (merged.votes, merged.provenance) == ((("5", 1.0), ("7", 1.0)), ("separating",))


def test_merging_reads_what_a_checkpoint_gives_back():
    stored = SelfTest(input="1", votes=[["5", 1.0]], provenance=["predicted"])  # type: ignore[arg-type, list-item]
    (merged,) = merge_tests([stored], [SelfTest(input="1", votes=(("5", 1.0),), provenance=("predicted",))])
    assert merged.votes == (("5", 2.0),)


def test_at_most_five_of_a_generation_count(ride):
    many = "\n".join(f"assert f({i}) == {i}" for i in range(1, 30))
    update, _ = written(ride, UNBOUNDED, lambda r: many, test_generations=1)
    assert [test.input for test in update["self_tests"]] == ["1", "2", "3", "4", "5"][:TESTS_PER_GENERATION]


@pytest.mark.parametrize("spelling", ["0", "0.0", " 0 ", "False"])
def test_example_is_not_written_again(ride, spelling):
    update, _ = written(ride, script=lambda r: f"assert f({spelling}) == 0\nassert f(3) == 1", test_generations=1)
    assert [test.input for test in update["self_tests"]] == ["3"]


def test_example_on_standard_input_is_not_written_again(ride):
    problem = Problem(statement="Sum.", mode="stdio", tests=(PublicTest(input="2\n3 4", expected="7"),))
    reply = "Input:\n```\n2\n3 4  \n\n```\nOutput:\n```\n7\n```\nInput:\n```\n1\n5\n```\nOutput:\n```\n5\n```\n"
    update, _ = written(ride, problem, lambda r: reply, test_generations=1)
    assert [test.input for test in update["self_tests"]] == ["1\n5\n"]


def test_bounded_input_asks_for_oracles(ride):
    update, asked = written(ride)
    assert len(asked) == 3 + ORACLES["full"]
    assert [(o.code, o.index) for o in update["oracles"]] == [("slow", -1)] * ORACLES["full"]


def test_small_model_has_no_second_way_to_write_a_program(ride):
    update, asked = written(ride, profile="compact")
    assert (len(asked), update["oracles"]) == (3, ())


def test_unbounded_input_asks_for_none(ride):
    update, asked = written(ride, UNBOUNDED)
    assert (len(asked), update["oracles"]) == (3, ())


def test_oracles_are_asked_for_once(ride):
    runtime = ride(talk, test_generations=2)
    self_test_synthesis(SolveState(problem=BOUNDED, oracles=(candidate("slow", -1),)), runtime)
    assert len(runtime.context.model.requests) == 2


def test_generations_are_different_samples(ride):
    _, asked = written(ride)
    assert len({request.seed for request in asked}) == len(asked)


def test_reply_without_tests_still_costs(ride):
    update, _ = written(ride, UNBOUNDED, lambda r: "I would test it well.")
    assert update["self_tests"] == ()
    assert update["costs"][0].spent > 0
