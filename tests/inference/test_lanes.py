"""Shared cells or cells of their own: by what a step costs in both, at the lengths that are expected."""

import pytest

from inference.lanes import expected_lengths, streams_pay
from inference.width import CostCurve

SHARED = CostCurve(rows=(1, 4, 16), seconds=(0.5, 0.7, 2.4), per_cell=(0.0002, 0.00012))
OWN = CostCurve(rows=(1, 4, 16), seconds=(0.5, 0.5, 1.6), per_cell=(0.0002, 0.0004))


def test_a_small_model_shares():
    """It writes four texts at a time; at sixteen, cells of their own would be faster."""
    assert not streams_pay(1024, range(1, 17), SHARED, OWN)
    assert streams_pay(1024, range(16, 17), SHARED, OWN)


def test_the_faster_one_is_taken():
    faster = CostCurve(rows=OWN.rows, seconds=OWN.seconds, per_cell=(0.0001, 0.0002))
    assert streams_pay(1024, range(1, 17), SHARED, faster)


@pytest.mark.parametrize("which", [0, 1])
def test_what_was_not_timed_over_long_sequences_shares(which):
    curves = [SHARED, CostCurve(rows=(1, 16), seconds=(0.1, 0.1), per_cell=(0.0, 0.0))]
    curves[which] = CostCurve(rows=(1, 16), seconds=(9.0, 9.0))
    assert not streams_pay(1024, range(1, 17), *curves)


def test_expectation_fits_the_context():
    assert expected_lengths(1020) == (680, 204)
    assert expected_lengths(131_072) == (1024, 512)
