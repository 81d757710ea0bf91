"""LeetCode's notation: lists and trees as `[3,9,20,null,null,15,7]`, methods as a sequence of calls, changes in place.

What is built, is built in the box, by the usual definitions of `ListNode` and `TreeNode`; the host sees plain values.

Limits: no list with a cycle, no graph of other nodes.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import replace

from nodes.reading.values import expression, python_words, spell
from nodes.state import NEXT, PublicTest
from sandbox.sessions import written

LIST, TREE = "ListNode", "TreeNode"
DEFINITIONS = {
    LIST: (
        "class ListNode:\n    def __init__(self, val=0, next=None):\n        self.val = val\n        self.next = next"
    ),
    TREE: (
        "class TreeNode:\n    def __init__(self, val=0, left=None, right=None):\n        self.val = val\n"
        "        self.left = left\n        self.right = right"
    ),
}
"""The usual definitions, as LeetCode shows them in comments above its starter code."""
_BUILDERS = {
    LIST: (
        "def linked(items):\n    head = None\n    for item in reversed(items or []):\n        node = ListNode(item)\n"
        "        node.next, head = head, node\n    return head"
    ),
    TREE: (
        "def rooted(items):\n    nodes = [None if item is None else TreeNode(item) for item in items or []]\n"
        "    rest = iter(nodes[1:])\n    for node in nodes:\n        if node is not None:\n"
        "            node.left, node.right = next(rest, None), next(rest, None)\n    return nodes[0] if nodes else None"
    ),
}
_READERS = {
    LIST: (
        "def items_of(node):\n    items = []\n    while node is not None:\n        items.append(node.val)\n"
        "        node = node.next\n        if len(items) > 1000000:\n"
        "            raise ValueError('the list has a cycle')\n"
        "    return items"
    ),
    TREE: (
        "def levels_of(node):\n    items, row = [], [node]\n    while any(one is not None for one in row):\n"
        "        items += [None if one is None else one.val for one in row]\n"
        "        row = [child for one in row if one is not None for child in (one.left, one.right)]\n"
        "    while items and items[-1] is None:\n        items.pop()\n    return items"
    ),
}
_NODE = re.compile(r"\bNode\b")
_BUILD = {LIST: "linked", TREE: "rooted"}
_READ = {LIST: "items_of", TREE: "levels_of"}


def shaped(test: PublicTest, entry_point: str, annotations: Sequence[str]) -> PublicTest:
    """Return an example with a script that builds what the annotations ask for and takes the result apart.

    Args:
        test: an example as it was read.
        entry_point: the function.
        annotations: of its parameters, then of its result.
    """
    if not test.is_plain or not annotations:
        return test
    *given, result = annotations
    kinds = [kind for kind in (LIST, TREE) if any(kind in note for note in annotations)]
    if result == "None" and test.expected != "None":
        return replace(test, script=NEXT.join([*_prelude(kinds), *_in_place(entry_point, given)]))
    if not kinds:
        return test
    call = f"{entry_point}({', '.join(_built(note, i) for i, note in enumerate(given))})"
    return replace(test, script=NEXT.join([*_prelude(kinds), _taken_apart(result, call)]))


def misfit(test: PublicTest, annotations: Sequence[str]) -> str:
    """Return why an example cannot be handed to a function as it is annotated, or an empty text."""
    node = expression(f"({test.input},)") if test.is_plain and any(annotations) else None
    given = node.elts if isinstance(node, ast.Tuple) else []
    for value, note in zip(given, annotations[:-1], strict=False):
        if _NODE.search(note):
            return "what a `Node` is made of is not known here"
        kind = next((kind for kind in (LIST, TREE) if kind in note), "")
        if kind and not (isinstance(value, ast.List) or (isinstance(value, ast.Constant) and value.value is None)):
            return f"a {kind} cannot be made of `{ast.unparse(value)[:40]}`"
        if note == "str" and isinstance(value, ast.Constant) and isinstance(value.value, int | float):
            return "the function takes a str: texts need quotes"
    return ""


def _prelude(kinds: Sequence[str]) -> list[str]:
    """Return the statements that define the classes where the program does not, and what builds and reads them."""
    lines = []
    for kind in kinds:
        indented = "\n".join(f"    {line}" for line in DEFINITIONS[kind].split("\n"))
        lines += [f"if '{kind}' not in globals():\n{indented}", _BUILDERS[kind], _READERS[kind]]
    return lines


def _built(note: str, i: int) -> str:
    kind = next((kind for kind in (LIST, TREE) if kind in note), "")
    if not kind:
        return f"args[{i}]"
    is_many = bool(re.match(r"(?:List|list|Sequence)\[", note))
    return f"[{_BUILD[kind]}(one) for one in args[{i}]]" if is_many else f"{_BUILD[kind]}(args[{i}])"


def _taken_apart(note: str, call: str) -> str:
    kind = next((kind for kind in (LIST, TREE) if kind in note), "")
    if not kind:
        return call
    is_many = bool(re.match(r"(?:List|list|Sequence)\[", note))
    return f"[{_READ[kind]}(one) for one in {call}]" if is_many else f"{_READ[kind]}({call})"


def _in_place(entry_point: str, given: Sequence[str]) -> list[str]:
    """Return the statements that call the function and then show what became of its first argument."""
    first = _built(given[0], 0) if given else "args[0]"
    rest = [_built(note, i) for i, note in enumerate(given) if i]
    called = f"{entry_point}({', '.join(['first', *rest])})"
    return [f"first = {first}", called, _taken_apart(given[0] if given else "", "first")]


def sequence_of_calls(given: str, wanted: str) -> PublicTest | None:
    """Return the session of LeetCode's design problems: a list of names, a list of arguments, a list of results."""
    names, arguments = _two_lists(given)
    results = _list(wanted)
    if names is None or arguments is None or results is None or not len(names) == len(arguments) == len(results):
        return None
    calls = [(name, list(values)) for name, values in zip(names, arguments, strict=True)][1:]
    made = ", ".join(spell(value) for value in arguments[0])
    session = [
        f"made = {names[0]}({made})",
        f"calls = {spell(calls)}",
        "[None, *[getattr(made, name)(*given) for name, given in calls]]",
    ]
    return PublicTest(input="\n".join(map(written, session)), expected=spell(results))


def _two_lists(text: str) -> tuple[list[str] | None, list[list[object]] | None]:
    """Return the names and the arguments of a sequence of calls, in two lines or behind each other."""
    node = expression(f"({_joined(text)},)")
    items = node.elts if isinstance(node, ast.Tuple) else []
    if len(items) != 2:
        return None, None
    try:
        names, arguments = (ast.literal_eval(item) for item in items)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None, None
    is_sequence = (
        isinstance(names, list) and names and all(isinstance(name, str) and name.isidentifier() for name in names)
    )
    is_called = isinstance(arguments, list) and all(isinstance(one, list) for one in arguments)
    return (names, arguments) if is_sequence and is_called else (None, None)


def _joined(text: str) -> str:
    one = python_words(" ".join(text.split()))
    return re.sub(r"\]\s+\[", "], [", one, count=1) if not re.search(r"\"\]\s*,\s*\[", one) else one


def _list(text: str) -> list[object] | None:
    node = expression(python_words(" ".join(text.split())))
    try:
        value = None if node is None else ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    return value if isinstance(value, list) else None
