"""The whole loop on a real code model: forms and behaviour, nothing that chance decides."""

from __future__ import annotations

import ast
import json
from collections import Counter

import pytest

from graphs import open_solver
from graphs.events import CandidateArrived, CandidateRan, Finished, ModelAnswered, TextsGrew
from graphs.factory import EMBEDDED, best_here, model_path
from inference.official import official_files
from inference.pulled import beside, place, read_record
from nodes.settings import Settings

pytestmark = [pytest.mark.coder, pytest.mark.gguf, pytest.mark.bubblewrap]

PROBLEM = """Write a function `shout(word: str) -> str` that returns the word in capitals with an exclamation mark.

>>> shout("hello")
'HELLO!'
"""


@pytest.fixture(scope="module")
def solver(coder):
    settings = Settings(
        model=str(coder),
        sandbox="bubblewrap",
        policy="phase1",
        k=2,
        batch_width=1,
        budget_tokens=900,
        answer_tokens=200,
    )
    with open_solver(settings) as solver:
        yield solver


@pytest.fixture(scope="module")
def events(solver):
    return list(solver.stream(PROBLEM))


def test_model_has_nothing_to_warn_of(solver):
    assert solver.model.notice == ""
    assert solver.model.profile == "full"


def test_replies_hold_programs_that_run(events):
    answer = events[-1].answer
    assert isinstance(events[-1], Finished)
    assert "shout" in {node.name for node in ast.parse(answer.code).body if isinstance(node, ast.FunctionDef)}
    arrived = {one.id for one in events if isinstance(one, CandidateArrived)}
    assert {one.id for one in events if isinstance(one, CandidateRan)} == arrived
    assert arrived


def test_budget_holds_and_texts_end_by_themselves(events):
    answer = events[-1].answer
    spent = sum(cost.tokens + cost.thinking_tokens for cost in answer.cost)
    assert 0 < spent <= 900
    assert sum(one.tokens for one in events if isinstance(one, TextsGrew)) <= spent
    longest = max(one.tokens for one in events if isinstance(one, CandidateArrived))
    assert longest < 200, "a program of one line ends at the model's own end of text"


def test_programs_end_with_their_fence(events):
    answered = [one for one in events if isinstance(one, ModelAnswered) and one.box == "budgeted_generation"]
    ended = Counter[str]()
    for one in answered:
        ended.update(one.ended)
    assert ended["complete"] >= 1
    assert set(ended) <= {"complete", "end", "length", "loop"}


def test_equal_seeds_give_equal_answers(solver, events):
    assert solver.solve(PROBLEM).code == events[-1].answer.code


def test_pulled_model_is_what_a_command_takes_by_default(coder, tmp_path):
    settings = Settings(models_folder=str(tmp_path))
    assert model_path(settings) == EMBEDDED
    record = read_record(coder)
    path = place(tmp_path, record.repository, record.file)
    path.parent.mkdir(parents=True)
    path.symlink_to(coder)
    beside(path).write_text(beside(coder).read_text())
    assert model_path(settings) == path
    assert best_here(settings).record == record


def test_file_is_the_official_one(coder):
    held = json.loads(beside(coder).read_text())
    assert held["sha256"] in {one.record.sha256 for one in official_files()}
    assert held["size"] == coder.stat().st_size
