"""The learned Lens on runs where token confidence tells what the crowd does not, and on runs where nothing tells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmark.lens import TooLittleError, fit, judge, rows_of
from benchmark.report.lens_section import lens_section
from nodes.learned_lens import FEATURES, as_text
from tests.benchmark.plain_runs import a_run

RULE = "largest example-passing cluster"


def confident(n):
    """Return problems where the crowd is wrong and the one right program was written with confidence."""
    return [a_run(["close", "close", "good", "bad"], f"t{i}", (0.2, 0.3, 0.9, 0.1), votes=()) for i in range(n)]


def blind(n, seed=0):
    """Return problems whose right programs look like the wrong ones."""
    draw = np.random.default_rng(seed)
    kinds = [("close", "good"), ("good", "close")]
    return [a_run(kinds[draw.integers(2)], f"t{i}", (0.5, 0.5), votes=()) for i in range(n)]


@pytest.fixture(scope="module")
def fitted():
    return fit(confident(24), model="m", data="d")


def test_what_tells_right_from_wrong_is_found_on_other_problems(fitted):
    lens, judged = fitted
    assert judged.accuracy["learned Lens"].value == 1.0
    assert judged.accuracy[RULE].value == 0.0
    assert judged.accuracy["random"].value == 0.25
    assert judged.auroc.value == 1.0
    assert lens.weights[FEATURES.index("token confidence")] > 0
    assert lens.is_better


def test_a_lens_that_does_not_choose_better_says_so():
    lens, judged = fit(blind(30), model="m", data="d")
    assert not lens.is_better
    assert judged.gain.low <= 0 <= judged.gain.high


def test_estimates_are_calibrated_where_nothing_tells():
    _, judged = fit(blind(40), model="m", data="d")
    assert np.mean([one.p for one in judged.stated["learned"]]) == pytest.approx(0.5, abs=0.1)


def test_no_problem_is_judged_by_a_lens_that_saw_it(monkeypatch):
    seen = []
    monkeypatch.setattr("benchmark.lens.judge", lambda pairs: seen.extend(pairs) or judge(pairs))
    honest = confident(20)
    fit(honest, model="m", data="d")
    # A problem whose answer is turned over changes every Lens but the one that judges it.
    turned = [
        *honest[:-1],
        replace(honest[-1], verdicts={k: replace(v, right=not v.right) for k, v in honest[-1].verdicts.items()}),
    ]
    before, seen[:] = {g.sheet.name: lens for g, lens in seen}, []
    fit(turned, model="m", data="d")
    after = {g.sheet.name: lens for g, lens in seen}
    assert after["t19"] == before["t19"]
    others = [name for name in before if after[name] != before[name]]
    assert len(others) == 16


def test_every_problem_weighs_the_same():
    rows = rows_of([a_run(["good"], "one"), a_run(["good", "bad", "close", "bad"], "four")])
    assert rows.weights.sum() == pytest.approx(2.0)
    assert rows.values.shape == (1 + 1 + 2 + 4, len(FEATURES))


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        (confident(3), "3 problems are too few"),
        ([a_run(["good"], str(i)) for i in range(12)], "all programs are right"),
    ],
    ids=["few", "one-sided"],
)
def test_what_cannot_be_fitted_is_one_line(runs, said):
    with pytest.raises(TooLittleError, match=said):
        fit(runs, model="m", data="d")


def test_the_section_shows_chance_and_plain_rules_beside_it(fitted):
    section = lens_section(*fitted, "5 folds")
    rows = [row[0].text for table in section.tables for row in table.rows]
    assert {"random", RULE, "plain Lens", "learned Lens"} <= set(rows)
    assert "uses it" in section.text
    kept = [row for table in section.tables if table.title.startswith("Abstaining") for row in table.rows]
    assert [row[1].value for row in kept] == sorted((row[1].value for row in kept), reverse=True)


def test_the_file_holds_coefficients_and_no_text_of_a_problem(fitted):
    text = as_text(fitted[0])
    assert "returns x + 1" not in text
    assert "close" not in text
    assert len(text) < 2000
