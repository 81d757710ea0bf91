"""Records survive the way to text and back."""

from __future__ import annotations

import pytest

from benchmark.records import from_json, to_json
from nodes.state import Answer, Candidate, Cost, Evidence, Outcome, Plan, Problem, PublicTest, SelfTest, SolveState

PROBLEM = Problem(statement="say 'hi'", tests=(PublicTest(input="1", expected="'hi'"),), cpu_seconds=1.5)


def full_state():
    evidence = Evidence(candidate_id="c", program_id="p", public_passed=1, public_total=1, confirmed_passed=0,
                        confirmed_total=0, cluster="x", cluster_weight=1, agreement=0.5, regressed=False,
                        posterior=0.4)  # fmt: skip
    return SolveState(
        problem=PROBLEM,
        move="release",
        history=("widen", "test"),
        plans=(Plan(id="1", text="- a", observations=("o",)),),
        candidates=(Candidate(id="c", index=0, code="x = 1", confidence=None),),
        self_tests=(SelfTest(input="2", votes=(("3", 1.0), ("4", 2.0)), provenance=("predicted",)),),
        outcomes=(Outcome(program_id="p", input_id="i", status="completed", output="lone \ud800 surrogate"),),
        evidence=(evidence,),
        costs=(Cost(box="b", tokens=3),),
        answer=Answer(code="x = 1", verified=False, reason="r", confidence=0.1, cost=(Cost(box="b"),)),
    )


def test_a_whole_blackboard_comes_back_equal():
    assert from_json(SolveState, to_json(full_state())) == full_state()


def test_text_is_ascii_so_that_any_output_fits_into_a_file():
    assert to_json(full_state()).isascii()


def test_an_unknown_key_is_an_error():
    with pytest.raises(TypeError, match="hidden"):
        from_json(Problem, '{"statement": "s", "hidden": []}')
