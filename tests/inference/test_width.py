"""The width follows the measured curve, which is measured once."""

import pytest

from inference.toy import ToyBackend, toy_shape
from inference.width import CostCurve, WidthPolicy, cached_curve, measure

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
    assert (policy.most, policy.rows(9)) == (1, 1)


def test_width_that_costs_nothing_is_used():
    """What is left over would be decoded later, in a smaller batch."""
    assert WidthPolicy(9, CostCurve(rows=(1, 8), seconds=(1.0, 8.0))).rows(9) == 9


@pytest.mark.parametrize("forks", [True, False])
def test_measuring_leaves_the_cache_empty(forks):
    backend = ToyBackend(toy_shape(forks=forks))
    curve = measure(backend, 8)
    assert (curve.rows, backend.cells_used) == ((1, 2, 4, 8, 16, 32, 64), 0)
    assert min(curve.seconds) > 0


def test_curve_is_measured_once(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = cached_curve(("model", "build"), ToyBackend(), 8)
    idle = ToyBackend()
    assert cached_curve(("model", "build"), idle, 8) == first
    assert idle.rows_decoded == 0
    (stored,) = (tmp_path / "atlas" / "widths").iterdir()
    stored.write_text("{", encoding="utf-8")
    assert cached_curve(("model", "build"), idle, 8).rows == first.rows
    assert idle.rows_decoded > 0


def test_folder_that_cannot_be_written_only_costs_time(tmp_path, monkeypatch):
    (tmp_path / "atlas").write_text("a file", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cached_curve(("model", "build"), ToyBackend(), 4).rows == (1, 2, 4, 8, 16, 32, 64)
