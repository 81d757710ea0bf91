"""Which function a statement asks for: in starter code, by a phrase, or because its examples call it.

Starter code is the fenced Python, or the whole of a text that is Python. Test functions, `check` and test classes in it
ask for nothing. Among several functions the one without a body is the one to be written.

Limits: one function, or one class, is asked for; which one of several without a body is said by the examples alone.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from nodes.parsing import python_blocks
from nodes.reading.assertions import outer_calls, parsed
from nodes.reading.doctests import items_of
from nodes.reading.values import expression, python_words, spelled

_DEF = re.compile(r"^([ \t]*)(?:async\s+)?def\s+([A-Za-z_]\w*)\s*\(", re.MULTILINE)
_CLASS = re.compile(r"^class\s+([A-Za-z_]\w*)", re.MULTILINE)
_MOST_LOOKED_AT = 50
"""Examples of each kind that are looked at for the names that they call."""
_BASES = re.compile(r"^class\s+([A-Za-z_]\w*)\s*\(([^()\n]*)\)", re.MULTILINE)
_TESTING = re.compile(
    r"^[ \t]*@(?:pytest\.)?fixture\b[^\n]*\n[ \t]*def\s+\w+|^[ \t]+def\s+(?:setUp|tearDown)(?:Class)?\s*\(",
    re.MULTILINE,
)
"""What a test file defines beside its tests."""
_GAP = re.compile(r"[ \t]{3,}|\n{3,}")
_TEST = re.compile(r"^(?:test|Test|check$|main$|__)|Tests?$|TestCase$")
_OPEN_DEF = re.compile(r"[ \t]*(?:async\s+)?def\s.*:[ \t]*$")
_IN_CODE = re.compile(r"[ \t#@)\]}]|(?:from|import|def|class|async)\s")
_CODE_START = re.compile(r"^(?:from\s+\w|import\s+\w|def\s|class\s|async\s+def\s|@\w)", re.MULTILINE)
_KINDS = r"(?:function|method|funci[oó]n|fonction|funktion|funzione|fun[cç][aã]o|m[eé]todo|methode)"
_ASKED = re.compile(
    r"\b(?:write|implement|complete|define|create|code|give|provide|make|build|develop|design|finish|fix|add)\b"
    rf"[^.\n]{{0,80}}\b{_KINDS}\b|函数|函數|関数|함수|функци|\bfunction\s*:",
    re.IGNORECASE,
)
_TOLD = re.compile(
    rf"\b(?:write|implement|complete|create|code|provide|finish|fix|build|develop)\b[^.\n]{{0,80}}\b{_KINDS}\b"
    r"|函数|函數|関数|함수|функци|\bfunction\s*:",
    re.IGNORECASE,
)
_VERB = re.compile(r"\b(?:write|implement|complete|define|create|code|provide|make|task)\b:?\s*$", re.IGNORECASE)
_MARKED = r"(?:`{1,2}|\*{1,2}|_{2}|\"|')"
_NAMED = re.compile(
    rf"(?:\b{_KINDS}|函数|函數|関数|함수|функци\w*)\W{{0,3}}(?:is\s+|should\s+be\s+|must\s+be\s+|to\s+be\s+|be\s+|,\s*)?"
    rf"(?:named|called|with\s+the\s+name|name\s+is|llamada|appel[eé]e|namens|名为|叫做)\s*:?\s*{_MARKED}?(?:def\s+)?"
    rf"([A-Za-z_]\w*)",
    re.IGNORECASE,
)
_NAME_IS = re.compile(
    rf"\b(?:name\s+(?:of\s+)?(?:the\s+|your\s+)?{_KINDS}|{_KINDS}\s+name|name\s+it|call\s+it)\s*(?:is|:|should\s+be|must\s+be)?\s*"
    rf"{_MARKED}?([A-Za-z_]\w*)",
    re.IGNORECASE,
)
_MARKED_NAME = re.compile(
    rf"(?:\b{_KINDS}|函数|函數|関数|함수|функци\w*)\s*:?\s*(?:{_MARKED}\s*(?:def\s+)?([A-Za-z_]\w*)\s*(?:\(|{_MARKED})|"
    rf"(?:def\s+)?([A-Za-z_]\w*)\s*\()",
    re.IGNORECASE,
)
_CLASS_NAMED = re.compile(
    r"\b(?i:implement|write|design|create|define|complete|build)\s+(?:an?\s+|the\s+|your\s+)?(?:\w+\s+)?"
    r"(?:[`*]{0,2}class\s+(?:named\s+|called\s+)?[`*]{0,2}([A-Z]\w+)|[`*]{0,2}([A-Z]\w+)[`*]{0,2}\s+class\b)"
)
_SIGNED = re.compile(r"\bsignature\b\W{0,4}(?:is\W{1,3})?(?:def\s+)?([A-Za-z_]\w*)\s*\(", re.IGNORECASE)
_ALONE = re.compile(
    r"^[ \t]*`?(?:def[ ]+)?([A-Za-z_]\w*)\((?:[A-Za-z_][^()\n]{0,200})?\)[ ]*(?:->[^\n]{1,60})?:?`?[ ]*$", re.MULTILINE
)
_SIGNATURE = re.compile(r"`(?:def\s+)?([A-Za-z_]\w*)\s*\(([^`\n]{0,400})\)\s{0,3}(?:->\s?[^`\n]{1,100})?`")
_PLAIN = re.compile(
    r"\b(?:write|implement|complete|define|create|code|provide|task)\b:?\s+(?:the\s+|a\s+)?[`*]{0,2}(?:def\s+)?"
    r"([A-Za-z_]\w*)\s*\(([^()\n]{0,400})\)",
    re.IGNORECASE,
)
_TYPED = re.compile(r":type[ ]+(\w+):[ ]*([^\n]+)")
_RETURN_TYPE = re.compile(r":rtype:[ ]*([^\n]+)")
_NO_NAMES = {"O", "o", "Theta", "Omega", "that", "to", "which", "with", "is", "for", "in", "and", "of", "the", "a",
             "as", "takes", "returns", "named", "called", "should", "will", "must", "this", "it", "def", "you", "input",
             "output", "print", "range", "can", "exactly", "below", "above", "here", "by", "on", "from",
             "signature", "body", "header", "name", "be", "only"}  # fmt: skip
_ASSERT = re.compile(r"^\s*(?:[-*•]\s+|\d+[.)]\s+)?`?(?:assert\b|self\.assert\w+\()", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a statement asks for."""

    entry_point: str = ""
    starter_code: str = ""
    is_shown: bool = False
    """Whether code or an example shows the function, and not only a sentence names it."""
    parameters: tuple[str, ...] = ()
    annotations: tuple[str, ...] = ()
    """Of the parameters, then of the result; empty texts where there is none."""
    defined: frozenset[str] = frozenset()
    """What else the starter code defines."""
    methods: tuple[str, ...] = ()
    """Of a class that is asked for as a whole."""
    also_called: tuple[str, ...] = ()


def what_is_asked(statement: str) -> Asked:
    """Return the function or class that a statement asks for; without an entry point where it asks for none."""
    called = called_names(statement)
    starter = _starter(statement)
    if starter:
        return _of_starter(starter, statement, called)
    name = _phrase(statement)
    is_asking = bool(_ASKED.search(statement))
    if is_asking and not called:
        called = shown_names(statement)
    picked = name or next((one for one in called if not hasattr(builtins, one)), "")
    if not picked and called and (is_asking or re.search(r"^\s*assert\b", statement, re.MULTILINE)):
        picked = called[0]
    if picked:
        others = tuple(one for one in called if one != picked and not hasattr(builtins, one))
        return _with_signature(picked, statement, is_shown=bool(called), others=others)
    name = _signature(statement)
    return _with_signature(name, statement, is_shown=False, others=()) if name else Asked()


def asked_for(entry_point: str, statement: str) -> Asked:
    """Return what is known of a function that is asked for by its name."""
    starter = _starter(statement)
    parameters, annotations = _parameters(starter or statement, entry_point)
    defined = _defined(starter) - {entry_point}
    return Asked(
        entry_point=entry_point, starter_code=starter, parameters=parameters, annotations=annotations, defined=defined
    )


def asks_for_function(statement: str) -> bool:
    """Whether a statement says that a function is to be written."""
    return bool(_ASKED.search(statement))


def is_told(statement: str) -> bool:
    """Whether a statement tells its reader to write a function, and does not only define one to reckon with."""
    return bool(_TOLD.search(statement))


def called_names(statement: str) -> list[str]:
    """Return the functions that the examples call, the likeliest first in each line."""
    lines = statement.splitlines()
    names: dict[str, None] = {}
    for item in items_of(lines)[:_MOST_LOOKED_AT]:
        names |= dict.fromkeys(_calls_in(item.source))
    asserts = islice(((i, line) for i, line in enumerate(lines) if _ASSERT.match(line)), _MOST_LOOKED_AT)
    for number, line in asserts:
        if line.strip():
            text = line[line.index("assert") if "self." not in line else line.index("self.") :].strip("` ")
            names |= dict.fromkeys(_calls_in(text) or _calls_in("\n".join([text, *lines[number + 1 : number + 12]])))
    for block in python_blocks(statement):
        names |= dict.fromkeys(_compared_in(block))
    return list(names)


_SHOWN = re.compile(
    r"^\s*(?:[-*•]\s+|\d+[.)]\s+|(?:for\s+)?(?:example|e\.g\.)\s*[:,]?\s*)?`?([A-Za-z_]\w*)\((.*)\)`?\s*"
    r"(?:={1,3}>?|-{1,2}>|➞|→|⇒|(?:should\s+)?(?:returns?|gives?|equals?|is|be)\b)\s*`?\S",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


def shown_names(statement: str) -> list[str]:
    """Return the functions whose calls with constant arguments stand before an arrow, a sign of equality or a word."""
    pieces = (piece for line in statement.splitlines() for piece in _SENTENCE.split(line[:2000]) if "(" in piece)
    found = (_SHOWN.match(piece) for piece in islice(pieces, 200))
    return list(dict.fromkeys(match[1] for match in found if match and _are_values(match[2])))


def _are_values(arguments: str) -> bool:
    node = expression(f"f({python_words(arguments)})")
    return isinstance(node, ast.Call) and bool(node.args) and all(spelled(item) is not None for item in node.args)


def _compared_in(block: str) -> list[str]:
    """Return what a fenced block without definitions calls in comparisons and with remarks: `total([1]) == 1`."""
    found: list[str] = []
    for line in [] if _DEF.search(block) else block.splitlines()[:200]:
        body = parsed(line.strip())
        is_shown = "#" in line and bool(body) and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Call)
        if body and isinstance(body[0], ast.Expr) and (isinstance(body[0].value, ast.Compare) or is_shown):
            found += _calls_in(line.strip())
    return found


_METHODS = re.compile(r"^candidate$|^assert[A-Z]\w*$|^(?:isclose|allclose|approx|fabs|Counter|raises|deepcopy|fail)$")


def _calls_in(source: str) -> list[str]:
    """Return the names that one line of an example calls: unknown ones first, Python's own only alone."""
    body = parsed(source)
    names = [name for statement in body[:1] for name in outer_calls(statement) if name and not _METHODS.match(name)]
    if body and isinstance(
        body[0], ast.Assign | ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef | ast.With
    ):
        return [name for name in names if not hasattr(builtins, name) and not name[0].isupper()]
    if not body and (match := re.match(r"(?:assert\s+(?:not\s+)?)?(?:print\()?([A-Za-z_]\w*)\(", source)):
        names = [match[1]]
    methods = {
        one.func.attr for one in _walk(body) if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)
    }
    own = [name for name in names if not hasattr(builtins, name) and (name not in methods or _on_solution(body, name))]
    return (
        own
        or [name for name in names if name not in ("print", "set", "sorted", "list", "tuple") and name not in methods][
            :1
        ]
    )


def _walk(body: Sequence[ast.stmt]) -> list[ast.AST]:
    return [one for statement in body for one in ast.walk(statement)]


def _on_solution(body: Sequence[ast.stmt], name: str) -> bool:
    """Whether a method is called on a new `Solution`, which is asked for by its method."""
    for one in _walk(body):
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and one.func.attr == name:
            owner = one.func.value
            return isinstance(owner, ast.Call) and getattr(owner.func, "id", "") == "Solution"
    return False


def _starter(statement: str) -> str:
    """Return the code that defines what is to be written: a fenced block, or a text that is Python from a line on."""
    for block in python_blocks(statement):
        if _functions(block) or _asked_classes(block):
            return block.rstrip()
    match = _CODE_START.search(statement) if "def " in statement or "class " in statement else None
    if match and "```" not in statement:
        for code in (statement[match.start() :], _unfenced(statement[match.start() :])):
            if len(code) <= 20_000 and _functions(code) and _parses(_filled(code)):
                return code.rstrip()
    return ""


_MOST_CODE_LINES = 400


def _unfenced(text: str) -> str:
    """Return the lines of code that a text begins with: those that begin as code does, and what is indented below."""
    lines = text.split("\n")[:_MOST_CODE_LINES]
    end = next((i for i, line in enumerate(lines) if line.strip() and not _IN_CODE.match(line)), len(lines))
    return "\n".join(lines[:end]).rstrip()


def _filled(code: str) -> str:
    """Give a body to every function that has none, as in the text of a site's editor."""
    filled, lines = [], code.split("\n")
    for number, line in enumerate(lines):
        filled.append(line)
        if _OPEN_DEF.match(line):
            following = next((one for one in lines[number + 1 :] if one.strip()), "")
            indent = len(line) - len(line.lstrip())
            if len(following) - len(following.lstrip()) <= indent:
                filled.append(" " * (indent + 4) + "pass")
    return "\n".join(filled)


def _parses(code: str) -> bool:
    try:
        ast.parse(code)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _functions(code: str) -> list[str]:
    """Return the functions and methods that a piece of code defines, tests left out."""
    names = [name for _, name in _DEF.findall(_TESTING.sub("", code)) if not _TEST.search(name)]
    classes = _CLASS.findall(code)
    return [] if classes and not _asked_classes(code) else names


def _asked_classes(code: str) -> list[str]:
    tests = {name for name, bases in _BASES.findall(code) if "TestCase" in bases}
    return [name for name in _CLASS.findall(code) if not _TEST.search(name) and name not in tests]


def _of_starter(starter: str, statement: str, called: Sequence[str]) -> Asked:
    functions = _functions(starter)
    tree = parsed(starter) if len(starter) < 16_000 else ()
    whole = _whole_class(starter, tree, statement, called)
    if whole:
        return Asked(
            entry_point=whole[0], starter_code=starter, is_shown=True, methods=whole[1], defined=_defined(starter)
        )
    if not functions:
        return Asked(starter_code="")
    empty = [name for name in _empty(tree, starter) if name in functions]
    candidates = empty or functions
    inside = [name for name in called if name in candidates] or [name for name in called if name in functions]
    named = _phrase(statement)
    if named and named not in functions and not empty and not inside:
        # What is asked for is named, and the code beside it is whole: a helper.
        return replace(_with_signature(named, statement, is_shown=True, others=()), defined=_defined(starter))
    picked = inside[0] if inside else named if named in functions else candidates[0]
    parameters, annotations = _parameters(starter, picked)
    others = tuple(
        name for name in called
        if name != picked and not hasattr(builtins, name) and (name in empty or name not in functions)
        and name not in _defined(starter)
    )  # fmt: skip
    return Asked(
        entry_point=picked,
        starter_code=starter,
        is_shown=True,
        parameters=parameters,
        annotations=annotations,
        defined=_defined(starter) - {picked},
        also_called=others,
    )


def _whole_class(
    starter: str, tree: Sequence[ast.stmt], statement: str, called: Sequence[str]
) -> tuple[str, tuple[str, ...]] | None:
    """Return a class that is asked for as a whole, with its methods; `Solution` is asked for by its one method."""
    for name in _asked_classes(starter):
        body = re.split(rf"^class\s+{name}\b", starter, maxsplit=1, flags=re.MULTILINE)[1]
        body = re.split(r"^\S", body.split("\n", 1)[-1], maxsplit=1, flags=re.MULTILINE)[0]
        methods = tuple(method for _, method in _DEF.findall(body) if not method.startswith("__"))
        if name in ("ListNode", "TreeNode", "Node"):
            continue
        has_state = "def __init__" in body
        is_sequence = bool(re.search(rf"\[\s*\\?[\"']{name}\\?[\"']", statement))
        if is_sequence or (
            has_state and name != "Solution" and (name in called or not methods or _constructs(statement, name))
        ):
            return name, methods
    return None


def _constructs(statement: str, name: str) -> bool:
    return bool(re.search(rf"^\s*(?:>>>\s*)?\w+\s*=\s*{name}\(", statement, re.MULTILINE))


def _empty(tree: Sequence[ast.stmt], starter: str) -> list[str]:
    """Return the functions without a body: a docstring, `...`, `pass` or an error is none."""
    found = [
        one.name
        for statement in tree
        for one in ast.walk(statement)
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and all(map(_is_nothing, one.body))
    ]
    if tree:
        return found
    # LeetCode's starter code ends behind the colon, which Python does not parse.
    last = _DEF.findall(starter)
    return [last[-1][1]] if last and starter.rstrip().endswith(":") else []


def _is_nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.Pass | ast.Raise):
        return True
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _defined(starter: str) -> frozenset[str]:
    return frozenset(name for _, name in _DEF.findall(starter)) | frozenset(_CLASS.findall(starter))


def squeezed(text: str) -> str:
    """Return a text without long gaps, which patterns would walk through again and again."""
    return _GAP.sub("  ", text)


def _phrase(statement: str) -> str:
    """Return the name that a sentence gives to the function."""
    statement = squeezed(statement)
    for pattern in (_NAMED, _NAME_IS, _MARKED_NAME, _CLASS_NAMED):
        for match in pattern.finditer(statement):
            name = next(group for group in match.groups() if group)
            if name not in _NO_NAMES and not hasattr(builtins, name):
                return name
    return ""


def _signature(statement: str) -> str:
    """Return the name of the first signature behind the word function, or behind a verb that asks; `O(n)` is none."""
    statement = squeezed(statement)
    asked = re.search(rf"\b{_KINDS}\b|函数|関数|함수", statement, re.IGNORECASE)
    found = [match[1] for match in _SIGNATURE.finditer(statement, asked.end())] if asked else []
    found += [
        match[1]
        for match in _SIGNATURE.finditer(statement)
        if _VERB.search(statement[max(match.start() - 30, 0) : match.start()])
    ]
    found += [match[1] for pattern in (_PLAIN, _SIGNED) for match in pattern.finditer(statement)]
    found += _functions(statement)
    found += [match[1] for match in _ALONE.finditer(statement)] if _ASKED.search(statement) else []
    return next((name for name in found if name not in _NO_NAMES and not hasattr(builtins, name)), "")


def _with_signature(name: str, statement: str, *, is_shown: bool, others: tuple[str, ...]) -> Asked:
    parameters, annotations = _parameters(statement, name)
    return Asked(
        entry_point=name, is_shown=is_shown, parameters=parameters, annotations=annotations, also_called=others
    )


def _parameters(text: str, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the parameters of the first signature of a function, and their annotations with the result's."""
    for match in islice(re.finditer(rf"\b{re.escape(name)}\(", text), 20):
        piece = text[match.end() : match.end() + 600].replace("\n", " ")
        end = _closing(piece)
        if end < 0:
            continue
        result = re.match(r"\)\s*->\s*([^:`\n]+)", piece[end:])
        lambda_node = expression(f"lambda {_without_annotations(piece[:end])}: 0")
        if not isinstance(lambda_node, ast.Lambda) or lambda_node.args.vararg or lambda_node.args.kwarg:
            continue
        names = [one.arg for one in (*lambda_node.args.posonlyargs, *lambda_node.args.args) if one.arg != "self"]
        notes = [_annotation(piece[:end], one) for one in names]
        if not any(notes) and ":type " in text:
            documented = dict(_TYPED.findall(text))
            returned = _RETURN_TYPE.search(text)
            return tuple(names), (*(documented.get(one, "") for one in names), returned[1] if returned else "")
        return tuple(names), (*notes, result[1].strip() if result else "")
    return (), ()


def _closing(text: str) -> int:
    depth = 0
    for i, sign in enumerate(text):
        depth += (sign in "([{") - (sign in ")]}")
        if depth < 0:
            return i
    return -1


def _without_annotations(text: str) -> str:
    node = parsed(f"def f({text}): ...")
    if not node or not isinstance(node[0], ast.FunctionDef):
        return text
    for one in ast.walk(node[0].args):
        if isinstance(one, ast.arg):
            one.annotation = None
    return ast.unparse(node[0].args)


def _annotation(text: str, name: str) -> str:
    node = parsed(f"def f({text}): ...")
    if node and isinstance(node[0], ast.FunctionDef):
        for one in ast.walk(node[0].args):
            if isinstance(one, ast.arg) and one.arg == name and one.annotation is not None:
                return ast.unparse(one.annotation)
    return ""
