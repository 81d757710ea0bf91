"""On-policy repair data: the model's own failing programs on training problems, with the sandbox's real messages.

Mutations of right programs are one step off; a model's own failures are often further off, or exceptions. Programs are
sampled, run on the examples in a sandbox, and every failing one becomes a repair sample, some also one with notes or an
analysis. Limits: only the examples decide, so a program that passes them and is wrong is not shown.
"""

from __future__ import annotations

import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmark.embedded.evaluate import code_request
from benchmark.embedded.grading import Grader
from benchmark.embedded.problems import Drawn, EmbeddedTask, as_task, draw_part
from benchmark.embedded.programs import write_program
from benchmark.embedded.repair_samples import ANGLES, misleading_note
from benchmark.embedded.samples import Sample, fence, pick_style
from inference.base import Completion, Thinking
from inference.gguf import GgufModel
from nodes.failures import describe
from nodes.parsing import extract_code, parse_bullets
from nodes.prompting import render
from nodes.state import Outcome, Problem
from sandbox.choice import open_sandbox
from sandbox.compare import same_output

SAMPLES = 2
TEMPERATURE = 1.0
MOST_FAILURE_CHARS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One worker's part."""

    model: Path
    seed: int
    problems: int


def first_failure(task: EmbeddedTask, source: str, grader: Grader) -> str | None:
    """Return the message of the first failing example, or None when all pass."""
    problem = Problem(statement=task.spec, mode=task.mode, entry_point=task.entry_point)
    runs = grader.run(task, source, [given for given, _ in task.examples])
    for run, (given, expected) in zip(runs, task.examples, strict=True):
        if run.status != "completed" or not same_output(task.mode, run.output, expected):
            outcome = Outcome(program_id="", input_id="", status=run.status, output=run.output, error=run.error)
            return describe(problem, given, expected, outcome)
    return None


def diagnosis(drawn: Drawn, reply: Completion) -> tuple[str, str]:
    """Return what is wrong and what is right: the steps in which the model's own plan differs, or the whole plan."""
    steps = [step.canonical for step in drawn.chain]
    planned = [line for line in parse_bullets(reply.thinking) if not line.startswith("Style")]
    if len(planned) == len(steps) and planned != steps:
        different = [(mine, right) for mine, right in zip(planned, steps, strict=True) if mine != right]
        return "; ".join(mine for mine, _ in different), "; ".join(right for _, right in different)
    return "the steps", "; ".join(steps)


def failure_samples(drawn: Drawn, reply: Completion, code: str, failure: str, rng: random.Random) -> list[Sample]:
    """Return the samples that one failing program gives."""
    wrong, right = diagnosis(drawn, reply)
    shown = {"statement": drawn.spec, "code": code, "failure": failure}
    answer = fence(write_program(drawn.chain, pick_style(rng), drawn.shape))
    repair = Sample(
        task="own repair",
        messages=render("compact", "repair", **shown),
        thoughts=f"Wrong: {wrong}\nRight: {right}",
        answer=answer,
    )
    dice = rng.random()
    if dice < 0.25:
        notes = [f"{angle}: {misleading_note(rng.choice(drawn.chain), rng)}" for angle in ANGLES]
        place = rng.randrange(len(notes))
        notes[place] = f"{ANGLES[place]}: Wrong: {wrong} Right: {right}"
        more = Sample(
            task="own synthesis", messages=render("compact", "synthesise", **shown, notes=notes), answer=answer
        )
        return [repair, more]
    if dice < 0.5:
        more = Sample(
            task="own analysis",
            messages=render("compact", "analyse", **shown, angle=rng.choice(ANGLES)),
            answer=f"Wrong: {wrong}\nRight: {right}",
        )
        return [repair, more]
    return [repair]


def sample_chunk(chunk: Chunk) -> list[Sample]:
    """Sample, run and turn failures into samples; deterministic for a seed and a model."""
    rng = random.Random(f"own failures {chunk.seed}")
    model = GgufModel(chunk.model, threads=1)
    sandbox = open_sandbox("bubblewrap", workers=1)
    grader = Grader(sandbox)
    made: list[Sample] = []
    try:
        for i, drawn in enumerate(draw_part("training", chunk.problems, chunk.seed)):
            task = as_task(drawn, f"training-{chunk.seed}-{i}")
            made += _problem_samples(drawn, task, model, grader, rng)
    finally:
        sandbox.close()
        model.close()
    return made


def _problem_samples(
    drawn: Drawn, task: EmbeddedTask, model: GgufModel, grader: Grader, rng: random.Random
) -> list[Sample]:
    requests = [
        code_request(task, temperature=TEMPERATURE, seed=rng.randrange(2**31)),
        code_request(task, temperature=TEMPERATURE, seed=rng.randrange(2**31), thinking=Thinking()),
    ][:SAMPLES]
    made: list[Sample] = []
    for reply in model.complete_many(requests):
        code = extract_code(reply.text)
        failure = first_failure(task, code, grader) if code else None
        if code and failure and len(failure) <= MOST_FAILURE_CHARS:
            made += failure_samples(drawn, reply, code, failure, rng)
    return made


def own_failures(model: Path, seed: int, problems: int, workers: int) -> list[Sample]:
    """Return the samples of all chunks, in order."""
    chunks = [Chunk(model=model, seed=seed * 100 + i, problems=problems // workers) for i in range(workers)]
    with ProcessPoolExecutor(max_workers=workers) as pool:
        return [sample for part in pool.map(sample_chunk, chunks) for sample in part]
