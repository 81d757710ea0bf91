import random

import pytest

from benchmark.embedded.on_policy import diagnosis, failure_samples, first_failure
from benchmark.embedded.problems import as_task, draw_part
from inference.base import Completion
from nodes.parsing import extract_code

DRAWN = next(d for d in draw_part("training", 40, 6) if len(d.chain) == 3 and d.shape.mode == "function")
STEPS = [step.canonical for step in DRAWN.chain]


def thought(*steps):
    return Completion(text="", thinking="\n".join([*(f"{i}. {s}" for i, s in enumerate(steps, 1)), "Style: loop"]))


def test_diagnosis_names_the_step_that_differs():
    assert diagnosis(DRAWN, thought(STEPS[0], "sort ascending!", STEPS[2])) == ("sort ascending!", STEPS[1])


@pytest.mark.parametrize("reply", [Completion(text=""), thought(STEPS[0]), thought(*STEPS)])
def test_diagnosis_falls_back_on_the_whole_plan(reply):
    assert diagnosis(DRAWN, reply) == ("the steps", "; ".join(STEPS))


def test_failures_become_repairs_of_the_reference():
    for seed in range(20):
        made = failure_samples(DRAWN, thought(*STEPS), "code", "f() returned 1, expected 2", random.Random(seed))
        assert made[0].task == "own repair"
        assert DRAWN.shape.entry_point in extract_code(made[0].answer)
        assert all("f() returned 1, expected 2" in sample.messages[1].content for sample in made)


@pytest.mark.bubblewrap
def test_failures_are_told_in_the_search_s_words():
    from benchmark.embedded.grading import Grader
    from sandbox.choice import open_sandbox

    task = as_task(DRAWN, "t")
    head = task.reference.splitlines()[0]
    sandbox = open_sandbox("bubblewrap", workers=1)
    try:
        grader = Grader(sandbox)
        assert first_failure(task, task.reference, grader) is None
        given, expected = task.examples[0]
        assert first_failure(task, f"{head}\n    return 'wrong'", grader) == (
            f"{task.entry_point}({given}) returned 'wrong', expected {expected}"
        )
        assert first_failure(task, f"{head}\n    return nothing", grader) == (
            f"{task.entry_point}({given}) raised NameError: name 'nothing' is not defined"
        )
    finally:
        sandbox.close()
