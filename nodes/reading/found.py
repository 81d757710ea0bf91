"""What a reader found in a statement, and the lines that it looked at."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from nodes.state import PublicTest, Unread

MOST_LINES = 40
"""Lines that one call or one value may take."""
MOST_UNREAD = 20
_SHOWN = 120
_SECTION = re.compile(
    r"^\s*(?:#+\s*|\*{1,2}|_{2})?\s*(?:for\s+)?(?:examples?|samples?|e\.g\.)\b[^.]{0,20}$", re.IGNORECASE
)


@dataclass(slots=True)
class Page:
    """A statement line by line, with what has been found in it; readers take their lines away from later ones."""

    lines: Sequence[str]
    tests: list[tuple[int, PublicTest]] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    taken: set[int] = field(default_factory=set)
    work: int = 3000
    """Lines that may still be parsed as examples; a hostile text has more."""
    bracketed: set[int] = field(default_factory=set)
    """Lines whose value stands in brackets that make no tuple, as in `("a")`."""

    def may_go_on(self, number: int) -> bool:
        """Count one more line that is parsed; refuse the first one that is too many."""
        self.work -= 1
        if self.work == 0:
            self.refuse(number, "too many lines look like examples; those from here on were not read")
        return self.work > 0

    def take(self, numbers: Iterable[int]) -> None:
        """Mark lines, counted from 0, as read."""
        self.taken.update(numbers)

    def add(self, number: int, *tests: PublicTest) -> None:
        """Keep examples that begin at a line."""
        self.tests += [(number, test) for test in tests]

    def agreeing(self) -> tuple[tuple[PublicTest, ...], tuple[Unread, ...]]:
        """Return what was found, without what says of one call something else than an example before."""
        are_tuples = any(test.expected.startswith("(") for _, test in self.tests)
        first: dict[str, tuple[int, PublicTest]] = {}
        for number, found in self.tests:
            # Whoever writes tuples elsewhere means one here.
            is_one = are_tuples and number in self.bracketed and found.is_plain
            test = replace(found, expected=f"({found.expected},)") if is_one else found
            number_before, before = first.setdefault(test.id, (number, test))
            if before != test:
                self.refuse(number, f"line {number_before + 1} says something else about the same call")
        unread = sorted(self.unread, key=lambda one: one.line)
        return tuple(test for _, test in first.values()), tuple(unread)

    def refuse_section(self) -> None:
        """Refuse a section of examples in which nothing was found."""
        if self.tests or self.unread or not re.search(r"(?i)example|sample|e\.g\.", "\n".join(self.lines)):
            return
        for number, line in enumerate(self.lines):
            following = next((one for one in self.lines[number + 1 : number + 4] if one.strip()), "")
            if following and _SECTION.match(line):
                self.refuse(number, "no example in this section could be read")
                return

    def refuse(self, number: int, why: str) -> None:
        """Keep a line that looks like an example and is none."""
        if len(self.unread) >= MOST_UNREAD or any(one.line == number + 1 for one in self.unread):
            return
        text = " ".join(self.lines[number][: 4 * _SHOWN].split())
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
        self.unread.append(Unread(line=number + 1, text=shown, why=why))

    def free(self, number: int) -> bool:
        """Whether no reader has taken a line yet."""
        return number not in self.taken
