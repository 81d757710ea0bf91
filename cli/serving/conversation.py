"""What a conversation asks a search for: the last task in it with what was said since, or nothing that is a task.

Chat clients send the whole conversation, and send more than tasks: greetings, questions about an answer, orders of the
client itself for a title, tags or follow-up questions. Those are answered by the bare model, at once.

Limits: read from the words, in English; in doubt a message is a task.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from nodes.problem_text import ProblemError, read_problem
from nodes.state import Problem

_CLIENTS_OWN = re.compile(
    r"\b(?:generate|create|write|suggest|provide|come up with|give|return|respond with|summari[sz]e|"
    r"determine|analy[sz]e)\b[^.\n]{0,80}"
    r"\b(?:titles?|tags?|emoji|follow-?up (?:questions|prompts)|search quer(?:y|ies)|autocomplet\w*|"
    r"summary|conversation|chat)\b",
    re.IGNORECASE,
)
_ORDER_OF_A_CLIENT = re.compile(
    r"\byou are an autocompletion system\b|\bthrough a fitting emoji\b|\b\d+(?:-\d+)?[ -]words?[ -]titles?\b"
    r"|\breply with a title\b|\bgive the title only\b|\btitle for (?:the|this) (?:chat|conversation)\b",
    re.IGNORECASE,
)
"""Orders that no person gives."""
_PROSE = re.compile(
    r"^\W*(?:please\s+|can you\s+|could you\s+)?(?:(?:write|compose|draft|create|generate)\b[^.\n]{0,40}"
    r"\b(?:poem|e-?mail|letter|story|essay|article|song|haiku|tweet|speech|blog|joke|recipe|summary)\b"
    r"|(?:summari[sz]e|translate|proofread|rephrase|paraphrase)\b)",
    re.IGNORECASE,
)
_PROGRAM = re.compile(
    r"\b(?:functions?|programs?|scripts?|class|code|python|algorithm|method)\b|函数|程序|関数|함수", re.IGNORECASE
)
_KNOWN = re.compile(
    r"\bin python\b|\bfizz ?buzz\b|\b(?:quick|merge|bubble|heap|insertion) ?sort\b|\bbinary search\b|\bfibonacci\b"
    r"|\bdijkstra\b|\bn[- ]queens\b|\bsudoku\b|函数|程序|代码|関数|함수|функци|программ",
    re.IGNORECASE,
)
"""What is a task though it names no kind of program, or names it in another language."""
_FENCED = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_ABOUT_A_CHAT = re.compile(
    r"\b(?:chat|conversation|dialogue?|message)(?:[ _-]history|s)?\b|<chat_history>|<conversation>|^\s*### Task:",
    re.IGNORECASE | re.MULTILINE,
)
_TASK_WORDS = re.compile(
    r"\b(?:write|implement|complete|define|create|code|program|function|method|class|algorithm|script|read|print|output|"
    r"input|given|return|returns|compute|calculate|count|find|sort|determine|solve|reverse|merge|parse|convert|check|"
    r"generate|sum|array|list|string|integer|numbers?)\b|```|>>>|\bassert\b|def ",
    re.IGNORECASE,
)
_ORDERS = re.compile(
    r"^\W*(?:(?:please|now|and|but|also|then|ok(?:ay)?|great|thanks?(?: you)?|no|yes|it|this|the program|instead)\b"
    r"[\s,.!:-]*)*"
    r"(?:make|use|change|handle|support|fix|rewrite|add|try|do|remove|rename|optimi[sz]e|improve|must|should|without|"
    r"faster|consider|allow|treat|let|keep|extend|avoid|has to|have to|needs? to)\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"^\W*(?:(?:and|but|so|ok(?:ay)?|thanks?(?: you)?|great)\b[\s,.!-]*)*(?:why|what|how|who|when|where|which|is|are|"
    r"does|did|do|can|could|would|explain|tell|describe|show me how)\b",
    re.IGNORECASE,
)
_NEW_TASK = re.compile(
    r"\b(?:write|implement|create|define|code|give me|complete|solve)\b[^.\n]{0,80}"
    r"\b(?:function|method|program|class|script)\b",
    re.IGNORECASE,
)
_LONG = 60
"""Words from which a message is a statement, whatever its words are."""


def task_in(said: Sequence[str]) -> str | None:
    """Return the task that a user's messages ask for, or None when the last of them asks for none.

    The last message is the task, unless it adds to an earlier one: then that one and all since are.
    """
    said = [text for text in said if text.strip()]
    if not said:
        return ""
    last = said[-1]
    if is_clients_own(last):
        return None
    own = [i for i, text in enumerate(said) if not is_clients_own(text) and _is_task(text)]
    if not own:
        return None
    start = _start(said, own)
    if start is None:
        return None
    return "\n\n".join(text for text in said[start:] if not is_clients_own(text))


def is_clients_own(text: str) -> bool:
    """Whether a message is an order of the client's own about the chat: a title, tags, a summary."""
    head = text[:600]
    if _ORDER_OF_A_CLIENT.search(head):
        return True
    return bool(_CLIENTS_OWN.search(head) and _ABOUT_A_CHAT.search(text[:2000] + text[-2000:]))


def _start(said: Sequence[str], own: Sequence[int]) -> int | None:
    """Return the message at which the task begins that the last one is about; None when it asks for no program."""
    last = len(said) - 1
    before = [i for i in own if i < last]
    if not before:
        return last if last in own else None
    problem = _read(said[last])
    if last in own and _is_new(problem, said[last], [_read(said[i]) for i in before]):
        return last
    if last in own or _ORDERS.match(said[last]):
        return before[-1] if not problem or not problem.entry_point else _named(said, before, problem)
    return None


def _is_new(problem: Problem | None, text: str, earlier: Sequence[Problem | None]) -> bool:
    """Whether a message is a task of its own: it names another function, or is a statement by itself."""
    if problem is None:
        return False
    if problem.entry_point:
        return problem.entry_point not in {one.entry_point for one in earlier if one is not None}
    return bool(_NEW_TASK.search(text) or problem.tests or len(text.split()) >= _LONG)


def _named(said: Sequence[str], before: Sequence[int], problem: Problem) -> int:
    """Return the message that asked for a function first."""
    found = [i for i in before if (one := _read(said[i])) is not None and one.entry_point == problem.entry_point]
    return found[0] if found else before[-1]


def _is_task(text: str) -> bool:
    """Whether a message can be a statement: something in it is asked for that is a program."""
    problem = _read(text)
    if problem is None:
        return False
    if problem.tests:
        return True
    if (_is_question(text) and not _NEW_TASK.search(text)) or (_PROSE.match(text) and not _PROGRAM.search(text[:200])):
        return False
    if problem.entry_point or problem.starter_code or len(text.split()) >= _LONG:
        return True
    return bool(_TASK_WORDS.search(text) or _KNOWN.search(text))


def _is_question(text: str) -> bool:
    """Whether a message asks about something: by its first word, or code is shown and the words beside it ask."""
    words = _FENCED.sub(" ", text).strip()
    return bool(_QUESTION.match(text)) or ("```" in text and words.endswith("?"))


def _read(text: str) -> Problem | None:
    try:
        return read_problem(text)
    except ProblemError:
        return None
