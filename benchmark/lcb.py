"""LiveCodeBench (arXiv 2403.07974) from its published rows, `test*.jsonl` of its `code_generation_lite`.

Public tests are the samples of the statement; private ones are base64 of zlib of a pickled text, opened by an unpickler
that refuses every class. The official grader runs public and private tests, so both are hidden tests here.

Left out: two interactive problems, which no test of this form can judge. Marked `errata`: problems whose tests are
known to refuse right answers. Memory: rows are indexed, and a task's tests are unpacked when it is asked for.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import pickle
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from benchmark.published import Row, opened, row_of, text_field
from benchmark.task import HiddenTest, Rules, Sheet, Task, TaskError
from nodes.reading.several import several_of
from nodes.state import Problem, PublicTest
from sandbox.literals import parse
from sandbox.values import render

REPOSITORY = "livecodebench/code_generation_lite"
ROWS: Mapping[str, int] = {"test.jsonl": 400, "test2.jsonl": 111, "test3.jsonl": 101, "test4.jsonl": 101,
                           "test5.jsonl": 167, "test6.jsonl": 175}  # fmt: skip
"""Published files and their rows; release v1 is the first, v5 the first five."""
MEMORY_MB = 1024
MAX_TESTS_BYTES = 1 << 30
INTERACTIVE = {"abc337_e", "abc355_e"}
ERRATA = {"abc311_c", "abc326_d", "abc327_b", "abc333_e", "abc343_e", "abc362_c", "arc185_c", "abc350_c", "arc189_a",
          "find-words-containing-character", "find-the-peaks",
          "generate-binary-strings-without-adjacent-zeros"}  # fmt: skip
"""By id or title: several right answers, or wrong tests, from the data set's own list of errata."""
_SEVERAL = re.compile(
    r"multiple (?:\w+ ){0,3}(?:solutions|answers|ways|pairs|integers)|any of them|in any order|any order\.|any valid",
    re.IGNORECASE,
)
_FLOATS = re.compile(r"(?:absolute|relative)(?: or (?:absolute|relative))? error|error from the true", re.IGNORECASE)
_TYPING = "from typing import Dict, List, Optional, Tuple\n\n"


class _TextUnpickler(pickle.Unpickler):
    """Reads a pickled text; whatever needs a class or a persistent object is refused."""

    def find_class(self, module: str, name: str) -> NoReturn:
        """Refuse."""
        raise TaskError(f"a private test asks for {module}.{name}, which no text needs: do not trust this file")

    def persistent_load(self, pid: object) -> NoReturn:
        """Refuse."""
        raise TaskError("a private test asks for an object outside of it: do not trust this file")


def unpack_tests(packed: str) -> list[Row]:
    """Return the private tests of a row.

    Raises:
        TaskError: damaged, larger than `MAX_TESTS_BYTES`, or more than a text.
    """
    try:
        stream = zlib.decompressobj()
        data = stream.decompress(base64.b64decode(packed, validate=True), MAX_TESTS_BYTES)
        if not stream.eof:
            raise TaskError(f"private tests are cut, or longer than {MAX_TESTS_BYTES} bytes")
        text = _TextUnpickler(io.BytesIO(data)).load()
        return _tests(text)
    except (binascii.Error, zlib.error, pickle.UnpicklingError, EOFError, ValueError, TypeError, IndexError) as error:
        raise TaskError(f"private tests cannot be read ({error}); fetch the file again") from error


def _tests(text: object) -> list[Row]:
    """Return a JSON list of tests.

    Raises:
        TaskError: it is none.
    """
    if not isinstance(text, str):
        raise TaskError(f"tests are a {type(text).__name__}, not a text: do not trust this file")
    try:
        tests = json.loads(text)
        if all(isinstance(test[name], str) for test in tests for name in ("input", "output", "testtype")):
            return list(tests)
    except (ValueError, TypeError, KeyError) as error:
        raise TaskError(f"tests cannot be read ({error}); fetch the file again") from error
    raise TaskError("a test's input or output is no text; fetch the file again")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    path: Path
    offset: int
    number: int


class LcbRows:
    """The problems of some files of rows; a `TaskSet`."""

    def __init__(self, paths: Sequence[Path], counts: Mapping[str, int] = ROWS) -> None:
        """Index the files.

        Args:
            paths: files of rows, in the order of their release.
            counts: rows that a file of a published name must have.

        Raises:
            TaskError: a row cannot be read, a file is not whole, or there is no problem.
        """
        self._places: dict[str, _Place] = {}
        sheets: list[Sheet] = []
        for path in paths:
            sheets += self._index(path, counts)
        self.sheets: tuple[Sheet, ...] = tuple(sheets)
        if not sheets:
            raise TaskError(f"{', '.join(map(str, paths))}: hold no problem")

    def task(self, name: str) -> Task:
        """Return one task with its tests unpacked.

        Raises:
            TaskError: there is none of that name, or its tests cannot be read.
        """
        if name not in self._places:
            raise TaskError(f"there is no problem {name}")
        place = self._places[name]
        with opened(place.path) as stream:
            stream.seek(place.offset)
            row = row_of(place.path, place.number, stream.readline())
        sheet = sheet_of(row, f"{place.path}: line {place.number}")
        return task_of(sheet, [*_tests(row["public_test_cases"]), *unpack_tests(row["private_test_cases"])])

    def _index(self, path: Path, counts: Mapping[str, int]) -> list[Sheet]:
        sheets, offset, number = [], 0, 0
        with opened(path) as stream:
            for number, line in enumerate(stream, start=1):
                sheet = sheet_of(row_of(path, number, line), f"{path}: line {number}")
                if sheet.name in self._places:
                    raise TaskError(f"{path}: line {number} holds {sheet.name} a second time")
                self._places[sheet.name] = _Place(path=path, offset=offset, number=number)
                offset += len(line)
                if sheet.name not in INTERACTIVE:
                    sheets.append(sheet)
        if number != counts.get(path.name, number):
            raise TaskError(f"{path}: has {number} rows of {counts[path.name]}; fetch it again")
        return sheets


def task_of(sheet: Sheet, tests: Sequence[Row]) -> Task:
    """Return a problem with the tests that grade it."""
    hidden = dict.fromkeys(_hidden(sheet.problem, test) for test in tests)
    tolerant = bool({"errata", "several answers", "floats"} & set(sheet.tags))
    return Task(
        name=sheet.name,
        problem=sheet.problem,
        hidden=tuple(hidden),
        tags=sheet.tags,
        date=sheet.date,
        rules=Rules(kind="lcb", tolerant=tolerant),
    )


def sheet_of(row: Row, place: str) -> Sheet:
    """Return what the search may know of a row; `place` names it in errors.

    Raises:
        TaskError: a field is missing, or a sample cannot be read.
    """
    fields = ("question_id", "question_title", "question_content", "platform", "difficulty", "contest_date")
    name, title, statement, platform, difficulty, date = (text_field(row, field, place) for field in fields)
    for field in ("public_test_cases", "private_test_cases"):
        text_field(row, field, place)
    entry_point = _entry_point(row, place)
    starter = text_field(row, "starter_code", place).rstrip() if entry_point else ""
    problem = Problem(
        statement=statement.strip(),
        mode="function" if entry_point else "stdio",
        entry_point=entry_point,
        starter_code=_TYPING + starter if starter else "",
        memory_mb=MEMORY_MB,
        several=several_of(statement),
        tests=tuple(_public(entry_point, test) for test in _tests(row["public_test_cases"])),
    )
    return Sheet(
        name=name, problem=problem, date=date[:10], tags=(difficulty, platform, *_flags(name, title, statement))
    )


def _flags(name: str, title: str, statement: str) -> list[str]:
    found = {
        "errata": bool({name, title} & ERRATA),
        "several answers": bool(_SEVERAL.search(statement)),
        "floats": bool(_FLOATS.search(statement)),
    }
    return [flag for flag, is_set in found.items() if is_set]


def _entry_point(row: Row, place: str) -> str:
    try:
        metadata = json.loads(text_field(row, "metadata", place) or "{}")
        return str(metadata.get("func_name") or "")
    except (ValueError, AttributeError) as error:
        raise TaskError(f"{place}: metadata cannot be read ({error})") from error


def _public(entry_point: str, test: Mapping[str, Any]) -> PublicTest:
    """Return a sample in the search's spelling: Python's literals in function mode."""
    if not entry_point:
        return PublicTest(input=test["input"], expected=test["output"])
    arguments = ", ".join(render(parse(line)) for line in test["input"].split("\n") if line.strip())
    return PublicTest(input=arguments, expected=render(parse(test["output"])))


def _hidden(problem: Problem, test: Mapping[str, Any]) -> HiddenTest:
    """Return a test in the grader's spelling; JSON stays as it is, since large values are read faster so."""
    given = test["input"]
    if problem.mode == "function":
        given = ", ".join(line for line in given.split("\n") if line.strip())
    return HiddenTest(input=given, expected=test["output"])
