"""The embedded model's exit test: `python -m benchmark.embedded.evaluate --part held_out --n 200 --seed 7`.

Per problem: one greedy program, k samples, and a few self-written tests. Reported: greedy and first-sample accuracy,
best of k by the statement's examples, oracle, and the precision of raw and of confirmed self-tests (a test is confirmed
when a sample that passes every example gives the same output). Intervals are 95 % bootstrap over problems.
Limits: this measures the model, not the search; vague specs are settled by examples and so favour running them.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmark.embedded.grading import Grader
from benchmark.embedded.problems import EmbeddedTask, held_out, training, tuning
from inference.base import Model, Request, Thinking
from inference.gguf import GgufModel
from nodes.parsing import extract_code, parse_tests
from nodes.prompting import render
from sandbox.choice import open_sandbox
from sandbox.compare import same_output

PARTS = {"held_out": held_out, "tuning": tuning, "training": training}
EMBEDDED = Path("inference/embedded/model.gguf")
THINKING = Thinking(at_most=300)
ANSWER_TOKENS = 220
TEMPERATURE = 0.8
TEST_CALLS = 3
RESAMPLES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemResult:
    """What the model did with one problem."""

    task_id: str
    vague: bool
    depth: int
    greedy: bool
    greedy_plain: bool
    """Without thinking."""
    passes_examples: tuple[bool, ...]
    """Per sample."""
    solves: tuple[bool, ...]
    """Per sample: examples and hidden pairs."""
    tests: tuple[tuple[bool, bool], ...]
    """Per self-written test: right, confirmed."""
    tokens: int
    """Generated tokens of the samples, thinking included."""

    @property
    def chosen(self) -> bool:
        """Whether the first sample that passes the examples, or else the first, is right."""
        return next((s for p, s in zip(self.passes_examples, self.solves, strict=True) if p), self.solves[0])


def code_request(task: EmbeddedTask, *, temperature: float, seed: int = 0, thinking: Thinking = THINKING) -> Request:
    """Return the request for a program, as the search asks it."""
    messages = render("compact", "code", statement=task.spec, plan="", perturbation="")
    return Request(messages=messages, max_tokens=ANSWER_TOKENS, thinking=thinking, temperature=temperature, seed=seed)


def _self_tests(task: EmbeddedTask, model: Model) -> list[tuple[str, str]]:
    messages = render("compact", "tests", statement=task.spec)
    requests = [
        Request(messages=messages, max_tokens=ANSWER_TOKENS, thinking=THINKING, temperature=TEMPERATURE, seed=seed)
        for seed in range(TEST_CALLS)
    ]
    replies = model.complete_many(requests)
    return [pair for reply in replies for pair in parse_tests(reply.text, task.mode, task.entry_point)]


def _graded_tests(
    task: EmbeddedTask, model: Model, grader: Grader, trusted: list[str]
) -> tuple[tuple[bool, bool], ...]:
    graded = []
    for pair in _self_tests(task, model):
        run = grader.run(task, task.reference, [pair[0]])[0]
        right = run.status == "completed" and same_output(task.mode, run.output, pair[1])
        graded.append((right, any(grader.passes(task, source, [pair]) for source in trusted)))
    return tuple(graded)


def examine(task: EmbeddedTask, model: Model, grader: Grader, k: int) -> ProblemResult:
    """Return the result of one problem with `k` samples."""
    requests = [
        code_request(task, temperature=0.0),
        code_request(task, temperature=0.0, thinking=Thinking()),
        *(code_request(task, temperature=TEMPERATURE, seed=seed) for seed in range(k)),
    ]
    replies = model.complete_many(requests)
    greedy, plain, *samples = [extract_code(reply.text) for reply in replies]
    shown = tuple(grader.passes(task, source, task.examples) for source in samples)
    solves = tuple(p and grader.passes(task, s, task.hidden) for p, s in zip(shown, samples, strict=True))
    trusted = list(dict.fromkeys(s for p, s in zip(shown, samples, strict=True) if p and s is not None))
    return ProblemResult(
        task_id=task.task_id,
        vague=task.vague,
        depth=task.depth,
        greedy=grader.solves(task, greedy),
        greedy_plain=grader.solves(task, plain),
        passes_examples=shown,
        solves=solves,
        tests=_graded_tests(task, model, grader, trusted),
        tokens=sum(reply.spent for reply in replies[2:]),
    )


def interval(values: list[float], seed: int = 0) -> tuple[float, float, float]:
    """Return mean and 95 % bootstrap interval in per cent."""
    data = np.asarray(values, dtype=float) * 100
    rng = np.random.default_rng(seed)
    means = data[rng.integers(0, len(data), (RESAMPLES, len(data)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return round(float(data.mean()), 1), round(float(low), 1), round(float(high), 1)


def _precision(results: list[ProblemResult], *, confirmed: bool) -> dict[str, object]:
    """Return kept tests and their precision, with an interval over problems."""
    rows = [[right for right, agreed in r.tests if agreed or not confirmed] for r in results]
    kept, right = np.array([len(row) for row in rows]), np.array([sum(row) for row in rows])
    if not kept.sum():
        return {"kept": 0}
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(rows), (RESAMPLES, len(rows)))
    totals = kept[drawn].sum(axis=1)
    shares = right[drawn].sum(axis=1)[totals > 0] / totals[totals > 0] * 100
    low, high = np.percentile(shares, [2.5, 97.5])
    share = float(right.sum() / kept.sum() * 100)
    return {"kept": int(kept.sum()), "right": (round(share, 1), round(float(low), 1), round(float(high), 1))}


def summarise(results: list[ProblemResult]) -> dict[str, object]:
    """Return the table: every number is (mean, low, high) in per cent unless it says otherwise."""
    first = [float(r.solves[0]) for r in results]
    chosen = [float(r.chosen) for r in results]
    table: dict[str, object] = {
        "problems": len(results),
        "greedy": interval([float(r.greedy) for r in results]),
        "greedy without thinking": interval([float(r.greedy_plain) for r in results]),
        "first sample": interval(first),
        "mean of samples": interval([sum(r.solves) / len(r.solves) for r in results]),
        "best by examples": interval(chosen),
        "best by examples minus first sample": interval([b - a for a, b in zip(first, chosen, strict=True)]),
        "oracle": interval([float(any(r.solves)) for r in results]),
        "passes examples, fails hidden": interval([float(any(r.passes_examples) and not r.chosen) for r in results]),
        "raw self-tests": _precision(results, confirmed=False),
        "confirmed self-tests": _precision(results, confirmed=True),
        "tokens per problem, samples": round(sum(r.tokens for r in results) / len(results)),
    }
    for name, part in _groups(results).items():
        table[name] = {
            "n": len(part),
            "greedy": interval([float(r.greedy) for r in part]),
            "first sample": interval([float(r.solves[0]) for r in part]),
            "best by examples": interval([float(r.chosen) for r in part]),
        }
    return table


def _groups(results: list[ProblemResult]) -> dict[str, list[ProblemResult]]:
    groups = {"explicit": [r for r in results if not r.vague], "vague": [r for r in results if r.vague]}
    groups |= {f"depth {d}": [r for r in results if r.depth == d] for d in sorted({r.depth for r in results})}
    return {name: part for name, part in groups.items() if part}


def evaluate(part: str, n: int, seed: int, k: int, model_path: Path) -> dict[str, object]:
    """Return the table of `n` problems of a part of the family; programs run in bubblewrap."""
    model = GgufModel(model_path, threads=1)
    sandbox = open_sandbox("bubblewrap", workers=1)
    try:
        grader = Grader(sandbox)
        results = [examine(task, model, grader, k) for task in PARTS[part](n, seed)]
    finally:
        sandbox.close()
        model.close()
    head = {"part": part, "seed": seed, "k": k, "model": model.fingerprint, "temperature": TEMPERATURE}
    return head | summarise(results) | {"results": [asdict(r) for r in results]}


def main() -> None:
    """Write the table as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=sorted(PARTS), default="held_out")
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--k", type=int, default=8)
    parser.add_argument("--model", type=Path, default=EMBEDDED)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    table = evaluate(given.part, given.n, given.seed, given.k, given.model)
    given.out.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
