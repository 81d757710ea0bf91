"""The width follows the measured curve, which is measured once."""

import time
from contextlib import nullcontext

import pytest

from inference.toy import ToyBackend, toy_shape
from inference.width import MEASURED, CostCurve, WidthPolicy, _line, cached_curve, measure

TINY = CostCurve(rows=(1, 2, 4, 8, 16), seconds=(0.56, 0.52, 0.73, 1.28, 2.50), per_cell=(0.00003, 0.000137))
"""Milliseconds of an 8 M model on a processor."""
MEASURED_Q8 = CostCurve(rows=(1, 2, 4, 6, 8, 16), seconds=(15.8, 45.5, 56.5, 88.0, 76.0, 112.0))


def test_cost_is_linear_between_and_beyond():
    curve = CostCurve(rows=(1, 4), seconds=(1.0, 2.5))
    assert [curve.cost(rows) for rows in (1, 2, 4, 6)] == pytest.approx([1.0, 1.5, 2.5, 3.5])


def test_two_rows_that_cost_three_are_not_decoded_together():
    policy = WidthPolicy(16, MEASURED_Q8)
    assert [policy.rows(live) for live in (1, 2, 3, 4, 5, 6, 7, 8, 16)] == [1, 1, 1, 4, 5, 6, 7, 8, 16]


def test_flat_curve_takes_all():
    assert WidthPolicy(9, CostCurve(rows=(1, 8), seconds=(1.0, 1.1))).rows(9) == 9


def test_width_that_costs_more_than_it_brings_is_not_used():
    policy = WidthPolicy(9, CostCurve(rows=(1, 8), seconds=(1.0, 9.0)))
    assert policy.rows(9) == 1


def test_width_that_costs_nothing_is_used():
    """What is left over would be decoded later, in a smaller batch."""
    assert WidthPolicy(9, CostCurve(rows=(1, 8), seconds=(1.0, 8.0))).rows(9) == 9


@pytest.mark.parametrize(("texts", "width"), [(1, 1), (4, 4), (8, 4), (16, 4), (6, 6)])
def test_texts_in_a_shared_cache_are_written_some_after_others(texts, width):
    """Four and four: the last four are not in the way of the first ones."""
    policy = WidthPolicy(16, TINY)
    policy.expect(400, [400 + 64 * count for count in range(1, texts + 1)])
    assert policy.rows(texts) == width


def test_where_each_has_its_own_cells_they_are_written_together():
    policy = WidthPolicy(16, TINY)
    policy.expect(400, [464] * 16)
    assert policy.rows(16) == 16


def test_short_texts_are_written_together():
    policy = WidthPolicy(16, TINY)
    policy.expect(400, [400 + 2 * count for count in range(1, 17)])
    assert policy.rows(16) == 16


def test_fixed_width_is_not_chosen():
    policy = WidthPolicy(16, TINY, fixed=True)
    policy.expect(400, [400 + 64 * count for count in range(1, 17)])
    assert (policy.rows(16), policy.rows(99)) == (16, 16)


def test_more_texts_than_were_told_of_go_as_far_as_is_known():
    policy = WidthPolicy(16, MEASURED_Q8)
    policy.expect(0, [0.0] * 4)
    assert policy.rows(9) == 4
    policy.expect(0, [])
    assert policy.rows(9) == 0


def test_cells_make_a_step_dearer():
    curve = CostCurve(rows=(1, 4), seconds=(1.0, 2.5), per_cell=(0.02, 0.1))
    assert [curve.cost(rows, 10) for rows in (1, 2, 4)] == pytest.approx([2.2, 3.7, 6.7])


def test_a_falling_curve_does_not_fall_for_ever():
    assert CostCurve(rows=(1, 2), seconds=(2.0, 1.0)).cost(64) == 1.0


@pytest.mark.parametrize("shares", [True, False])
def test_longer_sequences_are_timed_where_the_context_holds_them(shares):
    def measured(context, cells, most=8):
        shape = toy_shape(sequences=8, cells=cells, context=cells if shares else context, shares=shares)
        backend = ToyBackend(shape)
        lengths = []
        decode = backend.decode

        def watched(batch, *, hidden=False):
            decode(batch, hidden=hidden)
            lengths.append(max(batch.positions[: batch.size]))

        backend.decode = watched
        return measure(backend, most, context), max(lengths)

    long, longest = measured(600, 8 * 600)
    assert long.per_cell is not None
    assert 384 <= longest < 512
    short, longest = measured(400, 8 * 600)
    assert short.per_cell is None
    assert longest < 400, "whatever the cache holds, the model holds no more"


def test_stray_reading_does_not_bend_the_line():
    points = {rows: 0.2 + 0.1 * rows for rows in (1, 2, 4, 8, 16, 32, 64)}
    assert _line(points) == pytest.approx((0.2, 0.1))
    assert _line(points | {4: 0.0}) == pytest.approx((0.2, 0.1), rel=0.05)
    assert _line(points | {1: 9.0}) == pytest.approx((0.2, 0.1), rel=0.05)
    assert _line({1: 0.3}) == (0.3, 0.0)
    assert _line({1: 0.3, 2: 0.1}) == (pytest.approx(0.2), 0.0)


def test_model_that_reads_slowly_is_not_timed_over_long_sequences(monkeypatch):
    backend = ToyBackend(toy_shape(sequences=8, cells=4800, context=600))
    monkeypatch.setattr("inference.width._MOST_READ_SECONDS", 0.0)
    assert measure(backend, 8, 600).per_cell is None


def test_what_cannot_be_forked_is_read_once_for_each_round():
    backend = ToyBackend(toy_shape(sequences=8, cells=4800, context=600, forks=False))
    curve = measure(backend, 8, 600)
    assert curve.per_cell is None
    rounds = backend.batches.count(8)
    assert backend.batches.count(32) <= 8 * rounds + rounds + 1


@pytest.mark.parametrize("forks", [True, False])
def test_measuring_leaves_the_cache_empty(forks):
    backend = ToyBackend(toy_shape(forks=forks))
    curve = measure(backend, 8, 256)
    assert (curve.rows, backend.cells_used) == (MEASURED, 0)
    assert min(curve.seconds) > 0


def test_curve_is_measured_once(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = cached_curve(("model", "build"), lambda: nullcontext(ToyBackend()), 8, 256, on_gpu=True)
    idle = ToyBackend()
    assert cached_curve(("model", "build"), lambda: nullcontext(idle), 8, 256, on_gpu=True) == first
    assert idle.rows_decoded == 0
    (stored,) = (tmp_path / "atlas" / "widths").iterdir()
    for broken in ("{", '{"rows": [1], "seconds": [1.0]}', '{"rows": [1], "seconds": [1.0], "per_cell": [0.1]}'):
        stored.write_text(broken, encoding="utf-8")
        before = idle.rows_decoded
        assert cached_curve(("model", "build"), lambda: nullcontext(idle), 8, 256, on_gpu=True).rows == first.rows
        assert idle.rows_decoded > before


def test_what_was_measured_on_a_busy_machine_is_not_kept(tmp_path, monkeypatch):
    """A curve of another machine's work would choose the width for ever."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    backend = ToyBackend()
    decode = backend.decode

    def held_up(batch, *, hidden=False):
        decode(batch, hidden=hidden)
        time.sleep(0.002)

    backend.decode = held_up
    assert cached_curve(("model", "build"), lambda: nullcontext(backend), 4, 256).rows == MEASURED
    assert not list(tmp_path.rglob("*.json"))


def test_folder_that_cannot_be_written_only_costs_time(tmp_path, monkeypatch):
    (tmp_path / "atlas").write_text("a file", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cached_curve(("model", "build"), lambda: nullcontext(ToyBackend()), 4, 256).rows == MEASURED
