import random

import pytest

from benchmark.embedded.chains import (
    Step,
    TooLargeError,
    behaviour,
    evaluate,
    is_held_out,
    may_train,
    mutate,
    random_chain,
    trained_behaviours,
)
from benchmark.embedded.primitives import PRIMITIVES, TAKING, function_of, twins
from benchmark.embedded.values import empty_value, random_value

KINDS = ("twin", "other", "parameter", "missing", "swapped")


def step(words, parameter=0):
    (primitive,) = (p for p in PRIMITIVES if p.name == words)
    return Step(primitive=primitive, parameter=parameter)


def test_names_are_unique():
    assert len({p.name for p in PRIMITIVES}) == len(PRIMITIVES)


@pytest.mark.parametrize("primitive", PRIMITIVES, ids=lambda p: p.name)
def test_every_primitive_takes_the_empty_value_and_keeps_its_input(primitive):
    rng = random.Random(primitive.name)
    for k in primitive.parameters or (0,):
        function_of(primitive.name, k)(empty_value(primitive.takes))
        value = random_value(primitive.takes, rng)
        before = repr(value)
        function_of(primitive.name, k)(value)
        assert repr(value) == before


@pytest.mark.parametrize("primitive", [p for p in PRIMITIVES if p.group], ids=lambda p: p.name)
def test_twins_share_a_vague_phrase_and_differ(primitive):
    for k in primitive.parameters or (0,):
        for twin in twins(primitive.name, k):
            assert twin.vague == primitive.vague
            own, other = (Step(primitive=p, parameter=k) for p in (primitive, twin))
            assert behaviour((own,)) != behaviour((other,))


def test_chain_runs_in_order():
    chain = (step("I: remove duplicates, keeping the last of each"), step("I: take the first {k} numbers", 2))
    assert evaluate(chain, [10, 20, 2, 10, 19]) == [20, 2]


def test_values_outside_the_limits_are_refused():
    square = step("i: square it")
    with pytest.raises(TooLargeError):
        evaluate((square, square, square), 90)


@pytest.mark.parametrize("kind", KINDS)
def test_mutations_differ_and_never_hold_an_unseen_pair(kind):
    rng, made = random.Random(kind), 0
    while made < 100:
        chain = random_chain(rng.randint(2, 4), rng, 0.4)
        mutated = mutate(chain, kind, rng) if chain else None
        if mutated is not None:
            made += 1
            assert may_train(mutated)
            assert mutated != chain or kind == "swapped"  # two equal neighbours swap to themselves


def test_unseen_pairs_that_behave_like_trained_chains_are_no_held_out_problems():
    dropped = 0
    for first in TAKING["I"]:
        for second in TAKING[first.gives]:
            chain = tuple(Step(primitive=p, parameter=(p.parameters or (0,))[0]) for p in (first, second))
            if not may_train(chain) and behaviour(chain) in trained_behaviours("I"):
                dropped += 1
                assert not is_held_out(chain)
    assert dropped > 0
