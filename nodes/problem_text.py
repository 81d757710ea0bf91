"""Read a problem as a person writes it: Markdown with a statement, an optional signature or starter code, examples.

Two modes. `function`: the text names a function (a signature in backticks, starter code, doctests or asserts).
`stdio`: everything else; examples are `Input:`/`Output:` blocks, fenced or ended by a blank line.

Limits: one function is solved; calls with keyword arguments and values that are no literals are not read as examples.
"""

from __future__ import annotations

import ast
import builtins
import re

from nodes.labelled import labelled_pairs
from nodes.parsing import LITERAL_CHARS, call_arguments, literal, parse_asserts, python_blocks
from nodes.state import Problem, PublicTest
from sandbox.base import Mode

MAX_CHARS = 200_000
_MOST_LINES = 40
"""Lines that one expected value may take."""
_SIGNATURE = re.compile(r"`(?:def\s+)?([A-Za-z_]\w*)\s*\(([^`]*)\)\s*(?:->\s*[^`]+)?`")
_DEF = re.compile(r"^([ \t]*)(?:async\s+)?def\s+([A-Za-z_]\w*)\s*\(", re.MULTILINE)
_CALL = re.compile(r"^\s*(?:>>>\s*(?:print\()?|assert\s+)([A-Za-z_]\w*)\(", re.MULTILINE)
_ASKED = re.compile(
    r"\b(?:write|implement|complete|define|create|code|give|provide)\b[^.\n]{0,80}\b(?:function|method)\b",
    re.IGNORECASE,
)
_PROMPT = ">>>"
_ASSIGNMENT = re.compile(r"^\s*[A-Za-z_]\w*\s*=[^=]")
_WORDS = re.compile(r"\b[A-Za-z]{3,}\b")
_FORMAT_WORDS = re.compile(
    r"\b(?:lines?|contains?|integers?|numbers?|strings?|arrays?|prints?|output|input|separated|given|denoting)\b",
    re.IGNORECASE,
)


class ProblemError(ValueError):
    """The text is no problem that can be worked on; the message is one line that says why."""


def read_problem(text: str) -> Problem:
    """Return the problem that a text describes.

    Raises:
        ProblemError: the text is empty or longer than `MAX_CHARS`.
    """
    statement = text.replace("\r\n", "\n").strip()
    if not statement:
        raise ProblemError("the problem is empty: give a statement, a file or --stdin")
    if len(statement) > MAX_CHARS:
        raise ProblemError(f"the problem has {len(statement)} characters; at most {MAX_CHARS} are read")
    starter = _starter_code(statement)
    called = _called(statement)
    entry_point = _entry_point(statement, starter, called)
    mode: Mode = "function" if entry_point else "stdio"
    tests = _function_tests(statement, entry_point) if entry_point else _stdio_tests(statement)
    others = tuple(name for name in called if name != entry_point) if entry_point else ()
    return Problem(
        statement=statement, mode=mode, entry_point=entry_point, starter_code=starter, tests=tests, also_called=others
    )


def _starter_code(statement: str) -> str:
    """Return the fenced block that defines the function to be written, if one does; `main` is no function to call."""
    return next((block.rstrip() for block in python_blocks(statement) if _functions(block)), "")


def _functions(code: str) -> list[str]:
    return [name for _, name in _DEF.findall(code) if not name.startswith("__") and name != "main"]


def _called(statement: str) -> list[str]:
    """Return the functions that the examples call, in order, Python's own and classes left out."""
    names = dict.fromkeys(_CALL.findall(statement))
    return [name for name in names if not hasattr(builtins, name) and not name[0].isupper()]


def _entry_point(statement: str, starter: str, called: list[str]) -> str:
    if starter:
        defined = _functions(starter)
        return next((name for name in called if name in defined), defined[0])
    if called:
        return called[0]
    name = next(iter(_functions(statement)), "") or _signature(statement)
    # A text about a function that shows data to read and write wants a program.
    return name if _ASKED.search(statement) or not _stdio_tests(statement) else ""


def _signature(statement: str) -> str:
    """Return the name of the first signature in backticks after the word function; `O(n)` is none."""
    asked = re.search(r"\b(?:function|method)\b", statement, re.IGNORECASE)
    found = _SIGNATURE.finditer(statement, asked.end()) if asked else ()
    return next((match.group(1) for match in found if match.group(1) not in ("O", "o", "Theta")), "")


def _function_tests(statement: str, entry_point: str) -> tuple[PublicTest, ...]:
    asserted = (PublicTest(input=a, expected=b) for a, b in parse_asserts(statement, entry_point))
    tests = [*_doctests(statement, entry_point), *asserted, *_assigned_examples(statement)]
    return tuple(dict.fromkeys(tests))


def _doctests(statement: str, entry_point: str) -> list[PublicTest]:
    lines = [line.strip() for line in statement.splitlines()]
    tests = []
    for i, line in enumerate(lines):
        if not line.startswith(_PROMPT):
            continue
        call = line.removeprefix(_PROMPT).strip()
        printed = call.removeprefix("print(").removesuffix(")") if call.startswith("print(") else ""
        arguments = call_arguments(printed or call, entry_point)
        expected = _shown_value(lines[i + 1 : i + 1 + _MOST_LINES], is_printed=bool(printed))
        if arguments is not None and expected is not None:
            tests.append(PublicTest(input=arguments, expected=expected))
    return tests


def _shown_value(lines: list[str], *, is_printed: bool) -> str | None:
    """Return the value below a prompt, which may take several lines; what is printed and no literal is a text."""
    end = next((i for i, line in enumerate(lines) if not line or line.startswith((_PROMPT, "```"))), len(lines))
    whole = _canonical(" ".join(lines[:end]))
    first = lines[0] if end else ""
    printed = repr(first) if is_printed and first else None
    return whole or _canonical(first) or printed


def _assigned_examples(statement: str) -> list[PublicTest]:
    """Read LeetCode's form: `Input: nums = [1, 2], k = 3` and `Output: 5`."""
    tests = []
    for given, wanted in labelled_pairs(statement):
        if not _ASSIGNMENT.match(given):
            continue
        arguments, expected = _keyword_values(given.strip()), _canonical(wanted.strip())
        if arguments is not None and expected is not None:
            tests.append(PublicTest(input=arguments, expected=expected))
    return tests


def _keyword_values(text: str) -> str | None:
    """Return the values of `a = 1, b = [2]` as an argument text."""
    try:
        call = ast.parse(f"f({_json_words(text)})", mode="eval").body if len(text) <= LITERAL_CHARS else None
        keywords = call.keywords if isinstance(call, ast.Call) else []
        values = [repr(ast.literal_eval(keyword.value)) for keyword in keywords]
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return ", ".join(values) or None


def _canonical(text: str) -> str | None:
    """Return a value in Python's own spelling; None when the text is no literal."""
    if not text:
        return None
    try:
        return repr(literal(_json_words(text)))
    except ValueError:
        return None


def _json_words(text: str) -> str:
    """Turn JSON's `true`, `false`, `null` outside of strings into Python's words."""
    words = {"true": "True", "false": "False", "null": "None"}
    parts = re.split(r"(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')", text)
    return "".join(
        part if i % 2 else re.sub(r"\b(true|false|null)\b", lambda m: words[m.group()], part)
        for i, part in enumerate(parts)
    )


def _stdio_tests(statement: str) -> tuple[PublicTest, ...]:
    """Keep pairs that look like data; a section that describes the format in words is no example."""
    pairs = labelled_pairs(statement)
    return tuple(PublicTest(input=a, expected=b) for a, b in pairs if b.strip() and not (_is_prose(a) or _is_prose(b)))


def _is_prose(text: str) -> bool:
    """Whether a text is about the data rather than data: most of its lines are sentences."""
    lines = [line for line in text.splitlines() if line.strip()]
    return 2 * sum(map(_is_sentence, lines)) > len(lines)


def _is_sentence(line: str) -> bool:
    ends = line.rstrip().endswith((".", ":", ";", ","))
    words, formats = len(_WORDS.findall(line)), len(_FORMAT_WORDS.findall(line))
    if words > 3 and (ends or formats > 1):
        return True
    return words > 1 and formats > 0 and (ends or "`" in line or "$" in line)
