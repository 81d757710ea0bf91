"""A truncation rule keeps what its definition says."""

import numpy as np
import pytest

from inference.truncation import Truncation, allowed

ROW = np.log(np.array([0.05, 0.5, 0.2, 0.15, 0.1], np.float32))


@pytest.mark.parametrize(
    ("rule", "ids"),
    [
        pytest.param(Truncation(), [1, 2, 3, 4, 0], id="nothing"),
        pytest.param(Truncation(top_k=2), [1, 2], id="top-k"),
        pytest.param(Truncation(top_p=0.6), [1, 2], id="top-p"),
        pytest.param(Truncation(top_p=0.1), [1], id="one-always-stays"),
        pytest.param(Truncation(min_p=0.25), [1, 2, 3], id="min-p"),
        pytest.param(Truncation(epsilon=0.12), [1, 2, 3], id="epsilon"),
        pytest.param(Truncation(epsilon=0.9), [1], id="epsilon-keeps-one"),
        pytest.param(Truncation(top_k=3, top_p=0.6), [1, 2], id="top-p-of-top-k"),
    ],
)
def test_rule_keeps(rule, ids):
    kept, shares = allowed(ROW, rule)
    assert kept.tolist() == ids
    assert shares.sum() == pytest.approx(1.0)
    assert (np.diff(shares) <= 0).all()


def test_temperature_comes_before_the_rule():
    assert len(allowed(ROW, Truncation(min_p=0.25, temperature=4.0))[0]) > len(allowed(ROW, Truncation(min_p=0.25))[0])
