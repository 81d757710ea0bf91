"""What a header promises is what llama.cpp takes."""

from __future__ import annotations

import os
import re
from dataclasses import replace

import pytest
from gguf import GGMLQuantizationType as Type

from inference.footprint import (
    CUDA_RESERVE,
    Load,
    cache_bytes,
    compute_bytes,
    footprint,
    padded,
    shape_of,
)
from inference.gguf_file import GgufHeader, read_header
from tests.inference.shaped_gguf import write_recurrent, write_shaped

MIB = 1 << 20
KV_CODES = {"f16": 1, "q8_0": 8, "q4_0": 2}


class Planner:
    """Asks llama.cpp to plan a model without allocating it, and reads its log."""

    def __init__(self):
        from inference.llama import load_library

        self.library = load_library()
        self.lines: list[str] = []
        self.keep = self.library.llama_log_callback(lambda _level, text, _data: self.lines.append(text.decode()))

    def plan(self, path, load):
        """Return (cache, compute) in MiB."""
        library = self.library
        library.llama_log_set(self.keep, None)
        options = library.llama_model_default_params()
        options.n_gpu_layers, options.no_alloc = 0, True
        options.load_mode, options.use_extra_bufts = library.LLAMA_LOAD_MODE_NONE, False
        model = library.llama_model_load_from_file(os.fsencode(path), options)
        wanted = library.llama_context_default_params()
        wanted.n_ctx, wanted.n_batch, wanted.n_ubatch = load.cells, load.batch, load.batch
        wanted.n_seq_max, wanted.n_outputs_max = load.sequences, min(load.outputs, load.batch)
        wanted.kv_unified, wanted.flash_attn_type = True, int(load.flash_attention)
        wanted.type_k = wanted.type_v = KV_CODES[load.kv_type]
        context = library.llama_init_from_model(model, wanted)
        text = "".join(self.lines)
        self.lines.clear()
        assert context, text
        library.llama_free(context)
        library.llama_model_free(model)
        cache = sum(map(float, re.findall(r"(?:kv_cache|recurrent|memory_\w+): *size = +([0-9.]+) MiB", text)))
        return cache, float(re.search(r"compute buffer size = +([0-9.]+) MiB", text)[1])


@pytest.fixture(scope="module")
def planner():
    import inference.llama

    planner = Planner()
    yield planner
    planner.library.llama_log_set(inference.llama._log_callback(planner.library), None)


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """A model of Qwen3-4B's shape, but for its vocabulary."""
    path = tmp_path_factory.mktemp("shapes") / "big.gguf"
    return write_shaped(path, layers=36, width=2560, heads=32, kv_heads=8, head=128, hidden=9728, vocabulary=32_768)


LOADS = (
    Load(cells=8192, sequences=8),
    Load(cells=8192, sequences=8, batch=128),
    Load(cells=1000, sequences=1),
    Load(cells=1000, flash_attention=True, outputs=512),
    Load(cells=32_768, sequences=16, flash_attention=True),
    Load(cells=8192, sequences=8, flash_attention=True, kv_type="q8_0"),
    Load(cells=8192, sequences=8, flash_attention=True, kv_type="q4_0", batch=128),
)


@pytest.mark.parametrize("load", LOADS, ids=str)
def test_cache_is_what_llama_cpp_reserves(planner, big, load):
    cache, _ = planner.plan(big, load)
    assert cache_bytes(shape_of(read_header(big)).layers, load) / MIB == pytest.approx(cache, abs=0.02)


@pytest.mark.parametrize("load", LOADS, ids=str)
def test_compute_buffer_is_within_a_tenth(planner, big, load):
    _, compute = planner.plan(big, load)
    shape = shape_of(read_header(big))
    assert compute_bytes(shape, load) / MIB == pytest.approx(compute, rel=0.1)


def test_state_of_a_recurrent_model_is_what_llama_cpp_reserves(planner, tmp_path):
    path = write_recurrent(tmp_path / "recurrent.gguf")
    shape, load = shape_of(read_header(path)), Load(cells=2048, sequences=4)
    assert shape.recurrent
    cache, _ = planner.plan(path, load)
    assert cache_bytes(shape.layers, load) / MIB == pytest.approx(cache, abs=0.02)


@pytest.mark.parametrize("tied", [True, False])
def test_weights_are_all_counted_once(tmp_path, tied):
    header = read_header(write_shaped(tmp_path / "model.gguf", tied=tied, weights=Type.Q8_0))
    assert shape_of(header).weights == sum(tensor.size for tensor in header.tensors.values())


@pytest.mark.parametrize("tied", [True, False])
def test_layers_move_to_the_gpu_from_the_last_one(tmp_path, tied):
    shape = shape_of(read_header(write_shaped(tmp_path / "model.gguf", layers=4, tied=tied)))
    load = Load(cells=512)
    none, _ = footprint(shape, load)
    for taken in range(1, 6):
        main, gpu = footprint(shape, replace(load, gpu_layers=taken))
        copy = shape.embedding if tied else 0
        assert gpu.weights == shape.output + copy + sum(layer.weights for layer in shape.layers[5 - taken :])
        assert gpu.cache == cache_bytes(shape.layers[5 - taken :], load)
        assert main.cache + gpu.cache == none.cache
        assert main.weights + gpu.weights == shape.weights + copy
        assert gpu.compute > CUDA_RESERVE
    assert footprint(shape, replace(load, gpu_layers=99)) == footprint(shape, replace(load, gpu_layers=5))


def header(**values):
    """A header of an architecture `x` that says so."""
    lists = {f"x.{key}": value for key, value in values.items() if isinstance(value, tuple)}
    numbers = {f"x.{key}": value for key, value in values.items() if not isinstance(value, tuple)}
    return GgufHeader(
        metadata={"general.architecture": "x"} | numbers, tokens=(), token_types=(), lists=lists, tensors={},
        fingerprint="",
    )  # fmt: skip


def named(**values):
    return header(**{key.replace("__", "."): value for key, value in values.items()})


def test_hybrid_layers_attend_at_their_interval():
    shape = shape_of(
        named(
            block_count=4,
            embedding_length=64,
            full_attention_interval=4,
            attention__head_count=4,
            attention__head_count_kv=2,
            attention__key_length=16,
            attention__value_length=16,
            ssm__conv_kernel=4,
            ssm__inner_size=32,
            ssm__state_size=8,
            ssm__group_count=2,
        )
    )
    assert [layer.key for layer in shape.layers] == [0, 0, 0, 32]
    assert [layer.state for layer in shape.layers] == [4 * (3 * (32 + 2 * 2 * 8) + 8 * 32)] * 3 + [0]


def test_heads_may_differ_from_layer_to_layer():
    shape = shape_of(
        named(block_count=3, embedding_length=64, attention__head_count=4, attention__head_count_kv=(1, 0, 4))
    )
    assert [layer.key for layer in shape.layers] == [16, 0, 64]
    assert not shape.recurrent


def test_heads_that_are_no_whole_numbers_count_as_not_said():
    shape = shape_of(
        named(
            block_count=2,
            embedding_length=64,
            attention__head_count=4,
            attention__head_count_kv=(float("nan"), float("inf")),
        )
    )
    assert [layer.key for layer in shape.layers] == [64, 64]


def test_weights_alone_need_nothing_else(big):
    alone = shape_of(read_header(big)).weights_alone
    main, gpu = footprint(alone, Load(cells=0, gpu_layers=2))
    assert (main.total + gpu.total - CUDA_RESERVE, main.cache + gpu.cache) == (main.weights + gpu.weights, 0)
    assert alone.weights == shape_of(read_header(big)).weights > 0


@pytest.mark.parametrize(("values", "ordinary"), [({}, True), ({"attention__sliding_window": 512}, False)])
def test_windowed_caches_are_called_an_upper_bound(values, ordinary):
    assert shape_of(named(block_count=1, **values)).ordinary == ordinary


def test_cells_come_in_multiples_of_256():
    assert [padded(cells) for cells in (1, 256, 257)] == [256, 256, 512]
