"""Shared cells or cells of their own: measured once, kept, and never where it would tell nothing."""

import json

import pytest

from inference.lanes import expected_lengths, step_seconds, streams_pay
from inference.llama import Layout
from inference.toy import ToyBackend, toy_shape

SHARED = Layout(sequences=8, cells=1024, rows=64, outputs=64, unified=True)
OWN = Layout(sequences=8, cells=8 * 256, rows=64, outputs=64, unified=False)
KEY = ("model", "build")


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "atlas" / "widths"


def opener(**options):
    opened = []

    def open_(layout):
        cells, shares = layout.cells, layout.unified
        opened.append(ToyBackend(toy_shape(sequences=8, cells=cells, shares=shares, **options)))
        return opened[-1]

    return open_, opened


def test_both_are_timed_once_and_closed():
    open_, opened = opener()
    first = streams_pay(KEY, 256, (SHARED, OWN), open_)
    assert [(backend.shape.shares_cells, backend.closed) for backend in opened] == [(True, True), (False, True)]
    assert all(backend.batches.count(8) >= 12 for backend in opened)
    assert streams_pay(KEY, 256, (SHARED, OWN), open_) == first
    assert len(opened) == 2


def test_what_was_measured_decides(kept):
    kept.mkdir(parents=True)
    open_, opened = opener()
    for pays in (True, False):
        (kept / "model-build-lanes.json").write_text(json.dumps({"streams": pays}), encoding="utf-8")
        assert streams_pay(KEY, 256, (SHARED, OWN), open_) is pays
    assert opened == []


def test_the_faster_one_is_taken(kept):
    open_, _ = opener()
    pays = streams_pay(KEY, 256, (SHARED, OWN), open_)
    (stored,) = kept.iterdir()
    shared, own = json.loads(stored.read_text(encoding="utf-8"))["seconds"]
    assert pays == (own < shared)


def test_memory_that_cannot_be_forked_is_not_measured():
    open_, opened = opener(forks=False)
    assert not streams_pay(KEY, 256, (SHARED, OWN), open_)
    assert all(backend.closed for backend in opened)


@pytest.mark.parametrize("shares", [True, False])
def test_texts_of_the_expected_lengths_are_read(shares):
    backend = ToyBackend(toy_shape(sequences=4, cells=2048, context=256, shares=shares))
    assert step_seconds(backend, 100, 40) > 0
    assert [backend.length(sequence) for sequence in range(4)] == [100 + 20 + 12] * 4


def test_expectation_fits_the_context():
    assert expected_lengths(1024) == (256, 128)
    assert expected_lengths(131_072) == (1024, 512)
