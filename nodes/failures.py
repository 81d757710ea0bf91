"""What went wrong, in words that a repair can use: public tests first, then confirmed self-tests."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

from nodes.evidence import confirmed_tests, outcomes_by_pair, public_passed
from nodes.judging import key_for, shown
from nodes.reading.writing import failure_text
from nodes.state import OUTPUT_KEPT, Outcome, Problem, PublicTest, SolveState, content_id

_LIMITS = {"timeout": "took too long", "memory": "used too much memory", "output_limit": "wrote too much output"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failing run, told to a model."""

    input_id: str
    text: str


def failures_of(state: SolveState, program_id: str) -> list[Failure]:
    """Return the failures of a program, the shortest input first within each kind of test."""
    outcomes = outcomes_by_pair(state)
    found = _failed_checks(state, program_id)
    plain = [(t.input, t.expected) for t in state.problem.tests if t.is_plain]
    for given, expected in [*sorted(plain, key=lambda pair: len(pair[0])), *_confirmed(state, outcomes)]:
        run = outcomes.get((program_id, content_id(given)))
        right = run is not None and (run.status == "passed" or run.output_key == key_for(state.problem, expected))
        if run is not None and not right:
            found.append(Failure(input_id=run.input_id, text=describe(state.problem, given, expected, run)))
    return found


def _failed_checks(state: SolveState, program_id: str) -> list[Failure]:
    """Return the failed examples that ask for more than one equal output."""
    outcomes = outcomes_by_pair(state)
    found = []
    for test in state.problem.tests:
        run = None if test.is_plain else outcomes.get((program_id, test.id))
        if run is not None and run.status != "passed":
            found.append(Failure(input_id=test.id, text=_check_failure(state.problem, test, run)))
    return found


def _check_failure(problem: Problem, test: PublicTest, run: Outcome) -> str:
    happened = _LIMITS.get(run.status, "")
    if run.status == "runtime_error":
        happened = f"raised {_last_lines(run.error)}"
    return f"{failure_text(problem, test)}\nIt {happened or f'gave {shown(problem.mode, run.output).rstrip()}'}"


def describe(problem: Problem, given: str, expected: str, run: Outcome) -> str:
    """Return the failing input, what was expected, and what happened."""
    happened = _LIMITS.get(run.status, "")
    output = shown(problem.mode, run.output).rstrip() + (" ... (cut)" if len(run.output) >= OUTPUT_KEPT else "")
    error = _last_lines(run.error)
    if problem.mode == "function":
        call = f"{problem.entry_point}({given})"
        if run.status == "runtime_error":
            return f"{call} raised {error}"
        return f"{call} {happened}" if happened else f"{call} returned {output}, expected {expected}"
    if run.status == "runtime_error":
        return f"Input:\n{given.rstrip()}\nError: {error}"
    if happened:
        return f"Input:\n{given.rstrip()}\nError: {happened}"
    return f"Input:\n{given.rstrip()}\nOutput:\n{output}\nExpected:\n{expected.rstrip()}"


def _last_lines(error: str) -> str:
    """Return the exception of a traceback, which is its last line; the frames above only when it is alone."""
    lines = [line for line in error.strip().splitlines() if line.strip()]
    return lines[-1] if lines else "an error without a message"


def _gave(run: Outcome, input_id: str, key: str) -> bool:
    return (run.input_id, run.output_key) == (input_id, key)


def _confirmed(state: SolveState, outcomes: dict[tuple[str, str], Outcome]) -> list[tuple[str, str]]:
    total = len(state.problem.tests)
    programs = {c.program_id for c in state.candidates}
    trusted = [p for p in programs if total and public_passed(state, p, outcomes) == total]
    keys = confirmed_tests(state, trusted, outcomes)
    by_id = {test.id: test for test in state.self_tests}
    texts = []
    for input_id, key in keys.items():
        test = by_id[input_id]
        predicted = (text for text, _ in test.votes if key_for(state.problem, text) == key)
        computed = (shown(state.problem.mode, run.output) for run in outcomes.values() if _gave(run, input_id, key))
        texts.append((test.input, next(chain(predicted, computed))))
    return sorted(texts, key=lambda pair: len(pair[0]))
