"""The speed benchmark's first workload: k texts over one prompt, by engine and every peer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import accumulate

from benchmark.speed.opened import (
    ALONE,
    BENCH,
    ONE_REQUEST,
    PARALLEL,
    SEQUENTIAL,
    SETTINGS,
    SPARE,
    Opened,
    Skip,
    Task,
    timed,
    user,
)
from benchmark.speed.programs import MissingPeerError, Spent, batched_bench
from benchmark.speed.results import OURS, Reading
from inference.base import Message


class Samples:
    """k texts over one prompt."""

    name = "same prompt"

    def __init__(self, task: Task) -> None:
        """Prepare; nothing is opened yet."""
        self._task = task
        self._opened = Opened(task, context=task.prompt_tokens + task.new_tokens + SPARE, texts=task.most)

    @property
    def missing(self) -> dict[str, str]:
        """Peers that could not be measured, and why."""
        return self._opened.missing

    def round(self, turn: int, skip: Skip) -> Iterator[Reading]:
        """Yield the readings of a round."""
        for k in self._task.widths:
            if not skip(self.name, OURS, k):
                yield self._read(turn, OURS, k, self._ours(turn, k))
            for peer, act in ((ALONE, self._alone), (ONE_REQUEST, self._one), (PARALLEL, self._parallel)):
                if peer in self._task.peers and peer not in self.missing and not skip(self.name, peer, k):
                    yield from self._asked(turn, peer, k, act)
        for peer, all_widths in ((BENCH, self._bench), (SEQUENTIAL, self._one_after_another)):
            wanted = any(not skip(self.name, peer, k) for k in self._task.widths)
            if peer in self._task.peers and peer not in self.missing and wanted:
                yield from self._asked_for_all(turn, peer, all_widths)

    def close(self) -> None:
        """Close engine and peers."""
        self._opened.close()

    def _asked(self, turn: int, peer: str, k: int, act: Callable[[int, int], Spent]) -> Iterator[Reading]:
        try:
            yield self._read(turn, peer, k, act(turn, k))
        except MissingPeerError as error:
            self.missing[peer] = str(error)

    def _asked_for_all(self, turn: int, peer: str, act: Callable[[int], dict[int, Spent]]) -> Iterator[Reading]:
        try:
            spent = act(turn)
        except MissingPeerError as error:
            self.missing[peer] = str(error)
            return
        for k in self._task.widths:
            yield self._read(turn, peer, k, spent[k])

    def _read(self, turn: int, peer: str, k: int, spent: Spent) -> Reading:
        seconds, tokens = spent.seconds(self._task.device), k * self._task.new_tokens
        return Reading(round=turn, workload=self.name, peer=peer, k=k, seconds=seconds, tokens=tokens)

    def _messages(self, turn: int, k: int) -> tuple[Message, ...]:
        return user(self._opened.engine, self._task.prompt_tokens, f"{turn:04} {k:04} ")

    def _prompt(self, turn: int, k: int) -> tuple[int, ...]:
        return self._opened.engine.prompt_tokens(self._messages(turn, k))

    def _ours(self, turn: int, k: int) -> Spent:
        engine, messages = self._opened.engine, self._messages(turn, k)
        settings = replace(SETTINGS, messages=messages, max_tokens=self._task.new_tokens)
        asked = [replace(settings, seed=seed) for seed in range(k)]
        return timed(lambda: engine.complete_many(asked))

    def _alone(self, turn: int, k: int) -> Spent:
        bare, prompt = self._opened.bare, self._prompt(turn, k)
        return timed(lambda: bare.run([prompt] * k, self._task.new_tokens))

    def _one(self, turn: int, k: int) -> Spent:
        prompt, tokens = self._prompt(turn, k), self._task.new_tokens
        return self._opened.served(ONE_REQUEST, k, lambda server: server.many(prompt, k, tokens)).spent

    def _parallel(self, turn: int, k: int) -> Spent:
        prompts, tokens = [self._prompt(turn, k + 1000)] * k, self._task.new_tokens
        return self._opened.served(PARALLEL, k, lambda server: server.parallel(prompts, tokens)).spent

    def _bench(self, turn: int) -> dict[int, Spent]:
        task, opened, lengths = self._task, self._opened, (len(self._prompt(turn, 1)), self._task.new_tokens)
        device = opened.peer_device
        return batched_bench(task.path, sorted(task.widths), lengths, unified=opened.unified, device=device)

    def _one_after_another(self, turn: int) -> dict[int, Spent]:
        """Write the widest batch one by one: its first k texts are what k texts alone would have been."""
        peer, prompt = self._opened.sequential, self._prompt(turn, 0)
        texts = peer.run([prompt] * self._task.most, self._task.new_tokens)
        each = [timed(lambda: next(texts)) for _ in range(self._task.most)]
        cpu, wall = list(accumulate(one.cpu for one in each)), list(accumulate(one.wall for one in each))
        return {k: Spent(cpu=cpu[k - 1], wall=wall[k - 1]) for k in self._task.widths}
