"""Sampling in C: llama.cpp's chains over the few tokens that can be drawn, and its grammars token by token.

A chain passes over the whole vocabulary unless something cuts it before. Where `top_k` or `min_p` cuts the tail of a
larger vocabulary anyway, NumPy finds the candidates first (`Outputs.likeliest`, or all within a margin where `min_p`
cuts alone), so that the same chain draws the same token from a few dozen.

Limits: without `top_k` or `min_p` a draw passes over the whole vocabulary (1.4 ms for 152 000 tokens).
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from math import isfinite, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.backend import Sampling
from inference.base import ModelError, RequestRefusedError
from inference.outputs import Outputs, Row

PENALISED_TOKENS = 64
_MOST_GRAMMARS = 16
_RANDOM_SEED = 0xFFFFFFFF
_LEAST_CUT = 2048
"""A chain passes over a smaller vocabulary faster than NumPy cuts it."""
_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class Candidates:
    """The array that a chain works on, made once per context."""

    def __init__(self, library: Any, vocabulary: int) -> None:
        """Reserve room for a whole vocabulary."""
        self._array = np.zeros(vocabulary, _CANDIDATE)
        self._all = np.arange(vocabulary, dtype=np.int32)
        self._ids = self._array["id"]
        self._logits = self._array["logit"]
        self._struct = library.llama_token_data_array()
        self._data = ctypes.cast(self._array.ctypes.data, ctypes.POINTER(library.llama_token_data))
        self._pointer = ctypes.byref(self._struct)
        self._apply = library.llama_sampler_apply

    def choose(self, chain: Any, ids: NDArray[np.int64] | None, logits: Row) -> int:
        """Run a chain that draws over tokens and their logits, a whole row when `ids` is None; return the token."""
        self.apply(chain, ids, logits)
        token: int = self._ids[self._struct.selected].item()
        return token

    def apply(self, chain: Any, ids: NDArray[np.int64] | None, logits: Row) -> None:
        """Run a sampler over tokens and their logits, a whole row when `ids` is None."""
        size = logits.size
        self._ids[:size] = self._all[:size] if ids is None else ids
        self._logits[:size] = logits
        self._run(chain, size)

    def spares(self, chain: Any, token: int) -> bool:
        """Say whether a sampler that masks leaves a token."""
        self._ids[0], self._logits[0] = token, 0.0
        self._run(chain, 1)
        return bool(np.isfinite(self._logits[0]))

    def _run(self, chain: Any, size: int) -> None:
        struct = self._struct
        struct.data, struct.size, struct.selected, struct.sorted = self._data, size, -1, False
        self._apply(chain, self._pointer)

    def logits(self, size: int) -> NDArray[np.float32]:
        """Return the first logits after `apply`, in the order of their places."""
        return self._logits[:size]


class LlamaSampler:
    """A chain of one sequence."""

    def __init__(self, library: Any, candidates: Candidates, vocabulary: int, sampling: Sampling) -> None:
        """Build the chain: penalties, top_k, top_p, min_p, temperature, draw."""
        self._lib = library
        self._candidates = candidates
        self._banned = np.asarray(sampling.banned, np.int64)
        self._penalises = sampling.penalises
        self._greedy = sampling.temperature <= 0 and not sampling.penalises
        self._least, self._margin = _reach(sampling, vocabulary) if vocabulary > _LEAST_CUT else (0, 0.0)
        self._chain = library.llama_sampler_chain_init(library.llama_sampler_chain_default_params())
        for sampler in _samplers(library, vocabulary, sampling):
            library.llama_sampler_chain_add(self._chain, sampler)

    def draw(self, outputs: Outputs, at: int) -> int:
        """Draw a token from a row of logits, which is left as it was.

        Raises:
            ModelError: the row is not finite, on which llama.cpp would end the process.
        """
        if not self._banned.size:
            return self._choose(outputs, at)
        row = outputs.logits[at]
        spared = row[self._banned]
        row[self._banned] = -np.inf
        try:
            return self._choose(Outputs(row[None]), 0)
        finally:
            row[self._banned] = spared

    def _choose(self, outputs: Outputs, at: int) -> int:
        if self._greedy:
            token = int(outputs.logits[at].argmax())
            _demand_finite(outputs.logits[at][token])
            return token
        token = self._candidates.choose(self._chain, *self._reachable(outputs, at))
        if self._penalises:
            self._lib.llama_sampler_accept(self._chain, token)
        return token

    def _reachable(self, outputs: Outputs, at: int) -> tuple[NDArray[np.int64] | None, Row]:
        """Return the tokens that the chain can keep and their logits; None for the ids of a whole row."""
        if self._least:
            top, ids, logits = outputs.likeliest(at, self._least)
            _demand_finite(top)
            return ids, logits
        row = outputs.logits[at]
        top = np.maximum.reduce(row)
        _demand_finite(top)
        if not self._margin:
            return None, row
        near: NDArray[np.int64] = (row > top - self._margin).nonzero()[0]
        return near, row[near]

    def close(self) -> None:
        """Free the chain."""
        if self._chain is not None:
            self._lib.llama_sampler_free(self._chain)
            self._chain = None


def _demand_finite(top: float) -> None:
    if not isfinite(top):
        raise ModelError("the model computes numbers that are not finite: check its file with `atlas models verify`")


def _reach(sampling: Sampling, vocabulary: int) -> tuple[int, float]:
    """Return how many of the likeliest tokens a chain can need, or how far below the maximum; zeros mean all.

    Penalties lower at most as many tokens as they remember, so that many more are enough; a negative one raises.
    """
    raises = sampling.repeat_penalty < 1 or min(sampling.presence_penalty, sampling.frequency_penalty) < 0
    if raises:
        return 0, 0.0
    if sampling.temperature <= 0:
        return 1 + PENALISED_TOKENS, 0.0
    if 0 < sampling.top_k < vocabulary:
        return sampling.top_k + (PENALISED_TOKENS if sampling.penalises else 0), 0.0
    if 0 < sampling.min_p < 1 and sampling.top_p >= 1 and not sampling.penalises:
        return 0, 1e-3 - log(sampling.min_p)
    return 0, 0.0


def _samplers(lib: Any, vocabulary: int, sampling: Sampling) -> Iterator[Any]:
    if sampling.penalises:
        penalties = sampling.repeat_penalty, sampling.frequency_penalty, sampling.presence_penalty
        yield lib.llama_sampler_init_penalties(vocabulary, PENALISED_TOKENS, *penalties)
    if sampling.temperature <= 0:
        yield lib.llama_sampler_init_greedy()
        return
    if sampling.top_k > 0:
        yield lib.llama_sampler_init_top_k(sampling.top_k)
    if sampling.top_p < 1:
        yield lib.llama_sampler_init_top_p(sampling.top_p, 1)
    if sampling.min_p > 0:
        yield lib.llama_sampler_init_min_p(sampling.min_p, 1)
    yield lib.llama_sampler_init_temp(sampling.temperature)
    yield lib.llama_sampler_init_dist(sampling.seed % _RANDOM_SEED)


class GrammarShelf:
    """Compiled grammars, the last few, each the prototype of those that texts use; safe for several threads."""

    def __init__(self, library: Any, vocabulary: Any, candidates: Candidates) -> None:
        """Start empty."""
        self._lib = library
        self._vocabulary = vocabulary
        self._candidates = candidates
        self._prototypes: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._closed = False

    def take(self, text: str, why: Callable[[], str]) -> LlamaGrammar:
        """Return a grammar at its start; `why` names llama.cpp's reason where it refuses.

        Raises:
            RequestRefusedError: the text is no grammar.
            ModelError: the model is closed.
        """
        with self._lock:
            if self._closed:
                raise ModelError("the model is closed: open it again")
            if text not in self._prototypes:
                compiled = self._lib.llama_sampler_init_grammar(self._vocabulary, text.encode(), b"root")
                if not compiled:
                    raise RequestRefusedError(f"llama.cpp refuses the grammar ({why()}): correct it")
                if len(self._prototypes) >= _MOST_GRAMMARS:
                    self._lib.llama_sampler_free(self._prototypes.pop(next(iter(self._prototypes))))
                self._prototypes[text] = compiled
            return LlamaGrammar(self._lib, self._candidates, self._prototypes[text])

    def close(self) -> None:
        """Free all; nothing is taken afterwards."""
        with self._lock:
            self._closed = True
            while self._prototypes:
                self._lib.llama_sampler_free(self._prototypes.popitem()[1])


class LlamaGrammar:
    """A GBNF grammar of one answer."""

    def __init__(self, library: Any, candidates: Candidates, prototype: Any) -> None:
        """Start at the beginning of a grammar that was compiled before."""
        self._lib = library
        self._candidates = candidates
        self._grammar = library.llama_sampler_clone(prototype)
        self._allowed = -1

    def allows(self, token: int) -> bool:
        """Say whether a token may come next."""
        allowed = self._candidates.spares(self._grammar, token)
        self._allowed = token if allowed else -1
        return allowed

    def accept(self, token: int) -> None:
        """Advance; llama.cpp ends the process on a token that is not allowed, so `allows` comes first.

        Raises:
            ModelError: the token is not allowed.
        """
        if token != self._allowed and not self.allows(token):
            raise ModelError("a token that the grammar forbids was to be accepted: report this")
        self._lib.llama_sampler_accept(self._grammar, token)
        self._allowed = -1

    def masked(self, row: Row) -> Row | None:
        """Return a copy of a row with every forbidden token at minus infinity; None when nothing is allowed."""
        self._candidates.apply(self._grammar, None, row)
        copy = self._candidates.logits(row.size).copy()
        return copy if np.isfinite(copy.max()) else None

    def close(self) -> None:
        """Free the grammar."""
        if self._grammar is not None:
            self._lib.llama_sampler_free(self._grammar)
            self._grammar = None
