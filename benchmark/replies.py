"""What a real model's replies hold, by kind of prompt, with the forms that ATLAS asks for and without them.

    python -m benchmark.replies humaneval+ --data FILE --model MODEL.gguf --limit 40

For each task one program, one text with tests and one list of observations are asked for, with the requests of the
search itself; `--free` leaves out what the engine knows of a reply (how it begins, where it is complete, repetitions,
short limits), as ATLAS did until version 0.1. A reply that does not parse is counted, not repeated.

Limits: a reply counts as parsed when it holds something to work with, right or wrong; equal seeds name equal texts
only where texts are decoded one at a time.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmark.sampling import Choice, choose
from benchmark.statistics import wilson
from benchmark.task import TaskSource, load_sheets
from graphs.factory import open_model
from graphs.policies import POLICIES
from inference.base import Completion, Model, Request
from nodes.budgeted_generation import SlotInput, slot_request
from nodes.context import Context
from nodes.parsing import parse_bullets, parse_tests
from nodes.plan_search import observation_request
from nodes.programs import program_of
from nodes.self_test_synthesis import tests_request
from nodes.settings import Settings
from nodes.state import Problem, Slot, SolveState
from sandbox.base import Execution, Limits, Program

KINDS = ("program", "tests", "observations")


class _NoSandbox:
    """Stands where nothing is run."""

    name, notice, workers = "none", "", 1

    def run(
        self, program: Program, inputs: Sequence[str], limits: Limits = Limits(), **_: object
    ) -> tuple[Execution, ...]:
        raise RuntimeError("nothing is run here")

    def close(self) -> None:
        """Nothing to close."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One reply and what was found in it."""

    task: str
    kind: str
    found: int
    """Programs, tests or observations."""
    tokens: int
    stop: str
    text: str


def asked(problem: Problem, context: Context, *, free: bool) -> tuple[Request, ...]:
    """Return the requests for a problem, in the order of `KINDS`."""
    state = SolveState(problem=problem)
    slot = Slot(index=0, max_tokens=context.settings.answer_tokens)
    requests = (
        slot_request(SlotInput(slot=slot, problem=problem), context),
        tests_request(state, context, 0),
        observation_request(state, context, ()),
    )
    most = context.settings.answer_tokens
    return tuple(
        replace(one, opening="", finish=None, cut_loops=False, max_tokens=most) if free else one for one in requests
    )


def found_in(kind: str, reply: Completion, problem: Problem) -> int:
    """Return how many things of its kind a reply holds."""
    if kind == "program":
        return int(program_of(reply, problem) is not None)
    if kind == "tests":
        return len(parse_tests(reply.text, problem.mode, problem.entry_point))
    return len(parse_bullets(reply.text))


def replies(model: Model, settings: Settings, problems: Sequence[tuple[str, Problem]], *, free: bool) -> list[Reply]:
    """Ask for everything in one call and return what came."""
    context = Context(model=model, sandbox=_NoSandbox(), policy=POLICIES["adaptive"], settings=settings)
    requests = [(name, problem, kind, one) for name, problem in problems
                for kind, one in zip(KINDS, asked(problem, context, free=free), strict=True)]  # fmt: skip
    done = model.complete_many([one for *_, one in requests])
    return [
        Reply(
            task=name,
            kind=kind,
            found=found_in(kind, reply, problem),
            tokens=reply.tokens,
            stop=reply.stop,
            text=reply.text,
        )
        for (name, problem, kind, _), reply in zip(requests, done, strict=True)
    ]


def table(found: Sequence[Reply]) -> str:
    """Return one line for each kind of prompt: shares with 95 % intervals, mean tokens, why texts ended."""
    lines = [
        "| kind | n | nothing found, % | loops, % | mean tokens | found, mean | ended |",
        "|---|--:|--:|--:|--:|--:|---|",
    ]
    for kind in KINDS:
        some = [one for one in found if one.kind == kind]
        if not some:
            continue
        empty, loops = (
            sum(test(one) for one in some) for test in (lambda one: not one.found, lambda one: one.stop == "loop")
        )
        ends = ", ".join(f"{stop} {count}" for stop, count in Counter(one.stop for one in some).most_common())
        tokens, things = (sum(values) / len(some) for values in ([o.tokens for o in some], [o.found for o in some]))
        lines.append(
            f"| {kind} | {len(some)} | {_share(empty, len(some))} | {_share(loops, len(some))} | {tokens:.0f} | "
            f"{things:.1f} | {ends} |"
        )
    return "\n".join(lines) + "\n"


def _share(count: int, n: int) -> str:
    estimate = wilson(count, n)
    return f"{100 * estimate.value:.1f} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]" if estimate else "-"


def main(arguments: Sequence[str] | None = None) -> None:
    """Ask, count, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_set")
    parser.add_argument("--data", default="")
    parser.add_argument("--model", required=True)
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--sample", type=int, default=0, help="tasks drawn by seed 1")
    parser.add_argument("--free", action="store_true", help="without what the engine knows of a reply")
    parser.add_argument("--out", type=Path, help="keep the replies here, one JSON object a line")
    given = parser.parse_args(arguments)
    settings = Settings(model=given.model, searches=8)
    sheets = load_sheets(TaskSource(data_set=given.data_set, data=given.data))
    sheets = choose(sheets, Choice(sample=given.sample, limit=given.limit))
    with closing(open_model(settings)) as model:
        began = time.monotonic()
        found = replies(model, settings, [(sheet.name, sheet.problem) for sheet in sheets], free=given.free)
        seconds = time.monotonic() - began
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text("".join(json.dumps(asdict(one)) + "\n" for one in found), encoding="utf-8")
    tokens = sum(one.tokens for one in found)
    sys.stdout.write(f"{model.name}, {given.data_set}, {'free' if given.free else 'with forms'}: {tokens} tokens in ")
    sys.stdout.write(f"{seconds:.0f} s, {tokens / seconds:.1f} a second\n\n{table(found)}")


if __name__ == "__main__":
    main()
