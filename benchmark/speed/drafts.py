"""The speed benchmark's third workload: the same texts with and without drafts by prompt lookup."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial

from benchmark.speed.opened import SETTINGS, SPARE, WORDS, Skip, Task, open_engine, timed
from benchmark.speed.random_model import CYCLE
from benchmark.speed.results import OURS, Reading
from inference.base import Message, Request
from inference.gguf import GgufModel

UNDRAFTED = "engine without drafts"
_DRAFT = 16
"""As repair asks for."""
_DRAFTED_TEXTS = 4
_TEMPLATE_TOKENS = 32


class Drafts:
    """The same texts with and without drafts by prompt lookup."""

    def __init__(
        self, task: Task, name: str, *, altered: float | None, temperature: float = 0.0, one_prompt: bool = False
    ) -> None:
        """Take a model that copies a prompt of which a share is altered; None: one that copies nothing.

        What is copied is a prompt of each text's own, or one for all, as the tries of one repair have it.
        """
        self._task = task
        self.name = f"drafts, {name}"
        self.missing: dict[str, str] = {}
        self._altered = altered
        self._temperature = temperature
        self._one_prompt = one_prompt
        self._stack = ExitStack()
        self._engines: dict[str, GgufModel] = {}

    def _engine(self, peer: str) -> GgufModel:
        """Return an engine of its own for either, so that none finds the other's prompts in its cache."""
        if peer not in self._engines:
            self._engines[peer] = self._open()
        return self._engines[peer]

    def _open(self) -> GgufModel:
        task = self._task
        path = task.path if self._altered is None else task.copying
        context = task.prompt_tokens + task.new_tokens + SPARE
        return self._stack.enter_context(closing(open_engine(path or task.path, task.device, context, 0)))

    def round(self, turn: int, skip: Skip) -> Iterator[Reading]:
        """Yield the readings of a round."""
        if skip(self.name, UNDRAFTED, _DRAFTED_TEXTS):
            return
        asked = [self._request(turn, text) for text in range(_DRAFTED_TEXTS)]
        drafted = [replace(request, lookup=_DRAFT) for request in asked]
        pairs = [(OURS, drafted), (UNDRAFTED, asked)]
        texts: dict[str, list[str]] = {OURS: [], UNDRAFTED: []}
        spent = {
            peer: timed(partial(_write, self._engine(peer), requests, texts[peer]))
            for peer, requests in (pairs if turn % 2 else reversed(pairs))
        }
        equal = sum(one == other for one, other in zip(texts[OURS], texts[UNDRAFTED], strict=True))
        for peer, taken in spent.items():
            yield Reading(
                round=turn,
                workload=self.name,
                peer=peer,
                k=_DRAFTED_TEXTS,
                seconds=taken.seconds(self._task.device),
                tokens=_DRAFTED_TEXTS * self._task.new_tokens,
                equal=equal,
            )

    def close(self) -> None:
        """Close the engine."""
        self._stack.close()

    def _request(self, turn: int, text: int) -> Request:
        draw = random.Random(1000 * turn + (0 if self._one_prompt else text))
        length = self._task.prompt_tokens - _TEMPLATE_TOKENS
        if self._altered is None:
            content = f"{turn:04} {text:04} " + WORDS * (1 + length // len(WORDS))
        else:
            cycle = CYCLE * (2 + length // len(CYCLE))
            start = draw.randrange(len(CYCLE))
            content = "".join(draw.choice(CYCLE) if draw.random() < self._altered else c for c in cycle[start:])
        messages = (Message(role="user", content=content[:length]),)
        tokens = self._task.new_tokens
        return replace(SETTINGS, messages=messages, max_tokens=tokens, temperature=self._temperature, seed=text)


def _write(engine: GgufModel, requests: Sequence[Request], texts: list[str]) -> None:
    texts += [completion.text for completion in engine.complete_many(requests)]
