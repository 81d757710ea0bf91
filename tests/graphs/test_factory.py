"""The model that the settings name is found, and refused before it is loaded where it cannot fit."""

from __future__ import annotations

import pytest

from graphs.factory import EMBEDDED, fitting_load, model_path, open_model
from inference.base import ModelError
from inference.catalogue import entry
from nodes.settings import Settings
from tests.inference.shaped_gguf import write_shaped
from tests.inference.test_pulled import put

SMALL = entry("qwen3-0.6b")


def test_no_name_is_the_embedded_model():
    assert model_path(Settings()) == EMBEDDED


def test_pulled_model_is_found_in_the_folder_of_the_settings(tmp_path):
    one = put(tmp_path, SMALL.repository, SMALL.file.format("Q8_0"), b"x")
    assert model_path(Settings(model=SMALL.name, models_folder=str(tmp_path))) == one.path


@pytest.mark.gguf
def test_pulled_model_opens_by_its_name(tmp_path):
    put(tmp_path, SMALL.repository, SMALL.file.format("Q8_0"), EMBEDDED.read_bytes())
    model = open_model(Settings(model=SMALL.name, models_folder=str(tmp_path), threads=1))
    try:
        assert model.name == "ATLAS embedded"
    finally:
        model.close()


def test_model_that_is_not_pulled_names_the_command(tmp_path):
    with pytest.raises(ModelError, match=f"run atlas models pull {SMALL.name}"):
        open_model(Settings(model=SMALL.name, models_folder=str(tmp_path)))


def test_model_without_room_is_refused_before_it_is_loaded(tmp_path):
    huge = write_shaped(tmp_path / "huge.gguf", layers=20, width=65_536, hidden=262_144)
    with pytest.raises(ModelError, match="needs .* GiB of main memory, .* can be had: take a smaller"):
        open_model(Settings(model=str(huge)))


def test_cache_is_never_longer_than_the_model_was_trained_for(tmp_path):
    path = write_shaped(tmp_path / "short.gguf", context=512)
    assert fitting_load(path, Settings(k=2)).cells == 1024
