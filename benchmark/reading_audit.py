"""How statements are read, measured on whole data sets: what is found, and whether right programs pass it.

    python -m benchmark.reading_audit DATA      # a folder that holds, at any depth, the released files

For HumanEval, MBPP (all and sanitized) and MBPP+ the reference programs run on every example that was read, in the
sandbox; LiveCodeBench's public tests are compared with what is read from its statements.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.evalplus import mbpp_problem, python_problem
from benchmark.markdown import grid
from benchmark.published import Row, read_rows
from nodes.judging import outcome_of_example
from nodes.problem_text import read_problem
from nodes.state import Problem, PublicTest
from sandbox.base import Limits, Program, Sandbox
from sandbox.choice import open_sandbox
from sandbox.literals import parse, parse_arguments
from sandbox.values import exact_key

FILES: Mapping[str, tuple[str, ...]] = {
    "humaneval": ("HumanEval.jsonl.gz", "HumanEval.jsonl"),
    "mbpp": ("mbpp.jsonl.gz", "mbpp.jsonl"),
    "sanitized": ("sanitized-mbpp.json.gz", "sanitized-mbpp.json"),
    "mbpp+": ("MbppPlus-v0.2.0.jsonl.gz", "MbppPlus-v0.2.0.jsonl"),
    "lcb": ("lcb_rows.jsonl", "test.jsonl"),
}
_LIMITS = Limits(cpu_s=20.0, memory_mb=1024)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One problem as it was read, with a program that is right."""

    name: str
    problem: Problem
    entry_point: str
    reference: str
    asserts: int = 0
    """Examples that its statement holds, where that is known."""


@dataclass(slots=True)
class Count:
    """What was found in one data set."""

    problems: int = 0
    with_examples: int = 0
    examples: int = 0
    asserts: int = 0
    passed: int = 0
    wrong_function: list[str] = field(default_factory=list)
    without: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    @property
    def row(self) -> list[str]:
        """One line of the table."""
        found = f"{self.examples} of {self.asserts}" if self.asserts else str(self.examples)
        return [str(self.problems), str(self.with_examples), found, str(self.passed), str(len(self.unread)),
                str(len(self.wrong_function))]  # fmt: skip


def audit(readings: Sequence[Reading], sandbox: Sandbox) -> Count:
    """Run every reference on the examples of its problem, and count."""
    count = Count(problems=len(readings))
    with ThreadPoolExecutor(sandbox.workers) as pool:
        for reading, failed in zip(readings, pool.map(lambda one: _failures(one, sandbox), readings), strict=True):
            tests = reading.problem.tests
            count.examples += len(tests)
            count.asserts += reading.asserts
            count.with_examples += bool(tests)
            count.passed += len(tests) - len(failed)
            count.failed += failed
            count.unread += [f"{reading.name} {one.words}" for one in reading.problem.unread]
            if not tests:
                count.without.append(reading.name)
            if reading.problem.entry_point != reading.entry_point:
                count.wrong_function.append(f"{reading.name} {reading.problem.entry_point or 'a program'}")
    return count


def _failures(reading: Reading, sandbox: Sandbox) -> list[str]:
    """Return the examples that a right program fails, in words."""
    tests = reading.problem.tests
    program = Program(source=reading.reference, mode="function", entry_point=reading.entry_point)
    runs = sandbox.run(program, [test.given for test in tests], _LIMITS)
    outcomes = [outcome_of_example("", "function", test, run) for test, run in zip(tests, runs, strict=True)]
    return [
        f"{reading.name} {test.input[:60]!r} {test.how} {test.expected[:40]!r}: "
        f"{one.status} {one.output[:40]} {one.error[-80:]}"
        for test, one in zip(tests, outcomes, strict=True)
        if one.status != "passed"
    ]


def humaneval(path: Path, *, form: str) -> list[Reading]:
    """Return HumanEval as the benchmark reads it (`benchmark`), or its prompts as a person pastes them (`bare`)."""
    read = []
    for row in read_rows(path):
        prompt, name = str(row["prompt"]), str(row["entry_point"])
        problem = python_problem(prompt, name) if form == "benchmark" else read_problem(prompt)
        reference = prompt + str(row["canonical_solution"])
        read.append(Reading(name=str(row["task_id"]), problem=problem, entry_point=name, reference=reference))
    return read


def mbpp(path: Path) -> list[Reading]:
    """Return MBPP's texts with all of their assertions, as a person would paste them."""
    read = []
    for row in read_rows(path):
        asserts = [str(one) for one in row["test_list"]]
        lines = [*row.get("test_imports", ()), *str(row.get("test_setup_code", "")).splitlines(), *asserts]
        reference = str(row["code"]).replace("\r\n", "\n")
        name = _called(asserts[0], reference)
        problem = read_problem("\n".join([str(row.get("prompt") or row["text"]), "", *lines]))
        one = Reading(
            name=f"Mbpp/{row['task_id']}", problem=problem, entry_point=name, reference=reference, asserts=len(asserts)
        )
        read.append(one)
    return read


def _called(assertion: str, reference: str) -> str:
    from benchmark.plain_sets import entry_point_of

    return entry_point_of(assertion, reference, "MBPP")


def mbpp_plus(path: Path) -> list[Reading]:
    """Return MBPP+ as the benchmark reads it."""
    read = []
    for row in read_rows(path):
        prompt, name = str(row["prompt"]), str(row["entry_point"])
        reference = prompt + str(row["canonical_solution"])
        problem = mbpp_problem(prompt, name)
        read.append(
            Reading(name=str(row["task_id"]), problem=problem, entry_point=name, reference=reference, asserts=1)
        )
    return read


def lcb_differences(path: Path) -> Iterator[tuple[str, str]]:
    """Yield each problem of LiveCodeBench with what is read otherwise than the data set has it; empty where alike."""
    for row in read_rows(path):
        starter, name = str(row["starter_code"]), _function_of(row)
        text = str(row["question_content"]) + (f"\n\n```python\n{starter}\n```" if name else "")
        read = read_problem(text)
        published = json.loads(str(row["public_test_cases"]))
        wanted = {_as_values(name, one["input"], one["output"]) for one in published}
        found = {_as_values(name, *_lines(name, test)) for test in read.tests}
        place = f"{row['platform']} {row['question_id']}"
        if read.entry_point != name:
            yield place, f"asks for {read.entry_point or 'a program'}"
        elif wanted != found or read.unread:
            yield place, f"{len(wanted - found)} missing, {len(found - wanted)} wrong, {len(read.unread)} unread"
        else:
            yield place, ""


def _function_of(row: Row) -> str:
    return str(json.loads(str(row["metadata"] or "{}")).get("func_name") or "")


def _lines(name: str, test: PublicTest) -> tuple[str, str]:
    return test.input, test.expected


def _as_values(name: str, given: str, wanted: str) -> tuple[str, str]:
    """Return a test in a spelling that is equal for equal values."""
    if not name:
        return given.strip(), wanted.strip()
    return "; ".join(exact_key(node) for node in parse_arguments(given)), exact_key(parse(wanted))


def find(folder: Path, names: Sequence[str]) -> Path | None:
    """Return the first file of these names below a folder."""
    return next((path for name in names for path in sorted(folder.rglob(name))), None)


def report(folder: Path, sandbox: Sandbox) -> str:
    """Return the tables, and each example that is not as it should be."""
    sets: dict[str, list[Reading]] = {}
    paths = {name: find(folder, names) for name, names in FILES.items()}
    if path := paths["humaneval"]:
        sets["HumanEval, as the benchmark has it"] = humaneval(path, form="benchmark")
        sets["HumanEval, bare prompts"] = humaneval(path, form="bare")
    if path := paths["mbpp"]:
        sets["MBPP"] = mbpp(path)
    if path := paths["sanitized"]:
        sets["MBPP sanitized"] = mbpp(path)
    if path := paths["mbpp+"]:
        sets["MBPP+, as the benchmark has it"] = mbpp_plus(path)
    counts = {name: audit(readings, sandbox) for name, readings in sets.items()}
    head = ["set", "problems", "with an example", "examples", "reference passes", "unread", "wrong function"]
    parts = [grid(head, [[name, *count.row] for name, count in counts.items()])]
    for name, count in counts.items():
        for title in ("failed", "unread", "without", "wrong_function"):
            parts += [f"{name}, {title}: {line}" for line in getattr(count, title)]
    if path := paths["lcb"]:
        differences = dict(lcb_differences(path))
        whole = sum(not words for words in differences.values())
        parts.append(f"LiveCodeBench: {whole} of {len(differences)} whole")
        parts += [f"LiveCodeBench, {place}: {words}" for place, words in differences.items() if words]
    return "\n".join(parts)


def main() -> None:
    """Print the report of a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with the released files")
    parser.add_argument("--sandbox", default="auto", choices=("auto", "docker", "bubblewrap"))
    options = parser.parse_args()
    with open_sandbox(options.sandbox, workers=2) as sandbox:
        print(report(options.data, sandbox))  # noqa: T201


if __name__ == "__main__":
    main()
