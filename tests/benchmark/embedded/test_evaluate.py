import pytest

from benchmark.embedded.evaluate import ProblemResult, interval, summarise


def result(*, shown=(True,), solves=(True,), tests=(), vague=False, depth=2, greedy=True):
    return ProblemResult(
        task_id="t",
        vague=vague,
        depth=depth,
        greedy=greedy,
        greedy_plain=greedy,
        passes_examples=shown,
        solves=solves,
        tests=tests,
        tokens=10,
    )


@pytest.mark.parametrize(
    ("shown", "solves", "right"),
    [
        pytest.param((False, True), (False, True), True, id="first-that-passes"),
        pytest.param((True, True), (False, True), False, id="passes-and-is-wrong"),
        pytest.param((False, False), (False, False), False, id="none-passes"),
    ],
)
def test_the_first_sample_that_passes_the_examples_is_chosen(shown, solves, right):
    assert result(shown=shown, solves=solves).chosen is right


def test_interval_holds_its_mean_and_is_reproducible():
    mean, low, high = interval([1.0] * 30 + [0.0] * 70)
    assert (mean, low < mean < high) == (30.0, True)
    assert interval([1.0, 0.0, 1.0]) == interval([1.0, 0.0, 1.0])


def test_gain_is_paired():
    results = [result(shown=(False, True), solves=(False, True))] * 10 + [
        result(shown=(True, True), solves=(True, True))
    ] * 10
    table = summarise(results)
    assert table["first sample"][0] == 50.0
    assert table["best by examples"][0] == 100.0
    assert table["best by examples minus first sample"][0] == 50.0


def test_precision_counts_tests_not_problems():
    table = summarise([result(tests=((True, True), (False, False))), result(tests=((False, False),))])
    assert table["raw self-tests"]["right"][0] == 33.3
    assert table["confirmed self-tests"] == {"kept": 1, "right": (100.0, 100.0, 100.0)}


def test_no_confirmed_test_is_no_precision():
    assert summarise([result()])["confirmed self-tests"] == {"kept": 0}


def test_explicit_and_vague_are_apart():
    table = summarise([result(vague=True, greedy=False), result(), result(depth=3)])
    assert (table["explicit"]["greedy"][0], table["vague"]["greedy"][0]) == (100.0, 0.0)
    assert table["depth 2"]["n"] == 2
