"""What a real model's replies hold, by kind of prompt, with the forms that ATLAS asks for and without them.

    python -m benchmark.replies humaneval+ --data FILE --model MODEL.gguf --sample 60 --replies 4 --out replies.jsonl

For each task programs, texts with tests and lists of observations are asked for, with the requests of the search
itself; `--free` leaves out what the engine knows of a reply (how it begins, where it is complete, repetitions, short
limits), as ATLAS did until version 0.1. A reply that does not parse is counted, not repeated. With `--out` every reply
is kept as soon as its batch is done, and the same command goes on where it stopped; `--read` asks no model and counts
again, with the parsers of today, what the file holds.

Limits: a reply counts as parsed when it holds something to work with, right or wrong; equal seeds name equal texts
only where texts are decoded one at a time.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmark.sampling import Choice, choose
from benchmark.statistics import wilson
from benchmark.task import TaskSource, load_sheets
from graphs.factory import open_model
from graphs.policies import POLICIES
from inference.base import Completion, Model, Request, Stop
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
_AT_ONCE = 96


class _NoSandbox:
    """Stands where nothing is run."""

    name, notice, workers = "none", "", 1

    def run(
        self, program: Program, inputs: Sequence[str], limits: Limits = Limits(), **_: object
    ) -> tuple[Execution, ...]:
        raise RuntimeError("nothing is run here")

    def close(self) -> None:
        """Nothing to close."""


Key = tuple[str, str, int]
"""Task, kind of prompt, and the number of the reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One reply and what was found in it."""

    task: str
    kind: str
    number: int
    found: int
    """Programs, tests or observations."""
    tokens: int
    stop: Stop
    text: str

    @property
    def key(self) -> Key:
        """What was asked for."""
        return self.task, self.kind, self.number


def asked(problem: Problem, context: Context, number: int, *, free: bool) -> dict[str, Request]:
    """Return the requests for the n-th replies on a problem, by kind."""
    state = SolveState(problem=problem)
    slot = Slot(index=number, max_tokens=context.settings.answer_tokens)
    observation = observation_request(state, context, ())
    requests = {
        "program": slot_request(SlotInput(slot=slot, problem=problem), context),
        "tests": tests_request(state, context, number),
        "observations": replace(observation, seed=observation.seed + number),
    }
    most = context.settings.answer_tokens
    return {
        kind: replace(one, opening="", finish=None, cut_loops=False, max_tokens=most) if free else one
        for kind, one in requests.items()
    }


def found_in(kind: str, text: str, stop: Stop, problem: Problem) -> int:
    """Return how many things of its kind a reply holds."""
    if kind == "program":
        return int(program_of(Completion(text=text, stop=stop), problem) is not None)
    if kind == "tests":
        return len(parse_tests(text, problem.mode, problem.entry_point))
    return len(parse_bullets(text))


def replies(
    model: Model, settings: Settings, wanted: Sequence[tuple[Key, Problem]], *, free: bool
) -> Iterator[list[Reply]]:
    """Ask for what is wanted, so many texts at a time as fill a batch twice, and yield what came."""
    context = Context(model=model, sandbox=_NoSandbox(), policy=POLICIES["adaptive"], settings=settings)
    for first in range(0, len(wanted), _AT_ONCE):
        some = wanted[first : first + _AT_ONCE]
        requests = [asked(problem, context, number, free=free)[kind] for (_, kind, number), problem in some]
        yield [
            Reply(
                task=task,
                kind=kind,
                number=number,
                found=found_in(kind, reply.text, reply.stop, problem),
                tokens=reply.tokens,
                stop=reply.stop,
                text=reply.text,
            )
            for ((task, kind, number), problem), reply in zip(some, model.complete_many(requests), strict=True)
        ]


def kept(path: Path | None, problems: Mapping[str, Problem]) -> list[Reply]:
    """Return the replies of a file, counted with the parsers of today; a line that was cut short is left out."""
    if path is None or not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    found = [Reply(**json.loads(line)) for line in lines]
    return [
        replace(one, found=found_in(one.kind, one.text, one.stop, problems[one.task]))
        for one in found
        if one.task in problems
    ]


def keep(path: Path | None, found: Sequence[Reply]) -> None:
    """Add replies to a file, after its last whole line."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as stream:
        stream.seek(0)
        stream.truncate(stream.read().rfind(b"\n") + 1)
        stream.write("".join(json.dumps(asdict(one)) + "\n" for one in found).encode("utf-8"))


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
    given = _parser().parse_args(arguments)
    sheets = load_sheets(TaskSource(data_set=given.data_set, data=given.data))
    sheets = choose(sheets, Choice(sample=given.sample, limit=given.limit))
    problems = {sheet.name: sheet.problem for sheet in sheets}
    wanted = [(name, kind, number) for name in problems for number in range(given.replies) for kind in KINDS]
    found = [one for one in kept(given.out, problems) if one.key in set(wanted)]
    told = f"{len(found)} replies of {given.out}"
    if not given.read:
        told = _ask(given, [(key, problems[key[0]]) for key in wanted if key not in {one.key for one in found}], found)
    forms = "free" if given.free else "with forms"
    sys.stdout.write(f"{given.data_set}, {forms}, {len(problems)} tasks: {told}\n\n{table(found)}")


def _ask(given: argparse.Namespace, wanted: Sequence[tuple[Key, Problem]], found: list[Reply]) -> str:
    """Add what was not there to what was found; return what came of it in words."""
    settings = Settings(model=given.model, searches=8)
    with closing(open_model(settings)) as model:
        began, tokens = time.monotonic(), 0
        for some in replies(model, settings, wanted, free=given.free):
            keep(given.out, some)
            found += some
            tokens += sum(one.tokens for one in some)
            took = time.monotonic() - began
            words = f"{model.name}: {tokens} tokens in {took:.0f} s, {tokens / took:.1f} a second"
            sys.stderr.write(f"\r{len(found)} replies, {words}")
        sys.stderr.write("\n")
    return words if wanted else "nothing was left to ask for"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.replies", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data_set")
    parser.add_argument("--data", default="")
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--sample", type=int, default=0, help="tasks drawn by seed 1")
    parser.add_argument("--replies", type=int, default=1, help="of each kind for each task")
    parser.add_argument("--free", action="store_true", help="without what the engine knows of a reply")
    parser.add_argument("--out", type=Path, help="keep the replies here, one JSON object a line, and go on with these")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--model", help="who is asked")
    source.add_argument("--read", action="store_true", help="ask nobody, count what `--out` holds")
    return parser


if __name__ == "__main__":
    main()
