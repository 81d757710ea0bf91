"""Completions and executions kept by content, so that what two policies share is generated and run once.

A completion from the pool costs every policy that asks for it its tokens, and the seconds that it took when it was
generated. Texts that a deadline cut are not kept, nor are executions that timed out: on a busy machine they say little
about the program.

Limits: a completion is named by model, messages, sampling settings, limits and seed; a change in how the engine decodes
does not change its name, so use a new file after one.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Any

from benchmark.database import Store
from benchmark.records import from_json, to_json
from inference.base import BY_ITSELF, Completion, Message, Model, ModelError, Profile, Request
from nodes.parsing import parse_choice
from sandbox.base import Execution, Limits, Program, Sandbox

SCHEMA = """
CREATE TABLE IF NOT EXISTS completions (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, request TEXT NOT NULL, completion TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS executions (
    key TEXT PRIMARY KEY, input TEXT NOT NULL, execution TEXT NOT NULL, seconds REAL NOT NULL) WITHOUT ROWID;
"""
_KEPT_STOPS = (*BY_ITSELF, "loop", "length")
_LATER_FIELDS = ("prompt", "suffix", "confidence", "opening", "finish", "cut_loops")
"""Fields of a request that came after the first pools: left out where they are empty, so that those pools stay good."""
_PLACES = 500
"""Names looked up in one query; SQLite allows a thousand."""


def name_of(*parts: Any) -> str:
    """Return a name that is equal for equal content."""
    return sha256(json.dumps(parts, sort_keys=True).encode("ascii")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Where the time of a run went."""

    model_s: float = 0.0
    """Seconds in the model itself, by its own account: waiting for its turn is in no completion's seconds."""
    sandbox_s: float = 0.0
    """Seconds in the sandbox itself, added up over threads."""
    saved_s: float = 0.0
    """Seconds that work from the pool took when it was done."""
    generated: int = 0
    reused: int = 0
    """Completions from the pool."""
    executed: int = 0
    recalled: int = 0
    """Executions from the pool."""


class Meter:
    """Adds up what one run spends; several threads report to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spent = Spent()

    def add(self, **amounts: float) -> None:
        """Add to fields of `Spent`."""
        with self._lock:
            self._spent = Spent(**{name: value + amounts.get(name, 0) for name, value in asdict(self._spent).items()})

    def read(self) -> Spent:
        """Return the sums since the last reading, and start at zero."""
        with self._lock:
            spent, self._spent = self._spent, Spent()
        return spent


class _Shares:
    """Wall time, split evenly among what runs at the same moment, so that the parts add up to what the clock shows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._since = self._each = 0.0

    @contextmanager
    def part(self) -> Iterator[Callable[[], float]]:
        """Give what tells the seconds of this part so far."""
        began = self._tick(+1)
        try:
            yield lambda: self._tick(0) - began
        finally:
            self._tick(-1)

    def _tick(self, change: int) -> float:
        with self._lock:
            now = time.monotonic()
            if self._running:
                self._each += (now - self._since) / self._running
            self._since = now
            self._running += change
            return self._each


class NotInPoolError(ModelError):
    """A search that may use nothing but the pool asks for what it does not hold: it is another one than the stored."""


class RecordedModel:
    """A `Model` that asks another one only for what the pool does not hold."""

    def __init__(self, model: Model, pool: Store, meter: Meter, *, only_pool: bool = False) -> None:
        """Keep the collaborators; `close` closes the model, not the pool.

        Args:
            model: asked for what the pool lacks.
            pool: where completions are kept.
            meter: what is told of them.
            only_pool: refuse to ask the model for texts; it still counts tokens.
        """
        self._only_pool = only_pool
        self._model = model
        self._pool = pool
        self._meter = meter
        self.keeps_texts = True
        """Whether prompts and replies may be stored; if not, a reply is stored as the option that it names."""

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
        known = self._known(keys)
        for index, key in enumerate(keys):
            if on_progress is not None and key in known:
                on_progress(index, known[key].spent)
        places = {key: index for index, key in reversed(list(enumerate(keys))) if key not in known}
        self._meter.add(reused=len(keys) - len(places), saved_s=sum(known[key].seconds for key in keys if key in known))
        if not places:
            return tuple(known[key] for key in keys)
        if self._only_pool:
            raise NotInPoolError(f"{len(places)} texts are not in the pool")
        wanted = sorted(places.values())
        made = self._model.complete_many(
            [replace(requests[index], confidence=True) for index in wanted],
            deadline=deadline,
            cancelled=cancelled,
            on_progress=(lambda at, tokens: on_progress(wanted[at], tokens)) if on_progress else None,
        )
        self._meter.add(generated=len(made), model_s=sum(completion.seconds for completion in made))
        fresh = {keys[index]: completion for index, completion in zip(wanted, made, strict=True)}
        self._keep(fresh, {keys[index]: requests[index] for index in wanted})
        return tuple((known | fresh)[key] for key in keys)

    def close(self) -> None:
        """Close the model."""
        self._model.close()

    def _known(self, keys: Sequence[str]) -> dict[str, Completion]:
        found: dict[str, Completion] = {}
        for part in _parts(keys):
            query = f"SELECT key, completion FROM completions WHERE key IN ({_marks(part)})"
            found |= {key: from_json(Completion, text) for key, text in self._pool.rows(query, part)}
        return found

    def _keep(self, made: dict[str, Completion], asked: dict[str, Request]) -> None:
        rows = [
            (key, self._model.fingerprint, *self._texts(asked[key], completion))
            for key, completion in made.items()
            if completion.stop in _KEPT_STOPS
        ]
        self._pool.write("INSERT OR IGNORE INTO completions VALUES (?, ?, ?, ?)", rows)

    def _texts(self, asked: Request, completion: Completion) -> tuple[str, str]:
        if self.keeps_texts:
            return to_json(asked), to_json(completion)
        letter = parse_choice(completion.text)
        return "", to_json(replace(completion, text=f"Answer: {letter}" if letter else "", thinking=""))


class RecordedSandbox:
    """A `Sandbox` that runs only what the pool does not hold."""

    def __init__(self, sandbox: Sandbox, pool: Store, meter: Meter) -> None:
        """Keep the collaborators; `close` closes the sandbox, not the pool."""
        self._sandbox = sandbox
        self._pool = pool
        self._meter = meter
        self._shares = _Shares()

    @property
    def name(self) -> str:
        """The back end."""
        return self._sandbox.name

    @property
    def notice(self) -> str:
        """The sandbox's notice."""
        return self._sandbox.notice

    @property
    def workers(self) -> int:
        """Programs that may run at the same time."""
        return self._sandbox.workers

    def run(
        self,
        program: Program,
        inputs: Sequence[str],
        limits: Limits = Limits(),
        *,
        cancelled: Callable[[], bool] | None = None,
    ) -> tuple[Execution, ...]:
        """Run `program` once on every input that it has not run on; see `Sandbox.run`."""
        base = (self._sandbox.name, asdict(program), asdict(limits))
        keys = {text: name_of(*base, text) for text in inputs}
        known = self._known(keys)
        new = [text for text in keys if text not in known]
        self._meter.add(recalled=len(known), saved_s=sum(seconds for _, seconds in known.values()))
        executions = {text: execution for text, (execution, _) in known.items()}
        if new:
            executions |= self._run(program, new, limits, cancelled, keys)
        missing = next((i for i, text in enumerate(inputs) if text not in executions), len(inputs))
        return tuple(executions[text] for text in inputs[:missing])

    def close(self) -> None:
        """Close the sandbox."""
        self._sandbox.close()

    def _run(
        self,
        program: Program,
        new: Sequence[str],
        limits: Limits,
        cancelled: Callable[[], bool] | None,
        keys: dict[str, str],
    ) -> dict[str, Execution]:
        with self._shares.part() as seconds:
            done = self._sandbox.run(program, new, limits, cancelled=cancelled)
            took = seconds()
        self._meter.add(executed=len(done), sandbox_s=took)
        made = dict(zip(new, done, strict=False))
        rows = [
            (keys[text], text, to_json(execution), took / len(new))
            for text, execution in made.items()
            if execution.status != "timeout"
        ]
        self._pool.write("INSERT OR IGNORE INTO executions VALUES (?, ?, ?, ?)", rows)
        return made

    def _known(self, keys: dict[str, str]) -> dict[str, tuple[Execution, float]]:
        texts = {key: text for text, key in keys.items()}
        found: dict[str, tuple[Execution, float]] = {}
        for part in _parts(list(texts)):
            query = f"SELECT key, execution, seconds FROM executions WHERE key IN ({_marks(part)})"
            for key, execution, seconds in self._pool.rows(query, part):
                found[texts[key]] = (from_json(Execution, execution), seconds)
        return found


def _decisive(request: Request) -> dict[str, Any]:
    """Return what decides a text: not how fast it comes, nor whether its confidence is wanted, which is always kept."""
    fields = asdict(replace(request, lookup=0, confidence=False))
    return {name: value for name, value in fields.items() if value or name not in _LATER_FIELDS}


def _parts(keys: Sequence[str]) -> list[Sequence[str]]:
    return [keys[i : i + _PLACES] for i in range(0, len(keys), _PLACES)]


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))
