"""A radix tree over token ids: which sequences hold a prefix in their cache.

A node is a run of tokens and the ids of the sequences that hold all of it. A match may end inside a run, since whoever
holds the run holds its beginning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.int32]


def as_tokens(tokens: Sequence[int]) -> Tokens:
    """Return token ids as an array."""
    return np.asarray(tokens, np.int32)


def common_length(left: Tokens, right: Tokens) -> int:
    """Return the length of the longest common prefix."""
    shorter = min(len(left), len(right))
    differing = left[:shorter] != right[:shorter]
    at = int(differing.argmax()) if shorter else 0
    return at if shorter and differing[at] else shorter


class _Node:
    """A run of tokens below its parent."""

    __slots__ = ("children", "holders", "run")

    def __init__(self, run: Tokens, holders: set[int]) -> None:
        self.run = run
        self.holders = holders
        self.children: dict[int, _Node] = {}

    def split(self, at: int) -> None:
        """Cut the run; the tail becomes the only child."""
        tail = _Node(self.run[at:], set(self.holders))
        tail.children = self.children
        self.children = {int(tail.run[0]): tail}
        self.run = self.run[:at]


class PrefixTree:
    """Longest prefixes of token sequences."""

    def __init__(self) -> None:
        """Start empty."""
        self._root = _Node(as_tokens(()), set())
        self._texts: dict[int, Tokens] = {}

    def __contains__(self, holder: int) -> bool:
        return holder in self._texts

    def __len__(self) -> int:
        """Count the distinct tokens, each prefix once."""
        return sum(len(node.run) for node in self._nodes())

    def text(self, holder: int) -> Tokens:
        """Return what a holder holds."""
        return self._texts[holder]

    def put(self, holder: int, tokens: Tokens) -> None:
        """Say that `holder` holds exactly these tokens, whatever it held before."""
        before = self._texts.get(holder)
        if before is not None and (len(before) > len(tokens) or common_length(before, tokens) < len(before)):
            self.drop(holder)
        self._texts[holder] = tokens
        node, at = self._root, 0
        while at < len(tokens):
            child = node.children.get(int(tokens[at]))
            if child is None:
                child = node.children[int(tokens[at])] = _Node(tokens[at:], set())
            shared = common_length(child.run, tokens[at:])
            if shared < len(child.run):
                child.split(shared)
            child.holders.add(holder)
            node, at = child, at + shared

    def drop(self, holder: int) -> None:
        """Forget a holder and every run that nobody else holds."""
        tokens = self._texts.pop(holder, as_tokens(()))
        node, at = self._root, 0
        while at < len(tokens):
            first = int(tokens[at])
            child = node.children[first]
            child.holders.discard(holder)
            at += len(child.run)
            if not child.holders:
                del node.children[first]
                return
            node = child

    def match(self, tokens: Tokens) -> tuple[int, tuple[int, ...]]:
        """Return the length of the longest prefix that somebody holds, and who holds it."""
        node, at = self._root, 0
        while at < len(tokens):
            child = node.children.get(int(tokens[at]))
            if child is None:
                break
            shared = common_length(child.run, tokens[at:])
            node, at = child, at + shared
            if shared < len(child.run):
                break
        return at, tuple(sorted(node.holders))

    def _nodes(self) -> Iterator[_Node]:
        open_nodes = list(self._root.children.values())
        while open_nodes:
            node = open_nodes.pop()
            yield node
            open_nodes += node.children.values()
