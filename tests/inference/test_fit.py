"""A model is loaded in the best way that fits, and what would mend a misfit does mend it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inference.fit import GIB, MAIN_SHARE, Wish, advice, fit, misfit
from inference.footprint import CUDA_RESERVE, Layer, ModelShape
from inference.machine import Gpu, Machine

SHAPE = ModelShape(
    layers=(Layer(weights=GIB // 5, key=1024, value=1024),) * 40,
    embedding=GIB // 3,
    output=GIB // 2,
    tied=False,
    width=5120,
    hidden=17_408,
    heads=40,
    vocabulary=151_936,
)
"""About a model of 14 B parameters in four bits: 8.8 GiB, and 160 KiB of cache a token."""
WISH = Wish(context_tokens=8192, k=8)


def machine(main=64.0, gpu=0.0, offload=True):
    gpus = (Gpu(name="card", total=int(gpu * GIB), free=int(gpu * GIB)),) if gpu else ()
    return Machine(cores=8, memory=int(main * GIB), memory_free=int(main * GIB), gpus=gpus, offload=offload)


@pytest.mark.parametrize(
    ("gpu", "layers", "cells"),
    [
        pytest.param(80, 41, 65_536, id="everything-at-once"),
        pytest.param(16, 41, range(8192, 65_536), id="some-programs-wait"),
        pytest.param(8, range(1, 41), range(8192, 65_536), id="some-layers-stay"),
        pytest.param(0.5, 0, 4 * 8192, id="too-small-to-help"),
    ],
)
def test_best_way_for_a_gpu(gpu, layers, cells):
    found = fit(SHAPE, WISH, machine(gpu=gpu))
    assert found.fits
    for value, expected in ((found.load.gpu_layers, layers), (found.load.cells, cells)):
        assert value in expected if isinstance(expected, range) else value == expected


def test_gpu_is_filled_as_far_as_it_goes():
    found = fit(SHAPE, WISH, machine(gpu=16))
    one_more = 256 * 40 * 2 * 1024 * 2
    assert found.gpu.total <= found.gpu_free < found.gpu.total + one_more + CUDA_RESERVE // 100


def test_gpu_without_a_build_for_it_does_not_count():
    assert fit(SHAPE, WISH, machine(gpu=80, offload=False)).load.gpu_layers == 0


def test_some_main_memory_is_left_to_others():
    free = 24.0
    assert fit(SHAPE, WISH, machine(main=free)).main.total <= free * GIB * MAIN_SHARE


@pytest.mark.parametrize(
    ("wish", "gpu", "flash"),
    [
        pytest.param({}, 0, False, id="processor"),
        pytest.param({}, 80, True, id="gpu"),
        pytest.param({"kv_type": "q8_0"}, 0, True, id="quantised-cache-needs-it"),
        pytest.param({"flash_attention": "off"}, 80, False, id="off-is-off"),
        pytest.param({"flash_attention": "on"}, 0, True, id="on-is-on"),
    ],
)
def test_flash_attention_by_machine_and_cache(wish, gpu, flash):
    assert fit(SHAPE, replace(WISH, **wish), machine(gpu=gpu)).load.flash_attention == flash


def test_asked_for_layers_are_kept():
    assert fit(SHAPE, replace(WISH, gpu_layers=7), machine(gpu=80)).load.gpu_layers == 7


def test_nothing_to_advise_where_weights_alone_are_too_many():
    small = machine(main=4)
    assert not fit(SHAPE, WISH, small).fits
    assert advice(SHAPE, WISH, small) == ()


@pytest.mark.parametrize(
    ("wish", "there", "names"),
    [
        pytest.param({}, machine(main=11), [("kv_type",), ("context_tokens",)], id="a-smaller-cache-or-context"),
        pytest.param({"context_tokens": 32_768}, machine(main=10.8), [("context_tokens",)], id="context-alone"),
        pytest.param({"gpu_layers": 41}, machine(gpu=8), [("gpu_layers",)], id="fewer-layers"),
        pytest.param({"flash_attention": "off"}, machine(main=11),
                     [("kv_type", "flash_attention"), ("context_tokens",)], id="quantised-needs-flash-attention"),
        pytest.param({"context_tokens": 2048}, machine(main=10.2), [("kv_type",), ("context_tokens",)], id="tight"),
    ],
)  # fmt: skip
def test_advice_fits(wish, there, names):
    wish = replace(WISH, **wish)
    assert not fit(SHAPE, wish, there).fits
    found = advice(SHAPE, wish, there)
    assert [tuple(name for name, _ in one.settings) for one in found] == names
    assert all(one.fit.fits for one in found)


def test_a_pair_is_advised_where_one_change_is_not_enough():
    wish, there = Wish(context_tokens=4096), machine(main=9.985)
    assert not fit(SHAPE, wish, there).fits
    (pair,) = advice(SHAPE, wish, there)
    assert pair.settings == (("kv_type", "q8_0"), ("context_tokens", 1024))
    assert pair.fit.fits


def test_advice_reads_as_lines_of_the_settings_file():
    lines = [str(one) for one in advice(SHAPE, WISH, machine(main=11))]
    assert lines[0] == 'kv_type = "q8_0"'
    assert lines[1].startswith("context_tokens = ")


def test_misfit_is_one_line_with_the_way_out():
    there = machine(main=11)
    line = misfit("big.gguf", fit(SHAPE, WISH, there), advice(SHAPE, WISH, there))
    assert line.startswith("big.gguf needs 10.")
    assert "of main memory, 9.9 can be had" in line
    assert line.endswith(': set kv_type = "q8_0" or context_tokens = 4096')


def test_misfit_without_a_way_out_says_so():
    there = machine(main=4)
    assert misfit("big.gguf", fit(SHAPE, WISH, there), ()).endswith("take a smaller quantisation or a smaller model")
