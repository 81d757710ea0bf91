"""Run programs of the embedded family in a sandbox, each (program, input) once, and grade them.

The only place that compares with hidden outputs; the solver never imports it.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.embedded.problems import EmbeddedTask
from sandbox.base import Execution, Limits, Program, Sandbox
from sandbox.compare import same_output

LIMITS = Limits(cpu_s=2.0)


class Grader:
    """Remembers every run, since a small model often writes the same program."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._seen: dict[tuple[str, str, str], Execution] = {}

    def run(self, task: EmbeddedTask, source: str, inputs: Sequence[str]) -> list[Execution]:
        """Return what the program does on each input, in order."""
        new = [text for text in dict.fromkeys(inputs) if (task.task_id, source, text) not in self._seen]
        if new:
            program = Program(source=source, mode=task.mode, entry_point=task.entry_point)
            for text, execution in zip(new, self._sandbox.run(program, new, LIMITS), strict=True):
                self._seen[(task.task_id, source, text)] = execution
        return [self._seen[(task.task_id, source, text)] for text in inputs]

    def passes(self, task: EmbeddedTask, source: str | None, pairs: Sequence[tuple[str, str]]) -> bool:
        """Tell whether the program gives every expected output; no program and no pairs never pass."""
        if source is None or not pairs:
            return False
        runs = self.run(task, source, [given for given, _ in pairs])
        return all(
            run.status == "completed" and same_output(task.mode, run.output, expected)
            for run, (_, expected) in zip(runs, pairs, strict=True)
        )

    def solves(self, task: EmbeddedTask, source: str | None) -> bool:
        """Tell whether the program passes the examples and then the hidden pairs."""
        return self.passes(task, source, task.examples) and self.passes(task, source, task.hidden)
