"""The one reader of settings: file, then environment, then flags."""

from __future__ import annotations

import re
import tomllib
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from graphs.configuration import SettingsError, changed, load_settings, setting_names, thread_place
from nodes.settings import _RANGES, Settings

EXAMPLE = Path(__file__).parents[2] / "atlas.toml.example"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_defaults_need_no_file():
    assert load_settings(None, {}, {}) == Settings()


def test_later_sources_win(elsewhere):
    (elsewhere / "atlas.toml").write_text('k = 2\nseed = 2\npolicy = "full"\n')
    settings = load_settings(None, {"ATLAS_K": "3", "ATLAS_SEED": "3", "HOME": "/"}, {"seed": 4, "k": None})
    assert (settings.policy, settings.k, settings.seed) == ("full", 3, 4)


def test_named_file_replaces_the_usual_one(elsewhere):
    (elsewhere / "atlas.toml").write_text("k = 2")
    (elsewhere / "other.toml").write_text("seed = 9")
    assert load_settings(Path("other.toml"), {}, {}) == Settings(seed=9)


def test_whole_number_is_good_as_a_number():
    assert load_settings(None, {"ATLAS_TEMPERATURE": "1"}, {"budget_seconds": 5}).budget_seconds == 5.0


def test_variables_that_are_no_settings_pass():
    assert load_settings(None, {"ATLAS_REQUIRE": "gguf", "ATLAS_DEBUG": "1"}, {}) == Settings()


@pytest.mark.parametrize("text", ["true", "1", "YES"])
def test_environment_knows_truth(text):
    assert load_settings(None, {"ATLAS_APPROVE": text}, {}).approve


@pytest.mark.parametrize(
    ("toml", "environ", "flags", "message"),
    [
        pytest.param("bugdet_tokens = 1", {}, {}, r"bugdet_tokens; the nearest is budget_tokens", id="file-typo"),
        pytest.param("", {"ATLAS_BUDGETTOKENS": "1"}, {}, "nearest is ATLAS_BUDGET_TOKENS", id="variable-typo"),
        pytest.param("", {}, {"sandbocks": "auto"}, "command line: .* nearest is sandbox", id="flag-typo"),
        pytest.param('k = "8"', {}, {}, "atlas.toml: k must be a whole number, not '8'", id="file-type"),
        pytest.param("k = true", {}, {}, "k must be a whole number, not True", id="truth-is-no-number"),
        pytest.param("approve = 1", {}, {}, "approve must be true or false", id="number-is-no-truth"),
        pytest.param("model = 3", {}, {}, "model must be text", id="number-is-no-text"),
        pytest.param("", {"ATLAS_K": "many"}, {}, "ATLAS_K must be a whole number, not 'many'", id="variable-type"),
        pytest.param("", {"ATLAS_APPROVE": "maybe"}, {}, "ATLAS_APPROVE must be true or false", id="variable-truth"),
        pytest.param('policy = "best"', {}, {}, "policy must be one of baseline, .*, not 'best'", id="file-choice"),
        pytest.param("", {"ATLAS_SANDBOX": "none"}, {}, "ATLAS_SANDBOX must be one of auto", id="variable-choice"),
        pytest.param('sandbox = "unsafe-no-isolation"', {}, {}, "is not taken from a file", id="unsafe-by-file"),
        pytest.param("k = 0", {}, {}, "k must be at least 1, not 0", id="range"),
        pytest.param("budget_seconds = nan", {}, {}, "budget_seconds must be a finite number", id="not-finite"),
        pytest.param("min_p = 7", {}, {}, r"min_p must lie in 0..0.999, not 7", id="outside"),
        pytest.param("top_k = -5", {}, {}, "top_k must be at least 0", id="below"),
        pytest.param(
            'kv_type = "q8_0"\nflash_attention = "off"', {}, {}, "kv_type q8_0 needs flash attention", id="cache-type"
        ),
        pytest.param("gpu_layers = -2", {}, {}, "gpu_layers must be at least -1", id="layers"),
        pytest.param("k = = 1", {}, {}, "atlas.toml: is not valid TOML", id="not-toml"),
        pytest.param("[model]\nname = 1", {}, {}, "model must be text", id="table"),
    ],
)
def test_refusal_names_the_setting(elsewhere, toml, environ, flags, message):
    (elsewhere / "atlas.toml").write_text(toml)
    with pytest.raises(SettingsError, match=message) as caught:
        load_settings(None, environ, flags)
    assert "\n" not in str(caught.value)


def test_missing_named_file_is_refused():
    with pytest.raises(SettingsError, match=r"none.toml: cannot be read"):
        load_settings(Path("none.toml"), {}, {})


def test_example_states_every_default():
    table = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    assert table == asdict(Settings())


def test_example_explains_or_groups_every_setting():
    """Each key has a comment above it, or stands in a block of keys whose names say it all."""
    plain = {"temperature", "top_p", "top_k", "min_p"}
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    bare = {
        match.group(1)
        for before, line in zip(lines, lines[1:], strict=False)
        if (match := re.match(r"(\w+) =", line)) and not before.startswith("#")
    }
    assert bare <= plain
    assert set(setting_names()) >= plain


def test_every_number_among_the_settings_has_a_range():
    numbers = {
        f.name for f in fields(Settings) if isinstance(f.default, int | float) and not isinstance(f.default, bool)
    }
    assert numbers - {"seed"} == set(_RANGES)


def test_giving_up_isolation_takes_a_flag_or_a_variable(tmp_path):
    assert load_settings(None, {"ATLAS_SANDBOX": "unsafe-no-isolation"}, {}).sandbox == "unsafe-no-isolation"
    assert load_settings(None, {}, {"sandbox": "unsafe-no-isolation"}).sandbox == "unsafe-no-isolation"


def test_request_changes_what_it_names_and_its_faults_say_where():
    machine = Settings(k=3, seed=4)
    assert changed(machine, {"k": 5, "policy": None}, place="solve") == Settings(k=5, seed=4)
    for flags, words in (({"kk": 1}, "solve: there is no setting kk"), ({"k": 0}, "solve: k must be at least 1")):
        with pytest.raises(SettingsError, match=words):
            changed(machine, flags, place="solve")


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({}, Path("/state/atlas/threads.sqlite")),
        ({"thread_file": "mine.sqlite"}, Path("mine.sqlite")),
        ({"thread_file": "mine.sqlite", "thread_database": "postgresql://x"}, "postgresql://x"),
    ],
)
def test_threads_lie_in_a_file_or_a_database(settings, place):
    assert thread_place(Settings(**settings), {"XDG_STATE_HOME": "/state"}) == place
