"""Distinct leaf enumeration (arXiv 2604.20500): k different answers, the likeliest branches first, without drawing.

Truncation prunes the tree of token sequences. The first leaf follows the likeliest allowed token to the end; at every
step the other allowed tokens are noted with the probability of the path that would take them. Each further leaf starts
at the noted branch that the policy prefers, and goes on greedily. Branches share the cache of the path before them, and
several are decoded in one batch.

Read differently than printed, as the paper leaves it open: probabilities are renormalised over what the rule allows,
after the temperature; a round of branches is chosen before any of it is decoded, so that the result does not depend on
timing; a branch ends early when its last `early_stop` tokens stand in the same order anywhere in a leaf that it shares
its beginning with, after the fork; such a branch is no leaf and adds nothing to the coverage.

Limits: acts on answers, thinking off. Needs a model whose cache can be forked.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Literal

from inference.backend import Backend
from inference.base import ModelError, Stop
from inference.decoding import TextTail, Vocabulary
from inference.job import Job
from inference.outputs import Outputs, Row
from inference.prefix_tree import as_tokens
from inference.truncation import Truncation, allowed

Policy = Literal["probfirst", "divfirst", "randbranch"]
NgramSet = set[tuple[int, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafSearch:
    """How leaves are looked for."""

    leaves: int
    """Most leaves."""
    max_tokens: int
    """Most tokens of a leaf."""
    rule: Truncation = Truncation(min_p=0.1)
    policy: Policy = "probfirst"
    """`probfirst`: the likeliest path to the branch; `divfirst`: the earliest fork; `randbranch`: any."""
    early_stop: int = 10
    """Equal tokens in a row that end a branch; 0 never does."""
    together: int = 8
    """Branches that are decoded at the same time."""
    seed: int = 0
    """Of `randbranch`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One answer."""

    tokens: tuple[int, ...]
    text: str
    stop: Stop
    log_probability: float
    """Of the whole path in the truncated distribution, in nats."""
    fork: int
    """Place of the token at which it left an earlier leaf; 0 for the first leaf."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaves:
    """What was found."""

    leaves: tuple[Leaf, ...]
    tokens: int
    """Tokens that were decoded for it, early stops included."""
    stopped_early: int
    exhausted: bool
    """No branch is left: these are all leaves of the truncated tree."""

    def coverage(self, first: int | None = None) -> float:
        """Return m_k: the probability of the first k leaves together in the truncated distribution."""
        return sum(exp(leaf.log_probability) for leaf in self.leaves[:first])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Branch:
    """A place from which a leaf can start, and the probability of getting there."""

    path: Sequence[int]
    """Tokens of the leaf that the branch leaves, which is one list for all its branches."""
    fork: int
    """Tokens of it that the branch keeps."""
    token: int
    """The other token, taken there; -1 at the root."""
    log_probability: float

    @property
    def prefix(self) -> tuple[int, ...]:
        """The tokens before and at the fork."""
        return () if self.token < 0 else (*self.path[: self.fork], self.token)


class _Climber:
    """Follows one branch greedily to its leaf and notes the branches it passes; a controller of the scheduler."""

    def __init__(self, vocabulary: Vocabulary, search: LeafSearch, branch: _Branch, siblings: NgramSet) -> None:
        self.branch = branch
        self.tokens = list(branch.prefix)
        self.log_probability = branch.log_probability
        self.seen: list[_Branch] = []
        self.decoded = 0
        self.early = False
        self._vocabulary = vocabulary
        self._search = search
        self._siblings = siblings

    @property
    def spent(self) -> int:
        """Tokens decoded for this branch."""
        return self.decoded

    def advance(self, outputs: Outputs, at: int, hidden: Row | None = None) -> tuple[int, ...] | Stop:
        """Take the likeliest allowed token and note the others."""
        if self.tokens and self._vocabulary.ends_text(self.tokens[-1]):
            return "end"
        if len(self.tokens) >= self._search.max_tokens:
            return "length"
        ids, shares = allowed(outputs.logits[at], self._search.rule)
        for token, share in zip(ids[1:].tolist(), shares[1:].tolist(), strict=True):
            passed = self.log_probability + log(share)
            self.seen.append(_Branch(path=self.tokens, fork=len(self.tokens), token=token, log_probability=passed))
        token = int(ids[0])
        self.log_probability += log(float(shares[0]))
        self.tokens.append(token)
        self.decoded += 1
        if self._vocabulary.ends_text(token):
            return "end"
        if len(self.tokens) >= self._search.max_tokens:
            return "length"
        if self._repeats():
            self.early = True
            return "cancelled"
        return (token,)

    def close(self) -> None:
        """Hold nothing."""

    def _repeats(self) -> bool:
        length = self._search.early_stop
        own = len(self.tokens) - self.branch.fork
        return 0 < length <= own and tuple(self.tokens[-length:]) in self._siblings


class LeafEnumeration:
    """A search over one prompt; `run` hands rounds of jobs to an engine."""

    def __init__(self, backend: Backend, prompt: Sequence[int], search: LeafSearch) -> None:
        """Start at the root.

        Raises:
            ModelError: the model's cache cannot be forked.
        """
        if not backend.shape.can_fork:
            raise ModelError(
                "this model keeps a recurrent or sliding-window state that cannot be forked: "
                "draw samples instead of enumerating leaves"
            )
        self._backend = backend
        self._prompt = tuple(prompt)
        self._search = search
        self._random = random.Random(search.seed)
        self._frontier: list[tuple[tuple[float, ...], int, _Branch]] = []
        self._branches = 0
        self._leaves: list[Leaf] = []
        self._tokens = self._early = 0

    def run(self, decode: Callable[[Sequence[Job]], tuple[Stop, ...]]) -> Leaves:
        """Return the leaves; `decode` runs jobs to their ends, and may end early with `deadline` or `cancelled`."""
        self._note(_Branch(path=(), fork=0, token=-1, log_probability=0.0))
        going = True
        while going and self._frontier and len(self._leaves) < self._search.leaves:
            wanted = 1 if not self._leaves else min(self._search.together, self._search.leaves - len(self._leaves))
            chosen = [heapq.heappop(self._frontier)[2] for _ in range(min(wanted, len(self._frontier)))]
            climbers = [self._climber(branch) for branch in chosen]
            stops = decode([self._job(climber) for climber in climbers])
            for climber, stop in zip(climbers, stops, strict=True):
                self._take(climber, stop)
            going = all(
                stop in {"end", "length"} or climber.early for climber, stop in zip(climbers, stops, strict=True)
            )
        return Leaves(
            leaves=tuple(self._leaves),
            tokens=self._tokens,
            stopped_early=self._early,
            exhausted=going and not self._frontier,
        )

    def _climber(self, branch: _Branch) -> _Climber:
        siblings: NgramSet = set()
        length = self._search.early_stop
        if length:
            for leaf in self._leaves:
                if leaf.tokens[: branch.fork] == tuple(branch.path[: branch.fork]):
                    after = leaf.tokens[branch.fork :]
                    siblings |= {after[at : at + length] for at in range(len(after) - length + 1)}
        return _Climber(self._backend, self._search, branch, siblings)

    def _job(self, climber: _Climber) -> Job:
        prompt = as_tokens((*self._prompt, *climber.branch.prefix))
        most = len(self._prompt) + self._search.max_tokens
        return Job(prompt=prompt, controller=climber, most_tokens=max(most, len(prompt)), keep="all")

    def _take(self, climber: _Climber, stop: Stop) -> None:
        self._tokens += climber.decoded
        self._early += climber.early
        if not climber.early:
            self._leaves.append(self._leaf(climber, stop))
        for branch in climber.seen:
            self._note(branch)

    def _leaf(self, climber: _Climber, stop: Stop) -> Leaf:
        tail = TextTail()
        for token in climber.tokens:
            tail.add(self._backend.piece(token))
        return Leaf(
            tokens=tuple(climber.tokens),
            text=tail.text,
            stop=stop,
            log_probability=climber.log_probability,
            fork=climber.branch.fork,
        )

    def _note(self, branch: _Branch) -> None:
        self._branches += 1
        key: tuple[float, ...] = (-branch.log_probability,)
        if self._search.policy == "divfirst":
            key = (branch.fork, -branch.log_probability)
        elif self._search.policy == "randbranch":
            key = (self._random.random(),)
        heapq.heappush(self._frontier, (key, self._branches, branch))
