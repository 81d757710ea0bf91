import io
from contextlib import redirect_stdout

import pytest

from benchmark.embedded.chains import chain_share, evaluate, is_held_out, is_unseen_pair, pairs, trace
from benchmark.embedded.problems import (
    as_task,
    draw_part,
    format_examples,
    held_out,
    other_readings,
    training,
    tuning,
    written_value,
)
from benchmark.embedded.programs import write_program
from nodes.problem_text import read_problem

DRAWN = {part: draw_part(part, 120, 5) for part in ("training", "tuning", "held_out")}
EVERY = [drawn for part in DRAWN.values() for drawn in part]


def outcome(source, drawn, value, monkeypatch):
    """Run a reference program of our own in this process."""
    space: dict = {}
    if drawn.shape.mode == "function":
        exec(source, space)
        return repr(space[drawn.shape.entry_point](value))
    given = written_value(drawn.shape, value)
    monkeypatch.setattr("sys.stdin", io.StringIO(given + "\n"))
    with redirect_stdout(io.StringIO()) as out:
        exec(source, space)
    return out.getvalue().removesuffix("\n")


@pytest.mark.parametrize("style", ["comprehension", "loop"])
def test_references_compute_every_expected_output(style, monkeypatch):
    for drawn in EVERY:
        source = write_program(drawn.chain, style, drawn.shape)
        for value, expected in (*drawn.examples, *drawn.hidden):
            assert outcome(source, drawn, value, monkeypatch) == written_value(drawn.shape, expected), source


def test_training_has_no_unseen_pair():
    assert not any(is_unseen_pair(*pair) for drawn in DRAWN["training"] for pair in pairs(drawn.chain))


@pytest.mark.parametrize("part", ["tuning", "held_out"])
def test_reported_problems_have_an_unseen_pair(part):
    assert all(is_held_out(drawn.chain) for drawn in DRAWN[part])


def test_tuning_and_held_out_chains_are_disjoint():
    assert all(chain_share(drawn.chain) < 0.5 for drawn in DRAWN["tuning"])
    assert all(chain_share(drawn.chain) >= 0.5 for drawn in DRAWN["held_out"])


def test_every_other_reading_fails_an_example():
    vague = [drawn for drawn in EVERY if any(step.vague for step in drawn.chain)]
    assert len(vague) > 50
    for drawn in vague:
        for reading in other_readings(drawn.chain):
            assert any(evaluate(reading, value) != expected for value, expected in drawn.examples)


def test_no_step_is_idle_in_both_examples():
    for drawn in EVERY:
        stages = [[value, *trace(drawn.chain, value)] for value, _ in drawn.examples]
        for i in range(len(drawn.chain)):
            assert any(stage[i] != stage[i + 1] for stage in stages)


def test_degenerate_outputs_are_refused():
    for drawn in EVERY:
        (_, one), (_, two) = drawn.examples
        assert one != two
        assert one not in ([], "", {})
        assert len({repr(expected) for _, expected in drawn.hidden[:-1]}) > 1


def test_specs_read_as_the_problem_they_are():
    for drawn in EVERY:
        task, problem = as_task(drawn, "t"), read_problem(drawn.spec)
        assert (problem.mode, problem.entry_point) == (task.mode, task.entry_point)
        assert [t.input.strip() for t in problem.tests] == [given.strip() for given, _ in task.examples]
        assert [t.expected.strip() for t in problem.tests] == [expected for _, expected in task.examples]


def test_specs_end_with_their_examples():
    assert all(drawn.spec.endswith(format_examples(drawn.shape, drawn.examples)) for drawn in EVERY)


def test_hidden_pairs_are_not_in_the_spec():
    for task in held_out(40, 2):
        assert sum(given in task.spec for given, _ in task.hidden[:-1] if len(given) > 8) == 0


@pytest.mark.parametrize("draw", [training, tuning, held_out])
def test_parts_are_deterministic(draw):
    assert draw(12, 3) == draw(12, 3)
    assert draw(12, 3) != draw(12, 4)


def test_both_modes_and_vagueness_occur():
    tasks = held_out(150, 9)
    assert {task.mode for task in tasks} == {"function", "stdio"}
    assert 0.45 < sum(task.vague for task in tasks) / 150 < 0.75
    assert {task.depth for task in tasks} == {2, 3, 4, 5}
