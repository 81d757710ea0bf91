"""The speed benchmark's second workload: plans of one problem, that is, prompts that share their beginning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from benchmark.speed.opened import (
    ALONE,
    PARALLEL,
    SETTINGS,
    SPARE,
    Opened,
    PlanShape,
    Skip,
    Task,
    distinct_tokens,
    timed,
    user,
)
from benchmark.speed.programs import MissingPeerError, ServedTexts, Server
from benchmark.speed.results import OURS, Reading
from inference.base import Message


class Plans:
    """k prompts that share their beginning."""

    def __init__(self, task: Task, shape: PlanShape) -> None:
        """Prepare; nothing is opened yet."""
        self._task = task
        self._shape = shape
        self.name = shape.name
        context = shape.shared + shape.own + task.plan_tokens + SPARE
        self._opened = Opened(task, context=context, texts=shape.plans)

    @property
    def missing(self) -> dict[str, str]:
        """Peers that could not be measured, and why."""
        return self._opened.missing

    def round(self, turn: int, skip: Skip) -> Iterator[Reading]:
        """Yield the readings of a round."""
        conversations = [self._messages(turn, plan) for plan in range(self._shape.plans)]
        prompts = [self._opened.engine.prompt_tokens(messages) for messages in conversations]
        if not skip(self.name, OURS, self._shape.plans):
            yield self._read(turn, OURS, self._ours(conversations), distinct_tokens(prompts))
        if ALONE in self._task.peers and not skip(self.name, ALONE, self._shape.plans):
            yield self._read(turn, ALONE, self._alone(prompts), distinct_tokens(prompts))
        wanted = PARALLEL in self._task.peers and PARALLEL not in self.missing
        if wanted and not skip(self.name, PARALLEL, self._shape.plans):
            try:
                served = self._opened.served(PARALLEL, self._shape.plans, self._served(prompts))
            except MissingPeerError as error:
                self.missing[PARALLEL] = str(error)
                return
            yield self._read(turn, PARALLEL, served, distinct_tokens(prompts))

    def close(self) -> None:
        """Close engine and peer."""
        self._opened.close()

    def _read(self, turn: int, peer: str, served: ServedTexts, least: int) -> Reading:
        return Reading(
            round=turn,
            workload=self.name,
            peer=peer,
            k=self._shape.plans,
            seconds=served.spent.seconds(self._task.device),
            tokens=self._shape.plans * self._task.plan_tokens,
            evaluated=served.evaluated,
            least=least,
        )

    def _messages(self, turn: int, plan: int) -> tuple[Message, ...]:
        engine, shape = self._opened.engine, self._shape
        (shared,) = user(engine, shape.shared, f"{turn:04} {shape.plans:04} ")
        return user(engine, shape.shared + shape.own, f"{shared.content}{plan:04} ")

    def _ours(self, conversations: Sequence[tuple[Message, ...]]) -> ServedTexts:
        engine, tokens = self._opened.engine, self._task.plan_tokens
        asked = [
            replace(SETTINGS, messages=messages, max_tokens=tokens, seed=seed)
            for seed, messages in enumerate(conversations)
        ]
        before = engine.counts().prompt_rows
        spent = timed(lambda: engine.complete_many(asked))
        evaluated = engine.counts().prompt_rows - before
        return ServedTexts(spent=spent, tokens=len(asked) * tokens, evaluated=evaluated)

    def _served(self, prompts: Sequence[Sequence[int]]) -> Callable[[Server], ServedTexts]:
        return lambda server: server.parallel(prompts, self._task.plan_tokens)

    def _alone(self, prompts: Sequence[Sequence[int]]) -> ServedTexts:
        bare, tokens = self._opened.bare, self._task.plan_tokens
        spent = timed(lambda: bare.run(prompts, tokens))
        return ServedTexts(spent=spent, tokens=len(prompts) * tokens, evaluated=bare.evaluated)
