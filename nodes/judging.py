"""Judge what a run did: the host's half of a test, where expected outputs are known."""

from __future__ import annotations

from dataclasses import replace

from nodes.parsing import literal
from nodes.state import OUTPUT_KEPT, Outcome, Problem, PublicTest, content_id
from sandbox.base import Execution, Mode
from sandbox.checks import judge
from sandbox.compare import output_key, unordered_key, verdict_of


def outcome_of(
    program_id: str, mode: Mode, given: str, run: Execution, expected: str | None, *, unordered: bool = False
) -> Outcome:
    """Return the outcome of one run; `expected` is what is right, or None where nobody knows.

    With `unordered` lists with equal items count as one behaviour.
    """
    completed = run.status == "completed"
    return Outcome(
        program_id=program_id,
        input_id=content_id(given),
        status=verdict_of(mode, run, expected),
        output=run.output[:OUTPUT_KEPT],
        output_key=expected_key(mode, run.output, unordered=unordered) if completed else "",
        error=run.error[-OUTPUT_KEPT:],
        cpu_s=run.cpu_s,
        wall_s=run.wall_s,
        peak_mb=run.peak_mb,
    )


def outcome_of_example(program_id: str, mode: Mode, test: PublicTest, run: Execution) -> Outcome:
    """Return the outcome of one run on a person's example.

    What passes a check that is more than equality counts as one behaviour, however the outputs are spelled.
    """
    plain = outcome_of(program_id, mode, test.input, run, test.expected)
    if test.is_plain:
        return plain
    status = judge(mode, run, test.check)
    is_one = status == "passed" and test.how != "equal"
    key = content_id(test.how, test.expected) if is_one else plain.output_key
    return replace(plain, input_id=test.id, status=status, output_key=key)


def expected_key(mode: Mode, text: str, *, unordered: bool = False) -> str:
    """Return the output key that a program has whose output is `text`."""
    return content_id(unordered_key(text) if unordered and mode == "function" else output_key(mode, text))


def key_for(problem: Problem, text: str) -> str:
    """Return the output key that a program has whose output is `text`, by what the problem says of the order."""
    return expected_key(problem.mode, text, unordered=problem.in_any_order)


def input_key(mode: Mode, text: str) -> str:
    """Return a text that is equal for two spellings of one input: white space at line ends, or the values' spelling."""
    return output_key("function", f"[{text}]") if mode == "function" else output_key("stdio", text)


def shown(mode: Mode, output: str) -> str:
    """Return an output as a person would write it: values in Python's spelling, text as it is."""
    if mode == "stdio":
        return output
    try:
        return repr(literal(output))
    except ValueError:
        return output
