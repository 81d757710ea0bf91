"""The model that the settings name is found, and refused before it is loaded where it cannot fit."""

from __future__ import annotations

import contextlib
import random
from dataclasses import replace

import pytest

from graphs.factory import EMBEDDED, fitting, model_path, open_model, width_of
from inference.base import Message, ModelError, Request
from inference.catalogue import entry
from inference.pulled import whole_header
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


def test_forecast_survives_random_damage(tmp_path):
    """Any flipped bit of what the header says of the shape gives a forecast or a `ModelError`, nothing else."""
    sound = write_shaped(tmp_path / "sound.gguf", vocabulary=8)
    whole = bytearray(sound.read_bytes())
    path = tmp_path / "flipped.gguf"
    draw, forecasts = random.Random(4), 0
    for bit in draw.sample(range(8 * whole.index(b"tokenizer.ggml.model")), 300):
        whole[bit // 8] ^= 1 << bit % 8
        path.write_bytes(whole)
        whole[bit // 8] ^= 1 << bit % 8
        with contextlib.suppress(ModelError):
            header, settings = read(path, k=2)
            width_of(header, settings, fitting("flipped", header, settings))
            forecasts += 1
    assert 0 < forecasts < 300


def windowed(header):
    """The same header of a model with a sliding window, whose cache is forecast too high."""
    return replace(header, metadata={**header.metadata, "qwen3.attention.sliding_window": 512})


def test_windowed_model_is_refused_where_its_weights_alone_do_not_fit(tmp_path):
    header, settings = read(write_shaped(tmp_path / "huge.gguf", layers=20, width=65_536, hidden=262_144))
    with pytest.raises(ModelError, match="huge needs .* GiB of main memory, .* can be had: take a smaller"):
        fitting("huge", windowed(header), settings)


def test_windowed_model_is_loaded_where_only_its_cache_does_not_fit(tmp_path):
    path = write_shaped(tmp_path / "long.gguf", layers=24, kv_heads=64, head=256, context=1 << 20)
    header, settings = read(path, context_tokens=1 << 20)
    assert not fitting("long", windowed(header), settings).fits
    with pytest.raises(ModelError, match="long needs .* GiB of main memory"):
        fitting("long", header, settings)


def read(path, **settings):
    header = whole_header(path)
    return header, Settings(**settings)


def test_cache_is_never_longer_than_the_model_was_trained_for(tmp_path):
    path = write_shaped(tmp_path / "short.gguf", context=512)
    assert fitting("short", *read(path, k=2)).load.cells == 1024


def test_small_cache_is_laid_out_by_the_engine(tmp_path):
    header, settings = read(write_shaped(tmp_path / "small.gguf", context=512))
    assert width_of(header, settings, fitting("small", header, settings)).cells == 0


def test_large_cache_gets_the_cells_that_fit(tmp_path):
    path = write_shaped(tmp_path / "large.gguf", layers=24, kv_heads=32, head=128)
    header, settings = read(path, context_tokens=4096)
    found = fitting("large", header, settings)
    assert 4096 <= found.load.cells <= 8 * 4096
    assert width_of(header, settings, found).cells == found.load.cells


def test_decoding_alone_needs_one_context(tmp_path):
    path = write_shaped(tmp_path / "large.gguf", layers=24, kv_heads=32, head=128)
    found = fitting("large", *read(path, batch_width=1, context_tokens=4096))
    assert (found.load.cells, found.load.sequences) == (4096, 1)


@pytest.mark.gguf
@pytest.mark.parametrize("kv_type", ["f16", "q8_0", "q4_0"])
def test_model_answers_from_a_cache_of_each_type(kv_type):
    model = open_model(Settings(kv_type=kv_type, threads=1, batch_width=4))
    try:
        messages = (Message(role="user", content="Write a function f that returns 1."),)
        (done,) = model.complete_many([Request(messages=messages, max_tokens=8, temperature=0)])
        assert done.tokens == 8
    finally:
        model.close()
