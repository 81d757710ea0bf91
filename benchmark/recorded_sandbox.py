"""A sandbox that runs only what the pool does not hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict

from benchmark.database import Store
from benchmark.pool import Shared, name_of, named_rows
from benchmark.records import from_json, to_json
from benchmark.spent import Clock, Meter
from sandbox.base import Execution, Limits, Program, Sandbox


class RecordedSandbox:
    """A `Sandbox` that runs only what the pool does not hold."""

    def __init__(self, sandbox: Sandbox, pool: Store, meter: Meter, shared: Shared | None = None) -> None:
        """Keep the collaborators; `close` closes the sandbox, not the pool."""
        self._sandbox = sandbox
        self._pool = pool
        self._meter = meter
        self._clock = Clock((shared or Shared()).sandbox)

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
        with self._clock.lap() as lap:
            done = self._sandbox.run(program, new, limits, cancelled=cancelled)
            took = lap()
        self._meter.add(executed=len(done), sandbox_s=took.own_s, waited_s=took.waited_s)
        made = dict(zip(new, done, strict=False))
        rows = [
            (keys[text], text, to_json(execution), took.own_s / len(new))
            for text, execution in made.items()
            if execution.status != "timeout"
        ]
        self._pool.write("INSERT OR IGNORE INTO executions VALUES (?, ?, ?, ?)", rows)
        return made

    def _known(self, keys: dict[str, str]) -> dict[str, tuple[Execution, float]]:
        texts = {key: text for text, key in keys.items()}
        rows = named_rows(self._pool, "SELECT key, execution, seconds FROM executions", list(texts))
        return {texts[key]: (from_json(Execution, execution), seconds) for key, execution, seconds in rows}
