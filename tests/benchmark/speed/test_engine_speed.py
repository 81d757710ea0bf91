"""The speed benchmark runs as documented, on a model of a few kilobytes."""

import re

import pytest

from benchmark.speed import engine, random_model
from benchmark.speed.random_model import Size
from inference.gguf_file import read_header

MICRO = Size(vocabulary=384, width=64, hidden=64, blocks=1, heads=2, context=512)


@pytest.fixture
def micro(tmp_path, monkeypatch):
    monkeypatch.setitem(random_model.SIZES, "micro", MICRO)
    return random_model.random_model(tmp_path, "micro")


def test_model_is_written_once_and_reproducibly(micro, tmp_path):
    stamp = micro.stat().st_mtime_ns
    assert random_model.random_model(tmp_path, "micro").stat().st_mtime_ns == stamp
    random_model.write(tmp_path / "again.gguf", MICRO)
    assert (tmp_path / "again.gguf").read_bytes() == micro.read_bytes()
    assert len(read_header(micro).tokens) == 384


def test_mid_has_the_size_it_says():
    count = 0
    for _, shape, _ in random_model._tensors(random_model.SIZES["mid"]):
        product = 1
        for length in shape:
            product *= length
        count += product
    assert count == pytest.approx(310e6, rel=0.03)


@pytest.mark.gguf
@pytest.mark.parametrize("more", [[], ["--cache", "unified"]])
def test_report_has_a_row_per_peer_and_width(micro, capsys, more):
    options = ["--model", str(micro), "--widths", "1,3", "--rounds", "2", "--prompt-tokens", "90", "--new-tokens", "8"]
    assert engine.main([*options, *more]) == 0
    out = capsys.readouterr().out
    rows = re.findall(r"^\| k=(\d) against (decoding alone|Llama).*\| (\d+\.\d\d) \| .* \| 2 \|$", out, re.M)
    assert [(k, peer) for k, peer, _ in rows] == [(k, p) for k in "13" for p in ("decoding alone", "Llama")]
    assert all(float(ratio) > 0 for *_, ratio in rows)
    assert "CPU seconds, 1 thread" in out
