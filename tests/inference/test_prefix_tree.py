"""The tree knows the longest held prefix, whatever was put and dropped."""

import random

from inference.prefix_tree import PrefixTree, as_tokens, common_length


def longest(held, tokens):
    return max((common_length(text, tokens) for text in held.values()), default=0)


def test_match_equals_a_search_over_all():
    draw = random.Random(4)
    tree, held = PrefixTree(), {}
    for _ in range(4_000):
        tokens = as_tokens([draw.randrange(3) for _ in range(draw.randrange(1, 12))])
        holder = draw.randrange(10)
        if draw.random() < 0.3:
            tree.drop(holder)
            held.pop(holder, None)
        elif draw.random() < 0.5:
            tree.put(holder, tokens)
            held[holder] = tokens
        length, holders = tree.match(tokens)
        assert length == longest(held, tokens)
        if length:
            assert set(holders) == {one for one, text in held.items() if common_length(text, tokens) == length}


def test_length_counts_each_prefix_once():
    tree = PrefixTree()
    tree.put(1, as_tokens([1, 2, 3, 4]))
    tree.put(2, as_tokens([1, 2, 9]))
    assert len(tree) == 5
    tree.drop(1)
    assert len(tree) == 3
    tree.drop(2)
    assert len(tree) == 0


def test_text_may_grow_and_shrink():
    tree = PrefixTree()
    for length in (1, 5, 3, 3, 8, 2):
        tree.put(7, as_tokens(range(length)))
        assert len(tree) == length
        assert tree.match(as_tokens(range(20))) == (length, (7,))
