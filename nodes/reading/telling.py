"""How a statement was read, in words: one line before a search, or all of it, which reads back as the same problem."""

from __future__ import annotations

from nodes.reading.writing import example_text
from nodes.state import Problem, Several

SEVERAL: dict[Several, str] = {
    "any_answer": "any of several outputs is right, and an example shows one of them",
    "any_order": "the output may come in any order, and an example shows one",
    "interactive": "the program talks with a judge, whom nothing here plays",
}


def reading_line(problem: Problem) -> str:
    """Return what was read, in one line: the function or program, the examples, what could not be read."""
    if problem.options:
        return f"read a question with {len(problem.options)} options"
    what = f"the function {problem.entry_point}" if problem.entry_point else "a program"
    count = len(problem.tests)
    line = f"read {what} with {count} example{'' if count == 1 else 's'}"
    if problem.unread:
        line += f", {len(problem.unread)} could not be read: {problem.unread[0].words}"
    return f"{line}; {SEVERAL[problem.several]}" if problem.several else line


def whole_reading(problem: Problem) -> str:
    """Return the mode, every example as it is checked, and every line that could not be read."""
    if problem.entry_point:
        parts = [f"Write a function named `{problem.entry_point}`."]
    else:
        parts = ["Write a program that reads standard input and writes standard output."]
    parts += [example_text(problem, test) for test in problem.tests]
    if problem.several:
        parts.append(f"Note: {SEVERAL[problem.several]}.")
    if problem.also_called:
        parts.append(f"Not checked, though examples call it: {', '.join(problem.also_called)}.")
    parts += [f"Could not be read, {one.words}" for one in problem.unread]
    return "\n\n".join(parts)
