"""The sets of tasks behind the numbers of one measurement, collected while its tables are made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from benchmark.measures import Graded
from benchmark.report.document import TaskSet


class SetBook:
    """Collects sets; each is named once, by its title."""

    def __init__(self, prefix: str, names: Sequence[str]) -> None:
        """Give every task an anchor.

        Args:
            prefix: of the measurement, so that two of them in one report never share an anchor.
            names: of the tasks.
        """
        self.prefix = prefix
        self.anchors: Mapping[str, str] = {name: f"{prefix}-task-{i}" for i, name in enumerate(names)}
        self._sets: dict[str, TaskSet] = {}

    @classmethod
    def joining(cls, prefix: str, books: Mapping[str, SetBook]) -> SetBook:
        """Return a book over the tasks of several; the task `a` of the book `x` is named `x: a` in it."""
        joined = cls(prefix, ())
        joined.anchors = {f"{of}: {name}": a for of, book in books.items() for name, a in book.anchors.items()}
        return joined

    def add(self, title: str, names: Iterable[str]) -> str:
        """Return the name of a set of tasks; an empty text of no tasks, so that nothing links to nothing."""
        tasks = tuple(self.anchors[name] for name in names)
        if not tasks:
            return ""
        if title not in self._sets:
            name = f"{self.prefix}-set-{len(self._sets)}"
            self._sets[title] = TaskSet(name=name, title=title, tasks=tasks)
        return self._sets[title].name

    def where(self, title: str, graded: Sequence[Graded], kept: Iterable[bool]) -> str:
        """Return the name of the set of those runs for which `kept` is true."""
        return self.add(title, [g.sheet.name for g, keep in zip(graded, kept, strict=True) if keep])

    @property
    def sets(self) -> tuple[TaskSet, ...]:
        """Every set so far."""
        return tuple(self._sets.values())
