"""A model that is asked only for what the pool does not hold, nor anybody else is just generating."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from benchmark.database import Store
from benchmark.in_flight import Coming, received
from benchmark.pool import Shared, name_of, named_rows
from benchmark.records import from_json, to_json
from benchmark.spent import Clock, Meter
from inference.base import BY_ITSELF, Completion, Message, Model, ModelError, Profile, Request
from nodes.parsing import parse_choice

_KEPT_STOPS = (*BY_ITSELF, "loop", "length")
_LATER_FIELDS = ("prompt", "suffix", "confidence", "opening", "finish", "cut_loops")
"""Fields of a request that came after the first pools: left out where they are empty, so that those pools stay good."""


class NotInPoolError(ModelError):
    """A search that may use nothing but the pool asks for what it does not hold: it is another one than the stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """One call of a recorded model: each text that it asks for, once."""

    requests: Mapping[str, Request]
    places: Mapping[str, int]
    """Where a text is wanted first."""
    deadline: float | None
    cancelled: Callable[[], bool] | None
    on_progress: Callable[[int, int], None] | None
    made: set[str] = field(default_factory=set)
    """What the model has generated for it."""

    def is_late(self) -> bool:
        """Whether nobody wants to wait any longer."""
        cancelled = self.cancelled is not None and self.cancelled()
        return cancelled or (self.deadline is not None and time.monotonic() >= self.deadline)

    def report(self, known: Mapping[str, Completion]) -> None:
        """Tell of texts that need not be made."""
        if self.on_progress is not None:
            for key, completion in known.items():
                self.on_progress(self.places[key], completion.spent)

    def progress_of(self, keys: Sequence[str]) -> Callable[[int, int], None] | None:
        """Return what is told of the texts that are made."""
        report = self.on_progress
        return None if report is None else lambda at, tokens: report(self.places[keys[at]], tokens)


class RecordedModel:
    """A `Model` that asks another one only for what the pool does not hold."""

    def __init__(
        self,
        model: Model,
        pool: Store,
        meter: Meter,
        shared: Shared | None = None,
        *,
        only_pool: bool = False,
        keeps_texts: bool = True,
    ) -> None:
        """Keep the collaborators; `close` closes the model, not the pool.

        Args:
            model: asked for what the pool lacks.
            pool: where completions are kept.
            meter: what is told of them.
            shared: with the other runs that use the model at the same moment.
            only_pool: refuse to ask the model for texts; it still counts tokens.
            keeps_texts: whether prompts and replies may be stored; if not, a reply is stored as the option it names.
        """
        self._only_pool = only_pool
        self._model = model
        self._pool = pool
        self._meter = meter
        self._shared = shared or Shared()
        self._clock = Clock(self._shared.model)
        self._keeps_texts = keeps_texts

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    @property
    def fingerprint(self) -> str:
        """The model's fingerprint."""
        return self._model.fingerprint

    @property
    def profile(self) -> Profile:
        """The model's prompt profile."""
        return self._model.profile

    @property
    def context_tokens(self) -> int:
        """The model's context."""
        return self._model.context_tokens

    @property
    def notice(self) -> str:
        """The model's notice."""
        return self._model.notice

    @property
    def can_think(self) -> bool:
        """Whether the model can think."""
        return self._model.can_think

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Ask the model."""
        return self._model.count_tokens(messages)

    def complete_many(
        self,
        requests: Sequence[Request],
        *,
        deadline: float | None = None,
        cancelled: Callable[[], bool] | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> tuple[Completion, ...]:
        """Return one completion per request, in order; see `Model.complete_many`.

        Raises:
            NotInPoolError: the pool lacks one, and the model must not be asked.
        """
        keys = [name_of(self._model.fingerprint, _decisive(request)) for request in requests]
        call = _Call(
            requests={key: request for key, request in reversed(list(zip(keys, requests, strict=True)))},
            places={key: index for index, key in reversed(list(enumerate(keys)))},
            deadline=deadline,
            cancelled=cancelled,
            on_progress=on_progress,
        )
        found: dict[str, Completion] = {}
        while lacking := [key for key in call.requests if key not in found]:
            claim = self._shared.texts.claim(lacking)
            told: dict[str, Completion] = {}
            try:
                told = known = self._known(claim.mine)
                call.report(known)
                fresh = self._make([key for key in claim.mine if key not in known], call)
                told = known | {key: one for key, one in fresh.items() if one.stop in _KEPT_STOPS}
            finally:
                self._shared.texts.settle(claim.mine, told)
            found |= known | fresh | self._await(claim.others, call)
        reused = [found[key].seconds for key in keys if key not in call.made]
        self._meter.add(reused=len(keys) - len(call.made), saved_s=sum(reused))
        return tuple(found[key] for key in keys)

    def close(self) -> None:
        """Close the model."""
        self._model.close()

    def _make(self, keys: Sequence[str], call: _Call) -> dict[str, Completion]:
        """Generate texts that nobody else makes, and keep those that came to their end."""
        if not keys:
            return {}
        if self._only_pool:
            raise NotInPoolError(f"{len(keys)} texts are not in the pool")
        with self._clock.lap(len(keys)) as lap:
            made = self._model.complete_many(
                [replace(call.requests[key], confidence=True) for key in keys],
                deadline=call.deadline,
                cancelled=call.cancelled,
                on_progress=call.progress_of(keys),
            )
            took = lap()
        self._shared.add_tokens(sum(one.spent for one in made))
        spent = {"generated": len(made), "model_s": sum(one.seconds for one in made), "waited_s": took.waited_s}
        self._meter.add(**spent)
        call.made.update(keys)
        fresh = dict(zip(keys, made, strict=True))
        self._keep(fresh, call.requests)
        return fresh

    def _await(self, others: Mapping[str, Coming], call: _Call) -> dict[str, Completion]:
        """Return what others are making for themselves; when it is late, what the model makes of it at once."""
        if not others:
            return {}
        with self._clock.wait() as waited:
            came = received(others, call.is_late)
            self._meter.add(waited_s=waited())
        call.report(came)
        return came | (self._make([key for key in others if key not in came], call) if call.is_late() else {})

    def _known(self, keys: Sequence[str]) -> dict[str, Completion]:
        rows = named_rows(self._pool, "SELECT key, completion FROM completions", keys)
        return {key: from_json(Completion, text) for key, text in rows}

    def _keep(self, made: dict[str, Completion], asked: Mapping[str, Request]) -> None:
        rows = [
            (key, self._model.fingerprint, *self._texts(asked[key], completion))
            for key, completion in made.items()
            if completion.stop in _KEPT_STOPS
        ]
        self._pool.write("INSERT OR IGNORE INTO completions VALUES (?, ?, ?, ?)", rows)

    def _texts(self, asked: Request, completion: Completion) -> tuple[str, str]:
        if self._keeps_texts:
            return to_json(asked), to_json(completion)
        letter = parse_choice(completion.text)
        return "", to_json(replace(completion, text=f"Answer: {letter}" if letter else "", thinking=""))


def _decisive(request: Request) -> dict[str, Any]:
    """Return what decides a text: not how fast it comes, nor whether its confidence is wanted, which is always kept."""
    fields = asdict(replace(request, lookup=0, confidence=False))
    return {name: value for name, value in fields.items() if value or name not in _LATER_FIELDS}
