"""The file of a learned Lens, and when a search uses it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from graphs.configuration import SettingsError
from graphs.factory import context_for
from inference.scripted import ScriptedModel
from nodes.answering import best_answer
from nodes.evidence import weigh
from nodes.learned_lens import FEATURES, LearnedLens, LensError, as_text, from_text
from nodes.lens import features_of
from nodes.settings import Settings
from tests.benchmark.plain_runs import a_run

LENS = LearnedLens(
    model="m",
    features=FEATURES,
    intercept=-1.0,
    weights=tuple(4.0 if name == "token confidence" else 0.0 for name in FEATURES),
    problems=50,
    data="d",
    gain=(0.1, 0.02, 0.2),
)
BY_CONFIDENCE = a_run(["close", "close", "good"], confidence=(0.1, 0.2, 0.9), votes=()).run.state


class NoSandbox:
    name = "none"
    notice = ""
    workers = 1


def a_context(tmp_path, lens, **settings):
    path = tmp_path / "lens.json"
    model = ScriptedModel([], name="scripted")
    path.write_text(as_text(replace(lens, model=model.fingerprint)))
    return context_for(Settings(lens_file=str(path), **settings), model, NoSandbox())


def test_a_file_comes_back_as_it_was_written():
    assert from_text(as_text(LENS)) == LENS


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hidden": "f(3) == 4"}, "holds hidden, which no Lens has"),
        ({"weights": [1.0]}, "other features"),
        ({"features": ["x"] * len(FEATURES)}, "other features"),
        ({"intercept": float("nan")}, "a number that is none"),
        ({"intercept": "high"}, "is no Lens file"),
    ],
    ids=["extra", "short", "features", "nan", "text"],
)
def test_a_file_that_holds_anything_else_is_refused(change, said):
    with pytest.raises(LensError, match=said):
        from_text(json.dumps(asdict(LENS) | change))


def test_probability_follows_the_weights_and_stays_one():
    assert LENS.p(tuple(0.0 for _ in FEATURES)) == pytest.approx(1 / (1 + 2.718281828))
    assert LENS.p(tuple(1e9 for _ in FEATURES)) == pytest.approx(1.0)


def test_features_have_the_names_and_the_order_of_the_file():
    (item, *_) = weigh(BY_CONFIDENCE)
    values = dict(zip(FEATURES, features_of(item, share=0.5, knows=1.0, z=-1.0), strict=True))
    assert values["passes every example"] == 1.0
    assert values["share of its behaviour among rivals"] == 0.5
    assert values["token confidence"] == -1.0


def test_a_better_lens_chooses_and_is_called_calibrated(tmp_path):
    context = a_context(tmp_path, LENS)
    state = replace(BY_CONFIDENCE, evidence=weigh(BY_CONFIDENCE, context.lens_in_force))
    answer = best_answer(state, context, "no_gain")
    assert (answer.code, answer.calibrated) == ("good", True)


def test_a_lens_without_a_gain_above_zero_changes_nothing(tmp_path):
    context = a_context(tmp_path, replace(LENS, gain=(0.1, -0.01, 0.2)))
    assert context.lens is not None
    assert context.lens_in_force is None
    state = replace(BY_CONFIDENCE, evidence=weigh(BY_CONFIDENCE, context.lens_in_force))
    answer = best_answer(state, context, "no_gain")
    assert (answer.code, answer.calibrated) == ("close", False)
    assert state.evidence == weigh(BY_CONFIDENCE)


def test_an_answer_below_the_threshold_is_not_verified(tmp_path):
    state = a_run(["good", "good"], votes=(("6", 1.0),)).run.state
    state = replace(state, evidence=weigh(state))
    verified = best_answer(state, a_context(tmp_path, LENS, verified_tests=1), "no_gain")
    abstained = best_answer(state, a_context(tmp_path, LENS, verified_tests=1, lens_threshold=0.99), "no_gain")
    assert (verified.verified, abstained.verified) == (True, False)
    assert abstained.reason.startswith("the Lens abstains")


@pytest.mark.parametrize(
    ("text", "said"),
    [("{}", "is no Lens file"), (as_text(LENS), "fitted for another model"), (None, "No such file")],
    ids=["no lens", "another model", "missing"],
)
def test_a_file_that_cannot_be_used_stops_the_run(tmp_path, text, said):
    path = tmp_path / "lens.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SettingsError, match=said):
        context_for(Settings(lens_file=str(path)), ScriptedModel([], name="scripted"), NoSandbox())
