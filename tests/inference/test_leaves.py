"""Enumerated leaves are distinct, greedy below their forks, and their probabilities are those of the tree."""

from itertools import product
from math import exp, log

import pytest

from inference.backend import Batch
from inference.base import ModelError
from inference.leaves import LeafEnumeration, LeafSearch
from inference.toy import STOP, ToyBackend, toy_shape
from inference.truncation import Truncation, allowed
from tests.inference.toy_jobs import scheduler_over

PROMPT = b"a question"
NARROW = Truncation(top_k=2)


def enumerate_leaves(backend, search, width=8):
    scheduler = scheduler_over(backend, width)

    def decode(jobs):
        stops = {}
        for job in jobs:
            job.on_end = lambda stop, job=job: stops.__setitem__(id(job), stop)
            scheduler.submit(job)
        while scheduler.busy:
            scheduler.step()
        return tuple(stops[id(job)] for job in jobs)

    return LeafEnumeration(backend, list(PROMPT), search).run(decode), scheduler


def whole_tree(depth, rule):
    """Every path of the truncated tree with its probability, by brute force in an empty back end."""
    backend, batch = ToyBackend(toy_shape(context=64)), Batch(64)
    found = {}

    def climb(path, share):
        if len(path) == depth or (path and path[-1] == STOP):
            found[path] = share
            return
        backend.trim(0, 0)
        batch.clear()
        row = batch.add(0, 0, [*PROMPT, *path], 1)
        backend.decode(batch)
        ids, shares = allowed(backend.outputs().logits[row], rule)
        for token, part in zip(ids.tolist(), shares.tolist(), strict=True):
            climb((*path, token), share * part)

    climb((), 1.0)
    return found


@pytest.mark.parametrize("policy", ["probfirst", "divfirst", "randbranch"])
@pytest.mark.parametrize("together", [1, 5])
def test_whole_tree_is_enumerated_once(policy, together):
    search = LeafSearch(leaves=99, max_tokens=5, rule=NARROW, policy=policy, early_stop=0, together=together)
    found, _ = enumerate_leaves(ToyBackend(), search)
    tree = whole_tree(5, NARROW)
    assert {leaf.tokens: pytest.approx(exp(leaf.log_probability)) for leaf in found.leaves} == tree
    assert len(found.leaves) == len(tree)
    assert (found.exhausted, found.coverage()) == (True, pytest.approx(1.0))


def test_first_leaf_is_the_greedy_path():
    search = LeafSearch(leaves=6, max_tokens=12, rule=NARROW, early_stop=0)
    found, _ = enumerate_leaves(ToyBackend(), search)
    backend, batch, path = ToyBackend(), Batch(64), []
    for _ in range(12):
        backend.trim(0, 0)
        batch.clear()
        row = batch.add(0, 0, [*PROMPT, *path], 1)
        backend.decode(batch)
        path.append(int(backend.outputs().logits[row].argmax()))
    assert list(found.leaves[0].tokens) == path
    assert len({leaf.tokens for leaf in found.leaves}) == 6
    assert found.coverage(1) < found.coverage(3) < found.coverage()


def test_probfirst_takes_the_likeliest_branch():
    search = LeafSearch(leaves=2, max_tokens=4, rule=NARROW, early_stop=0)
    second = enumerate_leaves(ToyBackend(), search)[0].leaves[1]
    tree = whole_tree(4, NARROW)
    first = max(tree, key=lambda path: len(path) and path == enumerate_leaves(ToyBackend(), search)[0].leaves[0].tokens)

    def to_the_fork(fork):
        return sum(share for path, share in tree.items() if path[:fork] == first[:fork] and path[fork] != first[fork])

    assert to_the_fork(second.fork) == pytest.approx(max(to_the_fork(fork) for fork in range(len(first))))


def test_divfirst_forks_as_early_as_it_can():
    search = LeafSearch(leaves=2, max_tokens=12, rule=NARROW, policy="divfirst", early_stop=0)
    assert enumerate_leaves(ToyBackend(), search)[0].leaves[1].fork == 0


def test_branches_read_only_what_they_do_not_share():
    search = LeafSearch(leaves=16, max_tokens=30, rule=NARROW, early_stop=0, policy="probfirst")
    backend = ToyBackend(toy_shape(sequences=40, cells=4096))
    found, scheduler = enumerate_leaves(backend, search)
    nodes = {leaf.tokens[:depth] for leaf, depth in product(found.leaves, range(31))}
    assert scheduler.counts().rows <= len(PROMPT) + len(nodes)


class Forgetful(ToyBackend):
    """Knows its last token only, so that every branch soon says what another one said."""

    def _append(self, sequence, token, position):
        cell = super()._append(sequence, token, position)
        cell.state = token
        return cell


def test_branch_that_falls_back_into_a_leaf_ends_early():
    def found(early_stop):
        search = LeafSearch(leaves=6, max_tokens=60, rule=NARROW, early_stop=early_stop)
        return enumerate_leaves(Forgetful(toy_shape(sequences=40, cells=4096)), search)[0]

    stopping, free = found(10), found(0)
    assert stopping.stopped_early > 0
    assert free.stopped_early == 0
    spent = stopping.tokens / (len(stopping.leaves) + stopping.stopped_early)
    assert spent < 0.9 * free.tokens / len(free.leaves)
    assert stopping.leaves[0] == free.leaves[0]


def test_model_that_cannot_fork_is_refused():
    with pytest.raises(ModelError, match="cannot be forked"):
        LeafEnumeration(ToyBackend(toy_shape(forks=False)), list(PROMPT), LeafSearch(leaves=2, max_tokens=4))


def test_uniform_branches_have_equal_probabilities():
    leaves = enumerate_leaves(ToyBackend(), LeafSearch(leaves=9, max_tokens=1, rule=Truncation(top_k=9)))[0].leaves
    assert [leaf.fork for leaf in leaves] == [0] * 9
    assert all(leaf.log_probability <= log(1.0) for leaf in leaves)
