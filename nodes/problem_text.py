"""Read a problem as a person writes it: Markdown with a statement, an optional signature or starter code, examples.

Two modes. `function`: the text asks for a function or a class (a phrase, a signature, starter code, or calls in its
examples). `stdio`: everything else; examples are `Input:`/`Output:` blocks. What looks like an example and cannot be
read is kept as such (`Problem.unread`), never dropped. `nodes/reading/` has one module for each form.

Limits: one function or class is solved; the other functions that its examples call are only named.
"""

from __future__ import annotations

import html
import re

from nodes.labelled import MOST_BLOCKS, Block, blocks_of, pairs_in, pairs_of, unquoted
from nodes.prose import is_prose
from nodes.reading.asked import Asked, asked_for, what_is_asked
from nodes.reading.assertions import Wanted
from nodes.reading.code_lines import code_lines
from nodes.reading.doctests import Doctests
from nodes.reading.found import Page
from nodes.reading.named_inputs import NamedInputs, assigned_values
from nodes.reading.phrases import asks_for_function, is_told
from nodes.reading.several import in_any_order, is_flat, several_of, tolerance_of, within
from nodes.reading.shown_calls import ShownCalls
from nodes.reading.spoken import SpokenExamples
from nodes.reading.structures import misfit, shaped
from nodes.state import Problem, PublicTest, Unread

MAX_CHARS = 200_000
_HOW_TO = "write `Input:` and `Output:`, each with its text in a fenced block below"
_LEFT_OUT = re.compile(r"(?:^|[\s,])-?\d+,?[ ]\.\.\.,?[ ]-?\d", re.MULTILINE)
"""Numbers that were not all written down."""
_NAMED_INPUT = re.compile(r"\s*[A-Za-z_]\w*\s*(?:\[\s*\])?\s*=")
_MINUS = re.compile("\u2212(?=[\\d.])")
_INVISIBLE = re.compile("[\u200b\u200c\u200d\u2060\ufeff]")
_SPOKEN = re.compile(
    r"\b(?:given|for|if|input)\b[^`\n]{0,40}`[^`\n]{0,80}\d[^`\n]{0,80}`[^`\n]{0,60}"
    r"\b(?:output|print|prints|answer|result)\b[^`\n]{0,30}`[^`\n]+`",
    re.IGNORECASE,
)
"""An example in a sentence: the input and the output of a program in backticks."""
_SPOKEN_BARE = re.compile(
    r"\b(?:for|given|if|example:?|when)\s{1,3}(?:the\s)?inputs?\b[^\n]{0,30}\d[^\n]{0,40}?"
    r"\b(?:outputs?|prints?|answer|result)\b[^\n]{0,30}\d",
    re.IGNORECASE,
)
"""The same with digits."""
_ARROW = re.compile(r"^\s*(?:[-*•]\s+)?`?[-\d\"'\[][^=\n<>]{0,60}?\s*(?:->|=>|→|➞|⇒)\s*`?[-\d\"'\[A-Za-z][^\n]{0,60}$")
_REMARK = re.compile(
    r"^\s*[-\d][-\d. ]*\s(?:#|//)\s*[A-Za-z]"
    r"|\s\((?:because|since|as|so|i\.e\.|e\.g\.)\b[^()\n]*\)\s*$"
    r"|^\s*[-\d][-\d. ]*\s\([A-Za-z]+(?:\s[^()\n]*)?\)\s*$",
    re.IGNORECASE,
)
"""Words in brackets behind the data of one line."""
_QUOTED = re.compile(r"^>(?:[ ]|$)", re.MULTILINE)
_SPACES = str.maketrans({"\u00a0": " ", "\u2007": " ", "\u202f": " ", "\u3000": " ", "\t": "    "})


class ProblemError(ValueError):
    """The text is no problem that can be worked on; the message is one line that says why."""


def read_problem(text: str) -> Problem:
    """Return the problem that a text describes, with what looked like an example and could not be read.

    Raises:
        ProblemError: the text is empty or longer than `MAX_CHARS`.
    """
    statement = text.replace("\r\n", "\n").strip()
    if not statement:
        raise ProblemError("the problem is empty: give a statement, a file or --stdin")
    if len(statement) > MAX_CHARS:
        raise ProblemError(f"the problem has {len(statement)} characters; at most {MAX_CHARS} are read")
    readable = cleaned(statement)
    asked = what_is_asked(readable)
    if asked.entry_point and not asked.is_shown and _wants_program(readable, asked.parameters):
        asked = Asked()
    if not asked.entry_point:
        tests, unread = _stdio(readable)
        several = several_of(readable)
        if not several and tolerance_of(readable) and any("." in test.expected for test in tests):
            several = "any_answer"
        return Problem(statement=statement, mode="stdio", tests=tests, unread=unread, several=several)
    tests, unread = function_examples(readable, asked)
    several = several_of(readable)
    if tolerance := tolerance_of(readable):
        tests = within(tests, tolerance)
    if several == "any_order":
        tests = in_any_order(tests)
        several = "" if is_flat(tests) else "any_answer"
    return Problem(
        statement=statement,
        mode="function",
        entry_point=asked.entry_point,
        starter_code=asked.starter_code,
        tests=tests,
        also_called=asked.also_called,
        unread=unread,
        several=several,
    )


def _wants_program(statement: str, parameters: tuple[str, ...]) -> bool:
    """Whether a text about a function shows data to read and write, and does not tell to write the function."""
    pairs = [pair for pair in pairs_of(statement) if _is_data(*pair)]
    if not pairs or (parameters and all(assigned_values(given.text).keys() == set(parameters) for given, _ in pairs)):
        return False
    return not asks_for_function(statement) or not (is_told(statement) or pairs[0][0].is_inline)


def cleaned(statement: str) -> str:
    """Return a statement as readers see it: the same lines, without invisible characters and HTML's entities."""
    text = _MINUS.sub("-", _INVISIBLE.sub("", statement).translate(_SPACES))
    if text.count("\n> ") > 1:
        text = _QUOTED.sub("", text)
    return html.unescape(text) if re.search(r"&(?:gt|lt|amp|quot|nbsp|#39|#x27);", text) else text


def examples_of(statement: str, entry_point: str) -> tuple[tuple[PublicTest, ...], tuple[Unread, ...]]:
    """Return the examples of a function whose name is known, and what looks like one and could not be read."""
    readable = cleaned(statement)
    return function_examples(readable, asked_for(entry_point, readable))


def parameters_of(problem: Problem) -> tuple[str, ...]:
    """Return the names of a function's parameters, as far as the statement shows them."""
    if problem.mode != "function":
        return ()
    return asked_for(problem.entry_point, problem.starter_code or cleaned(problem.statement)).parameters


def function_examples(statement: str, asked: Asked) -> tuple[tuple[PublicTest, ...], tuple[Unread, ...]]:
    """Return the examples of a function, and what looks like one and could not be read."""
    wanted = Wanted(entry_point=asked.entry_point, parameters=asked.parameters, defined=asked.defined)
    if "def check(candidate)" in statement:
        statement = re.sub(r"\bcandidate\(", f"{asked.entry_point}(", statement)
    page = Page(lines=statement.split("\n"))
    page.take(code_lines(statement, asked.starter_code))
    named = NamedInputs(page, wanted)
    Doctests(page, wanted).read()
    named.tables()
    ShownCalls(page, wanted).read()
    named.read()
    SpokenExamples(page, wanted, named).read()
    for number, test in page.tests:
        if why := misfit(test, asked.annotations):
            page.refuse(number, f"{why}; write it as `assert` with the values that the function takes")
    page.tests = [(number, test) for number, test in page.tests if not misfit(test, asked.annotations)]
    page.refuse_section()
    tests, refused = page.agreeing()
    return tuple(shaped(test, asked.entry_point, asked.annotations) for test in tests), refused


def _stdio(statement: str) -> tuple[tuple[PublicTest, ...], tuple[Unread, ...]]:
    """Keep pairs that look like data; a section that describes the format in words is no example."""
    page = Page(lines=statement.split("\n"))
    blocks = blocks_of(statement)
    if len(blocks) > MOST_BLOCKS:
        page.refuse(blocks[-1].line, f"more than {MOST_BLOCKS} blocks; from here on they were not read")
    paired: set[int] = set()
    for given, wanted in pairs_in(blocks):
        paired |= {given.line, wanted.line}
        if not _is_data(given, wanted):
            continue
        if why := _why_unclear(given, wanted):
            page.refuse(given.line, f"{why}; {_HOW_TO}")
        else:
            page.add(given.line, _stdio_test(given, wanted))
    _refuse_lonely(page, [block for block in blocks if block.line not in paired])
    page.refuse_section()
    return page.agreeing()


def _refuse_lonely(page: Page, blocks: list[Block]) -> None:
    """Refuse samples without their other half, and examples that are no blocks where there are no others."""
    for block in blocks:
        if block.is_sample and block.text.strip() and not is_prose(block.text):
            partner = "Output" if block.kind == "input" else "Input"
            page.refuse(min(block.line, len(page.lines) - 1), f"no {partner} belongs to it; {_HOW_TO}")
    for number, line in enumerate(page.lines if not page.tests else ()):
        if any(pattern.search(line[:2000]) for pattern in (_SPOKEN, _SPOKEN_BARE, _ARROW)):
            page.refuse(number, f"it is no pair of blocks; {_HOW_TO}")


def _why_unclear(given: Block, wanted: Block) -> str:
    """Return why nobody can tell what the data of a sample are, or an empty text."""
    for block in (given, wanted):
        if block.is_inline and _REMARK.search(block.text):
            return "a remark stands behind the data"
        if block is given and _NAMED_INPUT.match(block.text) and assigned_values(block.text):
            return "it names an argument, and no function is named that takes it"
        if _LEFT_OUT.search(block.text):
            return "what `...` stands for is not said"
    return "an empty line ends the output, and more follows" if wanted.is_cut else ""


def _stdio_test(given: Block, wanted: Block) -> PublicTest:
    if given.is_inline and wanted.is_inline:
        return PublicTest(input=unquoted(given.text), expected=unquoted(wanted.text))
    return PublicTest(input=given.text, expected=wanted.text)


def _is_data(given: Block, wanted: Block) -> bool:
    if is_prose(given.text) or is_prose(wanted.text):
        return False
    return bool(wanted.text.strip()) or (wanted.is_sample and given.is_sample and bool(given.text.strip()))
