"""The program in a reply. Models explain, show uses and alternatives, forget fences, and stop in the middle.

A block counts by what is in it: a whole program that defines the function (or, for a program, that prints) comes before
a stub, a stub before a text that is no Python. Of equals the last counts, since models correct themselves, unless the
line above it calls it an alternative. What was never marked as ended counts only as a whole program, and only in a
reply that ended by itself: a reply that was cut may have lost its best part.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from nodes.parsing.contents import defines, is_stub, lacking, names, prints, reads
from nodes.parsing.fences import Block, parts
from nodes.parsing.marks import split_glued
from nodes.parsing.mending import cut, mended, tree_of, without_last_words
from nodes.parsing.source import PROGRAM_CHARS

_END_TOKEN = re.compile(
    r"(?<![\"'])<\|(?:im_end|endoftext|end_of_text|eot_id|eom_id|end|eot|return|fim_pad|user|im_start\|>user)\|>(?![\"'])"
    r"|(?<![\"'])<(?:end_of_turn|\uff5cend\u2581of\u2581sentence\uff5c)>(?![\"'])"
)
_WRAPPER = re.compile(r"^(`{4,}|~{4,})[ ]*(?:markdown|md)?[ ]*\n(.*?)\n\1[ ]*$", re.DOTALL | re.MULTILINE)
"""A fence around Markdown that has fences of its own."""
_HEAD_TOKEN = re.compile(r"^\s*<\|im_start\|>\w*\n?|^\s*<\|assistant\|>\n?")
_LAST_TOKEN = re.compile(r"(?:</s>|\[/INST\]|<s>)\s*$")
_ALTERNATIVE = re.compile(
    r"\balternativ|\bbrute.?force|\bna[i\u00ef]ve\b|\bfor (?:comparison|reference)\b|\b(?:too|very|much) slow|"
    r"\bslower\b|\bless efficient|\binefficient|\banother (?:way|approach|version|option|solution|possib)|"
    r"\bother (?:way|approach)|\b(?:simpler|shorter|recursive|one-?line\w*) (?:version|variant|form|solution)|"
    r"\bwrong\b|\bincorrect|\bbuggy\b|"
    r"\boriginal\b|\bdo not use|\bdon't use|\bgiven (?:program|code|function)|\bstarter\b|\btemplate\b|"
    r"\bcould also\b|\bequivalent|\bvariant\b|\bunoptimi[sz]ed",
    re.IGNORECASE,
)
_CORRECTION = re.compile(
    r"\bcorrect(?:ed|ion|s)?\b|\bfix(?:ed|es)?\b|\bimproved?\b|\bbetter\b|\boptimi[sz]ed\b|\bfinal\b|\binstead\b|"
    r"\bfaster\b|\brevised\b",
    re.IGNORECASE,
)
_OF_THE_BLOCK_ABOVE = re.compile(
    r"\b(?:this|that|it|the\s+above|above|previous|output|which)\b[^.\n]{0,40}\b(?:is|was|are|seems)\b[^.\n]{0,20}"
    r"\b(?:wrong|incorrect|too\s+slow|slow|inefficient|buggy)\b(?!\s+(?:approach|version|way|code|solution|answer|program))"
    r"|\boops\b|\bwait\b|\brewrite\b|\btry\s+(?:this|again)\b|\bthe\s+solution\s+is\b",
    re.IGNORECASE,
)
"""What says that the block before was wrong, so that the next one is right."""
_BARE_START = re.compile(
    r"(?:def|class|import|from|async\s+def)\s+\w|@\w|if\s+__name__|[A-Za-z_]\w*(?:\s*,\s*\w+)*\s*=[^=]|#!"
)
_STATEMENT = re.compile(r"(?:for|while|if|with|try|print)\b.*[:)]\s*$|try:|#")
_MOST_STARTS = 5
_INDENTED = re.compile(r"^(?: {4}|\t)")
_MOST_BLOCKS = 64
_MOST_PARSED = 200_000
"""Characters of one reply that are parsed in looking for its program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Program:
    """A piece of a reply that may be its program."""

    code: str
    marked: bool = True
    """It stands in a closed block that is called Python or nothing."""
    named: bool = False
    before: str = ""
    tree: ast.Module | None = field(default=None, repr=False)


def extract_code(reply: str, entry_point: str = "", *, ended: bool = True) -> str | None:
    """Return the program of a reply, or None; thinking has been cut off by the model's adapter.

    Args:
        reply: what the model wrote.
        entry_point: the function that the program defines; empty: it reads and prints.
        ended: the model ended the reply itself, or was stopped where it is whole.
    """
    text = _WRAPPER.sub(lambda match: match[2], _without_tokens(reply))
    blocks, prose = parts(text)
    found = list(_marked(blocks, entry_point, ended=ended))
    best = _best(found, entry_point)
    if best is None or not _fits(best, entry_point):
        unmarked = [one for one in _unmarked(text, prose, entry_point, ended=ended) if _fits(one, entry_point)]
        best = _best(unmarked, entry_point) or best
    return _joined(best, found, entry_point) if best is not None else None


def _without_tokens(reply: str) -> str:
    """Return a reply up to the first control token of a chat template that got into it."""
    text = _HEAD_TOKEN.sub("", reply.replace("\r\n", "\n"), count=1)
    end = _END_TOKEN.search(text)
    return _LAST_TOKEN.sub("", text[: end.start()] if end else text)


def _marked(blocks: list[Block], entry_point: str, *, ended: bool) -> Iterator[_Program]:
    """Yield what stands in blocks and may be a program."""
    left = _MOST_PARSED
    for block in blocks[-_MOST_BLOCKS:]:
        if block.language == "json":
            yield from _in_json(block.body)
        if not block.body.strip() or not (block.is_python or block.is_plain or block.tagged):
            continue
        left -= len(block.body)
        one = _program(block, ended=ended, parse=left > 0)
        if one is not None and (one.marked or _fits(one, entry_point)):
            yield one


def _program(block: Block, *, ended: bool, parse: bool) -> _Program | None:
    body, glued = (block.body, False) if block.closed else split_glued(block.body)
    closed = block.closed or glued
    if not closed and block.last and not ended:
        return None
    code = (mended(body) or cut(body)) if parse and len(body) <= PROGRAM_CHARS else None
    strict = block.tagged or not closed or block.language in ("text", "txt", "plaintext", "plain")
    if code is None and strict:
        return None
    kept = (body if code is None else code).strip("\n")
    tree = tree_of(kept) if code is not None else None
    return _Program(code=kept, marked=not strict, named=block.is_python, before=block.before, tree=tree)


def _unmarked(text: str, prose: list[list[str]], entry_point: str, *, ended: bool) -> Iterator[_Program]:
    """Yield the programs of a reply without blocks: its whole text, a part of it, an indented part, JSON."""
    if not ended:
        return
    yield from _in_json(text)
    left = _MOST_PARSED
    for run in prose:
        for piece in (*_bare(run), *_indented(run)):
            left -= len(piece)
            if left < 0:
                return
            code = mended(piece) or cut(piece)
            if code is not None:
                kept = without_last_words(code.strip("\n"))
                one = _Program(code=kept, marked=False, tree=tree_of(kept))
                yield one
                if _fits(one, entry_point):
                    # What follows of these lines is a part of it.
                    break


def _bare(lines: list[str]) -> Iterator[str]:
    """Yield the lines from one on that may begin a program, the first such line first."""
    starts = [i for i, line in enumerate(lines) if _BARE_START.match(line)][:_MOST_STARTS]
    if lines and (not starts or _STATEMENT.match(lines[0])):
        yield "\n".join(lines)
    for start in starts:
        yield "\n".join(lines[start:])


def _indented(lines: list[str]) -> Iterator[str]:
    """Yield the runs of lines that Markdown shows as code since they are indented."""
    run: list[str] = []
    for line in [*lines, "end"]:
        if _INDENTED.match(line) or (run and not line.strip()):
            run.append(line)
        elif run:
            yield "\n".join(run)
            run = []


def _in_json(text: str) -> Iterator[_Program]:
    """Yield the texts in a JSON object that are programs."""
    starts = [at for at in (text.find("{"), text.find("[")) if at >= 0]
    stripped = text[min(starts, default=0) : max(text.rfind("}"), text.rfind("]")) + 1]
    if not stripped.startswith(("{", "[")) or '"' not in stripped or len(stripped) > PROGRAM_CHARS:
        return
    try:
        value = json.loads(stripped, strict=False)
    except (ValueError, RecursionError):
        return
    for found in _texts(value):
        code = mended(found.replace("\r\n", "\n"))
        if code is not None and ("\n" in code.strip() or "def " in code):
            yield _Program(code=code.strip("\n"), marked=False, tree=tree_of(code))


def _texts(value: object) -> Iterator[str]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting += reversed(list(one.values()))
        elif isinstance(one, list):
            waiting += reversed(one)


def _fits(one: _Program, entry_point: str) -> bool:
    """Whether a piece is a whole program of the kind that was asked for."""
    if one.tree is None:
        return False
    return defines(one.tree, entry_point) and not is_stub(one.tree, entry_point) if entry_point else prints(one.tree)


def _best(found: list[_Program], entry_point: str) -> _Program | None:
    """Return the last of the best."""
    return max(enumerate(found), key=lambda pair: (*_merit(pair[1], entry_point), pair[0]))[1] if found else None


def _merit(one: _Program, entry_point: str) -> tuple[int, ...]:
    named, main = int(one.named), int(not _is_alternative(one.before))
    if one.tree is None:
        names = bool(entry_point and re.search(rf"\bdef\s+{re.escape(entry_point)}\b", one.code))
        return (1 if names else 0, 0, main, named)
    if entry_point:
        rank = (2 + (not is_stub(one.tree, entry_point))) if defines(one.tree, entry_point) else 0
        return (rank, 0, main, named)
    writes = prints(one.tree)
    return (2 * writes, int(writes and reads(one.tree)), main, named)


def _is_alternative(line: str) -> bool:
    return bool(_ALTERNATIVE.search(line)) and not (_CORRECTION.search(line) or _OF_THE_BLOCK_ABOVE.search(line))


def _joined(chosen: _Program, found: list[_Program], entry_point: str) -> str:
    """Return a program with the other blocks of its reply that define what it needs and lacks."""
    code, tree = chosen.code, chosen.tree
    can_read = not entry_point
    parts = [one for one in found
             if one.tree is not None and one is not chosen and _only_defines(one.tree, can_read=can_read)]  # fmt: skip
    while tree is not None and parts:
        wanted = lacking(tree)
        part = next((one for one in parts if one.tree is not None and wanted & names(one.tree)), None)
        if part is None:
            break
        parts.remove(part)
        code = f"{part.code}\n\n{code}"
        tree = tree_of(code)
    return code if entry_point or tree is None else _called_in_the_end(code, tree, found)


def _called_in_the_end(code: str, tree: ast.Module, found: list[_Program]) -> str:
    """Return a program that only defines with the block of its reply that calls what it defines, if there is one."""
    if not _only_defines(tree):
        return code
    own = names(tree)
    calls = (one for one in found if one.tree is not None and _only_calls(one.tree, own))
    last = next(calls, None)
    return f"{code}\n\n{last.code}" if last else code


def _only_calls(tree: ast.Module, own: set[str]) -> bool:
    """Whether a block is nothing but a call of one of these functions, without arguments."""
    calls = [node.value for node in tree.body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)]
    if len(calls) != len(tree.body) or len(calls) != 1:
        return False
    return isinstance(calls[0].func, ast.Name) and calls[0].func.id in own and not calls[0].args


def _only_defines(tree: ast.Module, *, can_read: bool = False) -> bool:
    """Whether a block could stand before a program without doing anything: imports, definitions, constants.

    The part of a program that reads its input may stand there too.
    """
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
    return all(
        isinstance(node, kinds) and (can_read or not (isinstance(node, ast.Assign) and reads(node)))
        for node in tree.body
    )
