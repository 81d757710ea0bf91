"""Examples in words: `f of 2 is 4`, `f applied to "a" and 3 gives "aaa"`; `Given: 2` above `Returns: 4`."""

from __future__ import annotations

import re

from nodes.parsing.source import LITERAL_CHARS
from nodes.reading.assertions import Wanted
from nodes.reading.found import Page
from nodes.reading.named_inputs import HOW_TO, NamedInputs, first_value, has_values, plain
from nodes.reading.values import read_value
from nodes.state import PublicTest

_GIVEN = re.compile(
    r"^\s*(?:[-*•]\s+|\d+[.)]\s+)?\*{0,2}(?:given|arguments?|args|parameters?|called\s+with|call|when)\*{0,2}\s*:\*{0,2}\s*(\S.*)$",
    re.IGNORECASE,
)
_THEN = re.compile(
    r"^\s*(?:[-*•]\s+|\d+[.)]\s+)?\*{0,2}(?:returns?|result|then|gives?|expects?|expected|answer|value)\*{0,2}\s*:\*{0,2}\s*(\S.*)$",
    re.IGNORECASE,
)
_TAKES = r"(?:of|on|for|applied\s+to|given|called\s+with|with(?:\s+(?:the\s+)?(?:inputs?|arguments?))?)"
_SAID = re.compile(
    r"(?P<given>.{1,300}?),?\s+(?:it\s+|we\s+get\s+)?(?:is|are|equals|gives|returns?|yields|produces|"
    r"should\s+(?:be|return|give|equal))\s+(?P<value>.{1,300}?)[,;.]?(?:\s+(?:and|while|but))?(?:\s+the)?\s*$",
    re.IGNORECASE,
)
_VALUE = r"(?:-?\d[\d.]*|\"[^\"\n]{0,60}\"|'[^'\n]{0,60}'|\[[^\]\n]{0,80}\]|`[^`\n]{1,60}`)"
_ANNOUNCED = re.compile(
    rf"(?:\b(?:example|e\.g\.|for\s+instance)[:,]?\s+{_VALUE}\s*(?:->|=>|→|➞|⇒|\b(?:gives?|returns?|becomes|yields?|maps\s+to)\b)"
    rf"|\b(?:called|applied|invoked)\s+(?:with|on|to)\s+{_VALUE},?\s+(?:it\s+)?(?:should\s+)?(?:gives?|returns?|yields?)\b)"
    rf"\s*{_VALUE}",
    re.IGNORECASE,
)
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)


class SpokenExamples:
    """The reader of one statement's examples in words."""

    def __init__(self, page: Page, wanted: Wanted, named: NamedInputs) -> None:
        self._page = page
        self._wanted = wanted
        self._named = named

    def read(self) -> None:
        """Read what no reader before has taken."""
        self._given_and_returned()
        name = re.escape(self._wanted.entry_point)
        call = re.compile(rf"(?<![\w.])`?{name}`?\s+{_TAKES}\s+", re.IGNORECASE)
        for number, line in enumerate(self._page.lines):
            if self._wanted.entry_point in line and len(line) <= LITERAL_CHARS and self._page.free(number):
                # What is said of a call ends where the next one begins.
                for said in call.split(line)[1:]:
                    self._said(number, said)
        self._leftovers()

    def _leftovers(self) -> None:
        """Where nothing was read, refuse what is announced as an example and holds two values."""
        for number, line in enumerate(self._page.lines if not self._page.tests else ()):
            if self._page.free(number) and _ANNOUNCED.search(line[:2000]):
                self._page.refuse(number, f"it is no form that is known; {HOW_TO}")

    def _said(self, number: int, said: str) -> None:
        """Read what follows a call's name in words; where it has values that cannot be read it is refused."""
        match = _SAID.match(said)
        expected = read_value(first_value(plain(match["value"]))) if match else None
        if not match or expected is None or not self._page.may_go_on(number):
            return
        arguments, why = self._named.arguments(plain(match["given"]).strip("` "))
        if arguments is None:
            arguments, why = self._named.arguments(_AND.sub(", ", plain(match["given"])).replace("`", ""))
        if arguments is not None:
            self._page.add(number, PublicTest(input=arguments, expected=expected))
            self._page.take([number])
        elif has_values(match["given"]):
            self._page.refuse(number, f"{why}; {HOW_TO}")

    def _given_and_returned(self) -> None:
        """Read `Given: 3` and, in the next line with words, `Returns: 9`."""
        lines, number = self._page.lines, 0
        while number + 1 < len(lines):
            given = _GIVEN.match(lines[number]) if self._page.free(number) and ":" in lines[number][:40] else None
            below = next((at for at in range(number + 1, min(number + 3, len(lines))) if lines[at].strip()), number)
            then = _THEN.match(lines[below]) if given and below > number and self._page.free(below) else None
            if given and then and len(lines[number]) + len(lines[below]) <= LITERAL_CHARS:
                self._returned(number, below, given[1], then[1])
            number += 1

    def _returned(self, number: int, below: int, given: str, returned: str) -> None:
        arguments, why = self._named.arguments(plain(given).strip("` "))
        expected = read_value(first_value(plain(returned)))
        if arguments is not None and expected is not None:
            self._page.add(number, PublicTest(input=arguments, expected=expected))
            self._page.take([number, below])
        elif expected is not None and has_values(given):
            self._page.refuse(number, f"{why}; {HOW_TO}")
