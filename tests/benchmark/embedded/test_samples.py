import itertools
import random
import re

import pytest
from jinja2 import Environment

from benchmark.embedded.chains import is_unseen_pair
from benchmark.embedded.chat import CUT, HAND_OVER, TEMPLATE, completion_text, prompt_text
from benchmark.embedded.mix import FIRST_MIX, MAKERS, SECOND_MIX, forced_marks, samples
from benchmark.embedded.primitives import PRIMITIVES
from benchmark.embedded.problems import draw_training
from inference.base import Message
from nodes.parsing import (
    extract_code,
    parse_bullets,
    parse_criticism,
    parse_inputs,
    parse_sketch,
    parse_tests,
    parse_verdict,
)
from nodes.problem_text import read_problem

CANONICAL = {(p.takes, p.wordings[0].format(k=k)): p.name for p in PRIMITIVES for k in p.parameters or (0,)}


def made(task, count=60):
    rng = random.Random(task)
    found = []
    while len(found) < count:
        drawn = draw_training(rng)
        sample = MAKERS[task](drawn, rng)
        if sample is not None:
            found.append((drawn, sample))
    return found


@pytest.mark.parametrize("task", ["code", "planned code", "repair", "synthesise"])
def test_programs_are_one_fence(task):
    for drawn, sample in made(task):
        code = extract_code(sample.answer)
        assert code is not None
        assert drawn.shape.entry_point in code


def test_sketches_parse():
    for drawn, sample in made("sketch"):
        assert parse_sketch(sample.answer) == sample.answer
        assert len(parse_bullets(sample.answer)) >= len({s.canonical for s in drawn.chain})


def test_observations_parse():
    for drawn, sample in made("observe"):
        assert 1 <= len(parse_bullets(sample.answer)) <= len(drawn.chain)


def test_criticism_parses():
    assert all(parse_criticism(sample.answer) for _, sample in made("criticise"))


def test_rephrasing_reads_as_the_same_function():
    for drawn, sample in made("rephrase"):
        if drawn.shape.mode == "function":
            assert f"`{drawn.shape.entry_point}(" in sample.answer
        assert ">>>" not in sample.answer
        assert "Output:" not in sample.answer


def test_two_tests_parse_and_are_right():
    for drawn, sample in made("tests"):
        problem = read_problem(drawn.spec)
        assert len(parse_tests(sample.answer, problem.mode, problem.entry_point)) == 2


def test_two_telling_inputs_parse():
    for drawn, sample in made("separate"):
        assert len(parse_inputs(sample.answer, drawn.shape.mode, drawn.shape.entry_point)) == 2


def test_verdicts_parse():
    assert {parse_verdict(sample.answer) for _, sample in made("judge")} == {1, 2}


@pytest.mark.parametrize("task", ["analyse"])
def test_analyses_name_wrong_and_right(task):
    assert all(re.fullmatch(r"Wrong: .+\nRight: .+", sample.answer) for _, sample in made(task))


@pytest.mark.parametrize("mix", [FIRST_MIX, SECOND_MIX], ids=["first", "second"])
def test_plans_in_the_data_hold_no_unseen_pair(mix):
    plans = 0
    for sample in itertools.islice(samples(31, mix), 1500):
        said = "\n".join([*(m.content for m in sample.messages), sample.thoughts or "", sample.answer])
        for plan in re.findall(r"(?:^\d+\. .+\n?)+", said, re.MULTILINE):
            steps = [line.split(". ", 1)[1] for line in plan.strip().splitlines()]
            names = [{name for (_, words), name in CANONICAL.items() if words == step} for step in steps]
            for first, second in itertools.pairwise(names):
                plans += 1
                joined = [(a, b) for a in first for b in second if _gives(a) == b[0]]
                assert any(not is_unseen_pair(a, b) for a, b in joined), plan
    assert plans > 500


def _gives(name):
    return next(p.gives for p in PRIMITIVES if p.name == name)


def test_streams_are_deterministic():
    first, again, other = (list(itertools.islice(samples(seed), 40)) for seed in (4, 4, 5))
    assert first == again
    assert first != other


@pytest.mark.parametrize("thinking", [True, False])
def test_training_text_is_what_the_template_renders(thinking):
    template = Environment().from_string(TEMPLATE)
    for sample in itertools.islice(samples(6), 40):
        turns = [{"role": m.role, "content": m.content} for m in sample.messages]
        rendered = template.render(messages=turns, add_generation_prompt=True, enable_thinking=thinking)
        assert prompt_text(sample.messages, thinking=thinking) == rendered


def test_thinking_is_open_when_nobody_forbids_it():
    turns = [{"role": "user", "content": "x"}]
    rendered = Environment().from_string(TEMPLATE).render(messages=turns, add_generation_prompt=True)
    assert rendered == prompt_text([Message(role="user", content="x")], thinking=True)


def test_completions_close_thinking_and_end():
    assert completion_text("a", "t") == "<think>\nt\n</think>\n\na<|im_end|>"
    assert completion_text("a", None) == "a<|im_end|>"


def test_forced_texts_look_as_the_engine_writes_them():
    found = {"wait": 0, "cut": 0}
    for plain in itertools.islice(samples(8), 3000):
        forced = forced_marks(plain)
        if forced == plain:
            continue
        found["wait" if "Wait" in forced.thoughts else "cut"] += 1
        assert CUT in forced.thoughts or forced.thoughts.endswith(HAND_OVER)
    assert min(found.values()) > 5
