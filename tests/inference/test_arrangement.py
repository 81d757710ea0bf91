"""Which kernels a model is opened with, by what was measured; the weights are in memory once."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from inference import arrangement as module
from inference.arrangement import Machine, arrangement, seconds_of
from inference.gguf import GgufModel
from inference.gguf_file import read_header
from inference.layout import ONE_SEARCH, Width, layout_for
from inference.width import CostCurve
from tests.inference.tiny_gguf import write_tiny_gguf

FEW = CostCurve(rows=(1, 16, 64), seconds=(0.03, 0.27, 0.90), read=0.010)
"""What was measured of Qwen2.5-Coder-1.5B with repacked weights: faster for few texts."""
MANY = CostCurve(rows=(1, 16, 64), seconds=(0.04, 0.30, 0.70), read=0.006)
"""And without: faster for prompts and for many texts."""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


def machine(path: Path) -> Machine:
    return Machine(path=path, header=read_header(path), context=256, gpu_layers=0, threads=1, segment=128)


def test_kernels_depend_on_how_many_texts_are_written():
    assert seconds_of(MANY, 64) < seconds_of(FEW, 64)
    assert seconds_of(FEW, 1) < seconds_of(CostCurve(rows=(1,), seconds=(0.04,), read=0.010), 1)


@pytest.mark.parametrize(("faster", "repack"), [(True, True), (False, False)])
def test_faster_kernels_are_taken_and_measured_once(tiny, tmp_path, monkeypatch, faster, repack):
    """Both are measured for real; then what was kept says which one was faster."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(module, "_LEAST_WEIGHTS", 0)
    asked = []

    def curve(key, open_, most, context, *, brief=False, on_gpu=False):
        asked.append((*key, brief))
        with open_() as context_:
            assert context_.shape.cells
        return FEW if (len(asked) == 1) == faster else CostCurve(rows=(1,), seconds=(9.0,), read=9.0)

    monkeypatch.setattr(module, "cached_curve", curve)
    found = arrangement(machine(tiny), Width(streams=False, up_to=64))
    assert found.repack is repack
    assert [brief for *_, brief in asked] == [True, True, False], "the one that is taken is measured whole"


def test_single_texts_one_search_and_a_small_file_are_not_measured_twice(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert arrangement(machine(tiny), Width(most=1)).curve is None
    assert not list(tmp_path.rglob("*.json"))
    assert arrangement(machine(tiny), Width(streams=False)).repack is True
    assert len(list(tmp_path.rglob("*.json"))) == 1


@pytest.mark.parametrize("repack", [True, False])
def test_both_kernels_write(tiny, tmp_path, monkeypatch, repack):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with closing(GgufModel(tiny, threads=1, context_tokens=256, width=Width(repack=repack))) as model:
        assert model.arrangement.repack is repack


def test_cells_of_their_own_follow_the_memory(tiny):
    """Many texts get as many sequences as fit; fewer than eight share their cells."""
    header = read_header(tiny)
    each = layout_for(header, 256, 128, Width(streams=True, most=1 << 4)).cells
    assert each == 18 * 256
    wide = layout_for(header, 256, 128, Width(up_to=64, bytes=1 << 40))
    assert (wide.unified, wide.sequences) == (False, 66)
    a_cell = _cell_bytes_of(header)
    some = layout_for(header, 256, 128, Width(up_to=64, bytes=20 * 256 * a_cell))
    assert (some.unified, some.sequences, some.cells) == (False, 20, 20 * 256)
    few = layout_for(header, 256, 128, Width(up_to=64, bytes=9 * 256 * a_cell))
    assert few.unified
    assert ONE_SEARCH < 64


def _cell_bytes_of(header) -> int:
    """Return the bytes of a cell, from its layers, heads and their width."""
    name = header.architecture
    heads = header.number(f"{name}.attention.head_count")
    width = header.number(f"{name}.embedding_length") // heads
    return header.number(f"{name}.block_count") * header.number(f"{name}.attention.head_count_kv", heads) * width * 4
