"""Read `Input` and `Output` blocks, in statements as sites print them and in the replies of models.

Labels in English, Japanese, Chinese, Korean, Russian, Spanish, Portuguese, French and German; as headings, bold, with
numbers, with the site's `Copy` button, glued to the text before. A block is fenced, or ends at an empty line.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

Kind = Literal["input", "output"]

_INPUT = (
    r"input|stdin|入力例|入力|输入样例|输入示例|样例输入|输入|輸入|예제\s?입력|입력\s?예제|입력|"
    r"входные\s+данные|входной\s+файл|ввода?|"
    r"entrada|entr[ée]e|eingabe|in(?=\s*:)"
)
_OUTPUT = (
    r"(?:expected|correct|desired)[\s_]+(?:output|result)|expected|output|stdout|出力例|出力|输出样例|输出示例|样例输出|输出|輸出|예제\s?출력|출력\s?예제|출력|"
    r"выходные\s+данные|выходной\s+файл|вывода?|salida|sa[íi]da|sortie|ausgabe|out(?=\s*:)"
)
_SAMPLE = (
    r"sample|example|test|examples?\s+of|exemplo\s+de|ejemplo\s+de|exemple\s+d'|exemple\s+de|beispiel|样例|示例|пример"
)
_BUTTON = "copy|copied!?|复制|복사|コピー"
_MARKS = r"(?:#{1,6}\s*|\*{1,2}\s*|_{1,2}\s*|<(?:b|strong|h\d|p|pre)>\s*|[-*•]\s+|\d+[.)]\s+|>\s*|【\s*|[-=]{2,5}\s*)"
_LABEL = re.compile(
    rf"^\s*{_MARKS}{{0,3}}(?P<sample>(?:{_SAMPLE})(?:\s*(?:case)?\s*#?\d*)?[\s_-]*[:.]?\s*)?"
    rf"(?:(?P<input>{_INPUT})|(?P<output>{_OUTPUT}))"
    r"(?P<after>(?:\s+(?:example|sample|data|file|样例|示例|de\s+(?:ejemplo|exemplo|muestra)|"
    r"d'exemple))?)"
    rf"(?P<copy>\s*(?:{_BUTTON}))?\s*(?P<number>#?\s*\d*)(?:\s+(?:{_BUTTON})$)?"
    r"\s*(?:\((?:expected|stdin|stdout|given)\))?\s*"
    r"(?:\*{1,2}|_{1,2}|</(?:b|strong|h\d|p)>|】|\s?[-=]{2,5}\s*$)?"
    r"\s*(?P<colon>[:：]?)\s*(?:\*{1,2}|_{2}|</(?:b|strong)>)?[ \t]*(?P<rest>.*)$",
    re.IGNORECASE,
)
_HINT = re.compile(
    r"in|std|out|expect|entra|entr|eing|ausg|sal|sort|sa[íi]|입|출|예제|入|出|输|輸|样例|ввод|вывод|вход|выход",
    re.IGNORECASE,
)
"""A part of every label, looked for first since most lines have none."""
_FIRST = 60
_BARE = re.compile(
    rf"^[ \t]*(?:{_MARKS}){{0,2}}(?:{_INPUT})[ \t]{{0,9}}\d{{0,4}}[ \t]{{0,9}}(?:\*\*)?[ \t]{{0,9}}$",
    re.IGNORECASE | re.MULTILINE,
)
MOST_BLOCKS = 1000
"""Blocks that are read of one text, so that a hostile one takes no time."""
_IS_SAMPLE = re.compile(r"例|예제|пример|示例|样例", re.IGNORECASE)
_EXAMPLES = re.compile(
    r"^\s*(?:#+\s*|\*\*\s*)?(?:(?:samples?|examples?|exemplos?|ejemplos?|exemples?|beispiele?|примеры?|пример)\b|样例|示例|例|예제)"
    r"[^.]{0,30}$",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"^\s*(?:#+\s*|\*\*\s*)?(?:explanations?|notes?|constraints|hints?|examples?|samples?|scoring|subtasks?|"
    r"ограничения|примечание|пояснение|说明|提示|解释|説明|설명)(?:\s+\d+)?\s*(?:\*\*)?\s*(?:[:：]|$)",
    re.IGNORECASE,
)
"""What a site puts below an example without an empty line between."""
_COPY = re.compile(rf"^\s*(?:{_BUTTON})\s*$", re.IGNORECASE)
_UNDERLINE = re.compile(r"^\s*(?:-{3,80}|={3,80})\s*$")
_TAG = re.compile(r"^\s*</?(?:pre|div|p|code|section|span)[^>]{0,40}>\s*$", re.IGNORECASE)
_FENCE = re.compile(r"^\s*(?:`{3,}|~{3,}|<pre>)")
_GLUED = re.compile(r"(?<=[.!?)\d])(?=Sample (?:Input|Output)\b)")
_TABLE = re.compile(
    rf"^\s*\|\s*(?:(?:{_SAMPLE})\s+)?(?:{_INPUT})\b[^|]*\|\s*(?:(?:{_SAMPLE})\s+)?(?:{_OUTPUT})\b[^|]*\|", re.IGNORECASE
)
_ROW = re.compile(r"^\s*\|(.*)\|\s*$")
_RULE = re.compile(r"^[\s|:\-]+$")
_ANNOTATED = re.compile(r"\s*STDIN[ ]{2,}Function\s*$", re.IGNORECASE)
_RULE_OF_COLUMNS = re.compile(r"\s*-{2,}[ ]+-{2,}\s*$")
_SIDE_BY_SIDE = re.compile(
    rf"^\s*(?:{_SAMPLE})\s+(?:{_INPUT})\s*\d*[ ]+(?:{_SAMPLE})\s+(?:{_OUTPUT})\s*\d*\s*$", re.IGNORECASE
)
"""Two labels in one line, as Kattis prints a sample: its data stand below in two columns."""
_COLUMNS = re.compile(r"[ ]{2,}")
_HAS_WORD = re.compile("[A-Za-z]{2}")
_BOTH = re.compile(r"^(.{1,300}?)\s*(?:[,;|]|=>|->|\s)\s*(?:expected\s+)?output\s*[:=]\s*(\S.{0,300})$", re.IGNORECASE)
"""Behind the label of an input: its data, and the output in the same line."""
_NAMED_FENCE = re.compile(r"^(`{3,}|~{3,})[ ]*(input|output)[ ]*$", re.IGNORECASE | re.MULTILINE)
_SIGNS = re.compile(
    r"\s*(?!#|\||[-*•]\s|\d+[.)]\s|`{3}|\*{3,}\s*$|_{3,}\s*$)[^\sA-Za-z=<>≤≥≠$][^A-Za-z=<>≤≥≠$]*(?<![.:])$"
)
_PANEL_LINES = 4
_FAR = 2
"""So many empty lines below a label are an empty block where a sentence follows."""
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_TAGGED = re.compile(r"<(input|output)>\s*([^<]*?)\s*</\1>", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One labelled block."""

    kind: Kind
    text: str
    line: int
    """Number of its label's line, from 0."""
    is_inline: bool = False
    """Whether it stands behind its label, in the same line."""
    is_sample: bool = False
    """Whether its label says that it is an example, by a word, a number or the heading above."""
    is_expected: bool = False
    """Whether its label says what is expected, beside another one of what a program gave."""
    is_cut: bool = False
    """Whether an empty line ends it, and a line that could belong to it follows."""


def labelled_pairs(text: str) -> tuple[tuple[str, str], ...]:
    """Return the pairs of Input and Output blocks that follow each other."""
    return tuple(dict.fromkeys((given.text, wanted.text) for given, wanted in pairs_of(text)))


def pairs_of(text: str) -> list[tuple[Block, Block]]:
    """Return the pairs of Input and Output blocks that follow each other, with their places."""
    return pairs_in(blocks_of(text))


def pairs_in(blocks: Sequence[Block]) -> list[tuple[Block, Block]]:
    """Return the blocks that belong together: an input and the output behind it."""
    found = []
    for a, b, c in zip(blocks, blocks[1:], [*blocks[2:], None], strict=False):
        if a.kind == "input" and b.kind == "output":
            # A site's panel of a wrong answer has both: what the program gave, then what is right.
            is_panel = c is not None and c.is_expected and not b.is_expected and c.line - b.line <= _PANEL_LINES
            found.append((a, c if is_panel and c is not None else b))
    return found


def labelled_blocks(text: str) -> list[tuple[Kind, str]]:
    """Return the blocks under `Input:` and `Output:` lines."""
    return [(block.kind, block.text) for block in blocks_of(text)]


def unquoted(text: str) -> str:
    r"""Return what a text in quotes spells, for `Input: "2\n3 4"`; another text as it is."""
    bare = text.strip()
    if len(bare) < 2 or bare[0] not in "\"'" or bare[-1] != bare[0] or "\n" in bare or len(bare) > 100_000:
        return text
    try:
        value = ast.literal_eval(bare)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return f"{value.rstrip()}\n" if isinstance(value, str) else text


def blocks_of(text: str) -> list[Block]:
    """Return the blocks under `Input:` and `Output:` lines; a block is fenced, or ends at a blank line or a remark.

    Below a heading such as `Examples` a line that is nothing but `Input` or `Output` counts as well.
    """
    return list(_blocks_of(text))


@lru_cache(maxsize=4)
def _blocks_of(text: str) -> tuple[Block, ...]:
    """Return the blocks of a text; a statement is looked at more than once while it is read."""
    return tuple(_found(text)) if _HINT.search(text) else ()


def _found(text: str) -> list[Block]:
    tagged = [_tagged(match) for match in _TAGGED.finditer(text)] if "<input>" in text.lower() else []
    if {block.kind for block in tagged} == {"input", "output"}:
        return tagged
    lines = _parted(text).splitlines()
    first_example = next((i for i, line in enumerate(lines) if _EXAMPLES.match(line)), len(lines))
    found = _blocks(lines, first_example)
    if not any(block.kind == "output" for block in found) and _BARE.search(text):
        # Without any other label a bare `Input` with digits right below it is one.
        bare = [block for block in _blocks(lines, -1) if re.search(r"[\d=\[\"]", block.text) and not block.is_inline]
        return bare if len({block.kind for block in bare}) == 2 else found
    return found


def _blocks(lines: list[str], first_example: int) -> list[Block]:
    blocks: list[Block] = []
    i = 0
    while i < len(lines) and len(blocks) <= MOST_BLOCKS:
        bare = i > first_example
        if _TABLE.match(lines[i]):
            rows, i = _table(lines, i)
            blocks += rows
            continue
        if "  " in lines[i] and _SIDE_BY_SIDE.match(lines[i]):
            rows, i = _columns(lines, i)
            blocks += rows
            continue
        match = _label(lines[i], bare=bare)
        i += 1
        if match:
            block, i = _read(lines, i, match, bare=bare)
            blocks += block
    return _with_headings_first(blocks, lines)


def _parted(text: str) -> str:
    """Put a label that is glued to the sentence before it into a line of its own."""
    text = _NAMED_FENCE.sub(lambda match: f"{match[2].capitalize()}:\n{match[1]}", text) if "put" in text else text
    return _GLUED.sub("\n", text) if "Sample" in text else text


def _tagged(match: re.Match[str]) -> Block:
    kind: Kind = "input" if match[1].lower() == "input" else "output"
    return Block(
        kind=kind, text=f"{match[2].strip()}\n", line=match.string.count("\n", 0, match.start()), is_sample=True
    )


def _table(lines: list[str], start: int) -> tuple[list[Block], int]:
    """Read a table with the columns Input and Output."""
    blocks: list[Block] = []
    i = start + 1
    while i < len(lines) and (row := _ROW.match(lines[i])):
        cells = [_cell(cell) for cell in row[1].split("|")]
        if len(cells) >= 2 and not _RULE.match(lines[i]):
            for kind, cell in (("input", cells[0]), ("output", cells[1])):
                blocks.append(Block(kind=kind, text=f"{cell}\n", line=i, is_sample=True))  # type: ignore[arg-type]
        i += 1
    return blocks, i


def _columns(lines: list[str], start: int) -> tuple[list[Block], int]:
    """Read a sample in two columns; nothing where it is not clear what belongs to which."""
    end = start + 1
    while end < len(lines) and lines[end].strip() and not _SIDE_BY_SIDE.match(lines[end]):
        end += 1
    rows = [_COLUMNS.split(line.rstrip()) for line in lines[start + 1 : end]]
    if not rows or any(len(row) > 2 for row in rows) or not any(len(row) == 2 and row[1] for row in rows):
        return [Block(kind="input", text="\n".join(lines[start + 1 : end]), line=start, is_sample=True)], end
    given = "".join(f"{row[0]}\n" for row in rows if row[0])
    wanted = "".join(f"{row[1]}\n" for row in rows if len(row) > 1 and row[1])
    return [
        Block(kind="input", text=given, line=start, is_sample=True),
        Block(kind="output", text=wanted, line=start, is_sample=True),
    ], end


def _cell(text: str) -> str:
    """Return the lines of a table's cell, without their marks."""
    return "\n".join(line.strip().strip("`").strip() for line in _BREAK.sub("\n", text).strip().split("\n"))


def _label(line: str, *, bare: bool) -> re.Match[str] | None:
    """Match a line that names a block: with a colon, as a heading of a sample, or alone where `bare` allows it."""
    if not _HINT.search(line, 0, _FIRST):
        return None
    match = _LABEL.match(line if len(line) < 4000 else line[:200])
    if match is None:
        return None
    if match["colon"] or match["copy"]:
        return match
    named = match["sample"] or match["after"].strip() or _IS_SAMPLE.search(match["input"] or match["output"])
    is_number = match["number"].strip().startswith("#")
    if (named or is_number or bare) and not match["rest"]:
        return match
    return match if match["sample"] and not match["rest"].strip() else None


def _read(lines: list[str], start: int, match: re.Match[str], *, bare: bool) -> tuple[list[Block], int]:
    kind: Kind = "input" if match["input"] else "output"
    is_sample = bool(
        bare or match["sample"] or match["number"].strip() or _IS_SAMPLE.search(match["input"] or match["output"])
    )
    rest = lines[start - 1][match.start("rest") :] if match["rest"] else ""
    if kind == "input" and "utput" in rest and (both := _BOTH.match(rest)):
        given, wanted = (Block(kind=kind, text=f"{text.strip()}\n", line=start - 1, is_inline=True, is_sample=True)
                         for text in both.groups())  # fmt: skip
        return [given, replace(wanted, kind="output")], start
    text, end = _block(lines, start, rest, kind, bare=bare)
    if text is None and not (is_sample and kind == "output" and end >= len(lines)):
        return [], end
    text = text or ""
    text = "" if is_sample and text.strip() in ("None", "(none)", "(empty)") and kind == "input" else text
    is_fenced = 0 < end <= len(lines) and bool(_FENCE.match(lines[end - 1]) or "</pre>" in lines[end - 1])
    return [
        Block(
            kind=kind,
            text=_without_remarks(text),
            line=start - 1,
            is_inline=bool(rest.strip()),
            is_sample=is_sample,
            is_expected=bool(match["output"])
            and match["output"].lower().startswith(("expected", "correct", "desired")),
            is_cut=not rest.strip() and not is_fenced and _is_cut(lines, end, text),
        )
    ], end


def _is_cut(lines: list[str], end: int, text: str) -> bool:
    """Whether what follows an empty line is made of the same signs as a text of digits and signs."""
    if end + 1 >= len(lines) or lines[end].strip() or not text.strip() or any(map(str.isalpha, text)):
        return False
    following = lines[end + 1]
    return bool(_SIGNS.match(following)) and not any(map(str.isalpha, following)) and not _RULE.match(following)


def _without_remarks(text: str) -> str:
    """Return the data of a block in which a second column explains the first, as HackerRank prints it."""
    head, *rest = text.split("\n")
    if not _ANNOTATED.match(head):
        return text
    column = head.lower().index("function")
    return "\n".join(line[:column].rstrip() for line in rest if not _RULE_OF_COLUMNS.match(line)).strip("\n") + "\n"


def _block(lines: list[str], start: int, rest: str, kind: Kind, *, bare: bool) -> tuple[str | None, int]:
    """Read one block that starts after its label; return (text or None, next line)."""
    if rest.strip():
        return _inline(lines, start, rest)
    i = start
    while i < len(lines) and (not lines[i].strip() or _COPY.match(lines[i]) or _UNDERLINE.match(lines[i])):
        i += 1
    if i < len(lines) and _FENCE.match(lines[i]):
        return _fenced(lines, i)
    if i >= len(lines):
        return ("" if i > start else None), i
    is_far = kind == "output" and i - start >= _FAR and _is_remark(lines[i])
    if is_far or _label(lines[i], bare=bare) or _AFTER.match(lines[i]):
        return "", i
    end = _end(lines, i, kind, bare=bare)
    if end == i:
        return None, start
    doubled, last = _doubled(lines, i, end, kind, bare=bare)
    body = textwrap.dedent("\n".join(doubled or lines[i:end]))
    return body.rstrip() + "\n", max(end, last)


def _end(lines: list[str], start: int, kind: Kind, *, bare: bool) -> int:
    """Return the first line behind the data that begin at a line."""
    end = start
    while end < len(lines) and not _ends_block(lines[end], bare=bare):
        if end > start and kind == "output" and _explains(lines[start:end], lines[end]):
            break
        end += 1
    return end


def _explains(data: list[str], line: str) -> bool:
    """Whether a line below data without a word is a sentence about them."""
    words = re.findall(r"[A-Za-z]{2,}", line)
    return len(words) > 2 and line.rstrip().endswith((".", "!")) and not any(map(_HAS_WORD.search, data))


def _is_remark(line: str) -> bool:
    return len(re.findall(r"[A-Za-z]{2,}", line)) > 3


def _inline(lines: list[str], start: int, rest: str) -> tuple[str, int]:
    """Read what stands behind a label; a bracket that is open there goes on in the lines below."""
    text, end = rest.strip(), start
    while end < min(start + 40, len(lines)) and _is_open(text):
        if not lines[end].strip() or _label(lines[end], bare=False):
            break
        text, end = f"{text}\n{lines[end].strip()}", end + 1
    return (text.strip("`") + "\n", end) if not _is_open(text) else (rest.strip().strip("`") + "\n", start)


def _is_open(text: str) -> bool:
    bare = re.sub(r"\"[^\"\n]*\"|'[^'\n]*'", "", text) if len(text) < 4000 else text
    return sum(map(bare.count, "([{")) > sum(map(bare.count, ")]}"))


def _fenced(lines: list[str], i: int) -> tuple[str, int]:
    closing = "</pre>" if lines[i].strip().startswith("<pre>") else lines[i].strip()[:3]
    end = next((j for j in range(i + 1, len(lines)) if lines[j].strip().startswith(closing)), len(lines))
    first = [lines[i].strip().removeprefix("<pre>")] if closing == "</pre>" and lines[i].strip() != "<pre>" else []
    # A fence in a list is indented, and so are its lines.
    margin = re.compile(rf"[ ]{{1,{indent}}}") if (indent := len(lines[i]) - len(lines[i].lstrip())) else None
    body = [margin.sub("", line, count=1) if margin and line[:1] == " " else line for line in lines[i + 1 : end]]
    return "\n".join([*first, *body]).rstrip() + "\n", end + 1


def _doubled(lines: list[str], start: int, end: int, kind: Kind, *, bare: bool) -> tuple[list[str], int]:
    """Return the lines of a block in which an empty line follows every line, as some copies of a site have it."""
    if end > start + 1:
        return [], end
    found, i = [lines[start]], start + 1
    while i + 1 < len(lines) and not lines[i].strip() and lines[i + 1].strip() and _is_data(lines[i + 1]):
        if _ends_block(lines[i + 1], bare=bare):
            break
        found.append(lines[i + 1])
        i += 2
    # One line below an output is as likely a remark.
    least = 3 if kind == "output" else 2
    return (found, i) if len(found) >= least else ([], end)


def _is_data(line: str) -> bool:
    """Whether a line below a gap still belongs to the data: numbers and short words, no sentence."""
    words = re.findall(r"[A-Za-z]{2,}", line)
    return (
        len(words) <= 1 and not line.rstrip().endswith((".", ":")) and not line.lstrip().startswith(("#", "*", "-- "))
    )


def _ends_block(line: str, *, bare: bool) -> bool:
    return (
        not line.strip()
        or "```" in line
        or bool(_TAG.match(line))
        or bool(_AFTER.match(line) or _label(line, bare=bare))
    )


def _with_headings_first(blocks: list[Block], lines: list[str]) -> list[Block]:
    """Give a site's `Input`, `Output` and then both data blocks their places: the first block is the input."""
    fixed: list[Block] = []
    for i, block in enumerate(blocks):
        before = fixed[-1] if fixed else None
        is_empty_input = before is not None and before.kind == "input" and not before.text.strip()
        gap = not any(line.strip() for line in lines[before.line + 1 : block.line]) if before is not None else False
        if block.kind == "output" and is_empty_input and gap and before is not None and not block.is_inline:
            end = blocks[i + 1].line if i + 1 < len(blocks) else len(lines)
            chunks = [c for c in "\n".join(lines[block.line + 1 : end]).split("\n\n") if c.strip()]
            data = [chunk.strip("\n") for chunk in chunks if not chunk.lstrip().startswith(("#", "```"))]
            is_glued = block.line == before.line + 1 and block.text.count("\n") > 1
            if len(data) < 2 and is_glued:
                # Both labels, then both blocks without an empty line between: nobody knows where the input ends.
                fixed.pop()
            elif len(data) >= 2 and not _looks_fenced(lines, block.line):
                fixed[-1] = Block(kind="input", text=data[0] + "\n", line=before.line, is_sample=before.is_sample)
                block = Block(kind="output", text=data[1].rstrip() + "\n", line=block.line, is_sample=block.is_sample)
        fixed.append(block)
    return fixed


def _looks_fenced(lines: list[str], start: int) -> bool:
    following = next((line for line in lines[start + 1 : start + 6] if line.strip()), "")
    return bool(_FENCE.match(following))
