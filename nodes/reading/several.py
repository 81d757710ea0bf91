"""Statements whose examples show one of several right outputs, told from their words.

Limits: words only; a statement that says nothing of the kind and takes several answers all the same is not recognised.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import replace

from nodes.reading.phrases import squeezed
from nodes.reading.values import expression
from nodes.state import PublicTest, Several

_INTERACTIVE = re.compile(
    r"\binteractive\s+(?:problem|task)\b|\bthis\s+is\s+(?:an\s+)?interactive\b|\binteracts?\s+with\s+(?:the|a)\s+(?:judge|grader|jury)"
    r"|\bflush\s+(?:the\s+)?(?:standard\s+)?(?:output|stdout)|交互题|интерактивн",
    re.IGNORECASE,
)
_GIVE = r"(?:print|output|return|report|find|display|give|write)(?:s|ed|ing)?"
_ANY_ANSWER = re.compile(
    rf"\b{_GIVE}\s+any\b(?!\s*thing)(?:\s+(?:one|of|valid|correct|possible|such|answer|solution)\b|[.,])"
    r"|\bany\s+(?:one\s+)?of\s+them\b[^.\n]{0,40}(?:accept|correct|print|output|return|$|\.)"
    r"|\bany\s+(?:valid|correct|such|possible|acceptable)\s+(?:one\s+)?(?:answers?|solutions?|outputs?|results?|arrays?|orders?|ways?)"
    r"|\bany\s+(?:answer|solution)\s+(?:is|will\s+be|would\s+be)?\s*(?:accepted|valid|correct)"
    r"|\b(?:multiple|several|many|more\s+than\s+one)\s+(?:\w+\s+){0,3}(?:answers?|solutions?)\b[^.\n]{0,80}\bany\b"
    r"|\bany\s+will\s+do\b|\bmultiple\s+(?:answers|solutions)\s+(?:are|will\s+be)\s+accepted"
    r"|\border\s+of\s+the\s+output\s+and\b|输出任意一[个种]|任意一组|любой\s+из|выведите\s+любо",
    re.IGNORECASE,
)
_ANY_ORDER = re.compile(
    rf"\b(?:{_GIVE}|answers?|results?|lists?|elements)\b[^.\n]{{0,80}}\bin\s+(?:any|arbitrary)\s+order\b"
    r"|\border\s+(?:of\s+(?:the\s+)?(?:output|result|elements|answer)\s+)?(?:(?:does\s+not|doesn't|doesn’t)\s+matter"
    r"|is\s+(?:not\s+important|unimportant|irrelevant))\b",
    re.IGNORECASE,
)


def several_of(statement: str) -> Several:
    """Return why an example's output is not the only right one; an empty text where nothing says so."""
    statement = squeezed(statement)
    if _INTERACTIVE.search(statement):
        return "interactive"
    if _ANY_ANSWER.search(statement):
        return "any_answer"
    return "any_order" if _ANY_ORDER.search(statement) else ""


def in_any_order(tests: Sequence[PublicTest]) -> tuple[PublicTest, ...]:
    """Return examples of a function with lists for results that may come in any order."""
    return tuple(replace(test, how="unordered") if _is_list(test) else test for test in tests)


_ERROR = re.compile(
    r"\b(?:absolute|relative)\s+(?:or\s+(?:absolute|relative)\s+)?error\b|\banswers?\s+within\b"
    r"|\bwithin\s+(?:a\s+)?(?:tolerance|error|precision)\b|\btolerance\s+of\b",
    re.IGNORECASE,
)
_SMALL = re.compile(
    r"10\s*(?:\*\*|\^|<sup>)?\s*[{(]?\s*-\s*(\d{1,2})|(?<![\w.])1e-(\d{1,2})|(?<![\d.])0\.(0{0,10})1\b", re.IGNORECASE
)
_NEAR = 200


def tolerance_of(statement: str) -> float:
    """Return the error that a statement allows its answers, or 0 where it speaks of none."""
    for match in _ERROR.finditer(statement):
        found = _SMALL.search(statement, match.start(), match.end() + _NEAR)
        if found:
            places = int(found[1] or found[2] or len(found[3] or "") + 1)
            return float(10.0**-places)
    return 0.0


def within(tests: Sequence[PublicTest], tolerance: float) -> tuple[PublicTest, ...]:
    """Return examples of a function with a tolerance for results that are, or hold, fractions."""
    return tuple(
        replace(test, how="close", rel_tol=tolerance, abs_tol=tolerance)
        if test.how == "equal" and "." in test.expected and "'" not in test.expected
        else test
        for test in tests
    )


def is_flat(tests: Sequence[PublicTest]) -> bool:
    """Whether no expected list holds another one, whose own order nobody spoke of."""
    return not any(_is_list(test, of_lists=True) for test in tests)


def _is_list(test: PublicTest, *, of_lists: bool = False) -> bool:
    node = expression(test.expected) if test.how in ("equal", "unordered") else None
    if not isinstance(node, ast.List | ast.Tuple):
        return False
    return not of_lists or any(isinstance(item, ast.List | ast.Tuple | ast.Set) for item in node.elts)
