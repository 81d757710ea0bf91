"""From a reply to a program that runs."""

from __future__ import annotations

from inference.base import Completion
from nodes.granted import with_granted_imports
from nodes.programs import program_of, with_typing_names
from nodes.state import Problem

STARTER = "class Solution:\n    def total(self, xs: List[int]) -> Optional[int]:"
CODE = "class Solution:\n    def total(self, xs: List[int]):\n        return sum(xs)"


def test_names_that_the_starter_takes_for_granted_are_imported():
    assert with_typing_names(CODE, STARTER).startswith("from typing import List\n\nclass")
    exec(compile(with_typing_names(CODE, STARTER), "program", "exec"), {})


def test_program_with_imports_of_its_own_stays_as_it_is():
    for line in ("from typing import List\n", "import typing\n"):
        assert with_typing_names(line + CODE, STARTER) == line + CODE


def test_names_of_the_program_alone_are_its_own_business():
    assert with_typing_names(CODE, "") == CODE


def test_reply_without_code_has_no_program():
    problem = Problem(statement="p", entry_point="total", starter_code=STARTER)
    assert program_of(None, problem) is None
    assert program_of(Completion(text="no code"), problem) is None
    assert program_of(Completion(text=f"```python\n{CODE}\n```"), problem) == with_typing_names(CODE, STARTER)


SUM = "class Solution:\n    def total(self, xs):\n        return floor(math.fsum(xs)) + len(deque(xs))"


def test_a_site_s_program_gets_the_imports_that_its_grader_grants():
    problem = Problem(statement="p", entry_point="total", starter_code=STARTER)
    code = program_of(Completion(text=f"```python\n{SUM}\n```"), problem)
    assert code is not None
    assert code.splitlines()[:3] == ["from collections import deque", "from math import floor", "import math"]
    space: dict[str, object] = {}
    exec(compile(code, "program", "exec"), space)
    assert space["Solution"]().total([1.5, 2]) == 5  # type: ignore[operator]


def test_imports_of_its_own_and_other_problems_get_none():
    plain = Problem(statement="p", entry_point="total")
    assert program_of(Completion(text=f"```python\n{SUM}\n```"), plain) == SUM
    own = "import math\nfrom collections import deque\nfloor = math.floor\n" + SUM
    site = Problem(statement="p", entry_point="total", starter_code=STARTER)
    assert program_of(Completion(text=f"```python\n{own}\n```"), site) == own


def test_granted_imports_stand_after_those_from_the_future():
    code = with_granted_imports("from __future__ import annotations\nprint(sqrt(4))")
    assert code == "from __future__ import annotations\nfrom math import sqrt\n\nprint(sqrt(4))"
