"""From LangGraph's stream to typed events."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from langgraph.types import Overwrite

from graphs.events import (
    BoxFinished,
    BoxStarted,
    CandidateArrived,
    CandidateRan,
    Event,
    ModelAnswered,
    Spent,
    TextsGrew,
)
from graphs.threads import INTERRUPT
from nodes.state import SolveState, add_costs


class Teller:
    """Turns the graph's stream into events; a fanned-out box is told once per super-step."""

    def __init__(self, state: SolveState) -> None:
        """Start from a state."""
        self.state = state
        self.waits = False
        """Whether the graph stands still until a person has answered."""
        self._began: dict[str, float] = {}
        self._tokens: dict[str, int] = {}
        self._lengths: dict[tuple[str, int], Counter[int]] = {}
        """How many texts of a box and index have been told at each length: fanned-out calls share their indices."""
        self._start = time.monotonic()
        self._written: list[tuple[str, str]] = []
        """Candidates of this step with the ids of their programs: they run before the state holds them."""
        self._runs: dict[str, CandidateRan] = {}

    def tell(self, part: Any) -> Iterator[Event]:
        """Yield the events of one part of the stream (`version="v2"`: type, ns, data)."""
        data = part["data"]
        if part["type"] == "tasks" and "input" in data:
            yield from self._started(data["name"])
        elif part["type"] == "custom":
            yield from self._custom(data)
        elif part["type"] == "updates":
            self._updated(data)
        elif part["type"] == "values":
            self.state = data if isinstance(data, SolveState) else SolveState(**data)
            self.waits = bool(part.get("interrupts"))
            yield from self._stepped()

    def _started(self, box: str) -> Iterator[Event]:
        if box not in self._began:
            self._began[box] = time.monotonic()
            yield BoxStarted(box=box)

    def _updated(self, data: dict[str, Any]) -> None:
        """Count tokens, and keep programs as they come, so that a failing sibling does not lose them."""
        for box, update in data.items():
            if box == INTERRUPT:
                continue
            written = {k: v for k, v in (update or {}).items() if not isinstance(v, Overwrite)}
            self._tokens[box] = self._tokens.get(box, 0) + sum(c.spent for c in written.get("costs", ()))
            if box in self._began and "candidates" in written:
                found = (*self.state.candidates, *written["candidates"])
                self.state = replace(
                    self.state, candidates=found, costs=add_costs(self.state.costs, written.get("costs", ()))
                )

    def _stepped(self) -> Iterator[Event]:
        now = time.monotonic()
        for box, began in self._began.items():
            yield BoxFinished(box=box, seconds=now - began, tokens=self._tokens.get(box, 0))
        self._began, self._tokens, self._lengths = {}, {}, {}
        self._written = []
        self._runs = {}
        yield Spent(tokens=self.state.tokens_spent, seconds=now - self._start)

    def _custom(self, data: dict[str, Any]) -> Iterator[Event]:
        if data["kind"] == "candidate":
            yield CandidateArrived(id=data["id"], origin=data["origin"], tokens=data["tokens"])
            yield from self._arrived(data["id"], data.get("program_id", ""))
        elif data["kind"] == "tokens":
            yield TextsGrew(box=data["box"], tokens=self._grown(data["box"], data["index"], data["tokens"]))
        elif data["kind"] == "answered":
            yield ModelAnswered(**{key: value for key, value in data.items() if key != "kind"})
        elif data["kind"] == "ran":
            yield from self._ran(data)

    def _arrived(self, name: str, program_id: str) -> Iterator[Event]:
        """Note a program that the state may not hold yet; what its equal did before is told of it too."""
        self._written.append((name, program_id))
        if (run := self._runs.get(program_id)) is not None:
            yield replace(run, id=name)

    def _ran(self, data: dict[str, Any]) -> Iterator[Event]:
        """Tell of each candidate with this text."""
        known = [(candidate.id, candidate.program_id) for candidate in self.state.candidates]
        for name in dict.fromkeys(name for name, program in (*known, *self._written) if program == data["program_id"]):
            run = CandidateRan(id=name, passed=data["passed"], total=data["total"], status=data["status"])
            self._runs[data["program_id"]] = run
            yield run

    def _grown(self, box: str, index: int, length: int) -> int:
        """Return what a text of this length has grown by: it was one of those that were told shorter, the longest."""
        lengths = self._lengths.setdefault((box, index), Counter())
        before = max((one for one, texts in lengths.items() if texts and one < length), default=0)
        lengths[before] -= 1 if before else 0
        lengths[length] += 1
        return length - before
