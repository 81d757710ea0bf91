"""The toy is strict: what would end llama.cpp's process is an error, and every cell counts."""

import numpy as np
import pytest

from inference.backend import Batch, NoRoomError, Sampling
from inference.base import ModelError
from inference.outputs import Outputs
from inference.toy import ToyBackend, toy_shape


def feed(backend, sequence, position, tokens):
    batch = Batch(64)
    row = batch.add(sequence, position, list(tokens), 1)
    backend.decode(batch)
    return backend.outputs().logits[row].copy()


def test_row_depends_on_every_token_before_it():
    backend = ToyBackend()
    first = feed(backend, 0, 0, b"abc")
    assert not np.array_equal(first, feed(backend, 1, 0, b"xbc"))
    assert np.array_equal(first, feed(backend, 2, 0, b"abc"))


def test_copied_prefix_goes_on_as_its_source():
    backend = ToyBackend()
    whole = feed(backend, 0, 0, b"abcdef")
    backend.copy(0, 1, 3)
    assert np.array_equal(whole, feed(backend, 1, 3, b"def"))
    assert backend.cells_used == 9


@pytest.mark.parametrize(
    ("position", "tokens"),
    [
        pytest.param(1, b"a", id="gap"),
        pytest.param(0, [999], id="unknown-token"),
        pytest.param(0, b"", id="empty"),
    ],
)
def test_bad_batch_is_refused(position, tokens):
    with pytest.raises(ModelError):
        feed(ToyBackend(), 0, position, tokens)


def test_full_cache_changes_nothing():
    backend = ToyBackend(toy_shape(cells=4))
    feed(backend, 0, 0, b"abc")
    with pytest.raises(NoRoomError):
        feed(backend, 1, 0, b"ab")
    assert backend.cells_used == 3


def test_memory_that_cannot_forget_a_part_says_so():
    backend = ToyBackend(toy_shape(forks=False))
    feed(backend, 0, 0, b"abc")
    for act in (lambda: backend.trim(0, 1), lambda: backend.copy(0, 1, 2), lambda: backend.grammar("root ::= [a]")):
        with pytest.raises(ModelError):
            act()
    backend.trim(0, 0)
    assert backend.cells_used == 0


def test_draws_follow_the_seed_and_the_ban():
    row = np.zeros(259, np.float32)
    backend = ToyBackend()
    assert [backend.sampler(Sampling(seed=5)).draw(Outputs(row[None]), 0) for _ in range(2)] == [
        backend.sampler(Sampling(seed=5)).draw(Outputs(row[None]), 0)
    ] * 2
    row[7] = 50.0
    assert backend.sampler(Sampling(temperature=0.0)).draw(Outputs(row[None]), 0) == 7
    assert backend.sampler(Sampling(temperature=0.0, banned=(7,))).draw(Outputs(row[None]), 0) != 7
