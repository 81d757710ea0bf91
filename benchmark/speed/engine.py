"""Speed of the engine against its peers, as ratios, peers interleaved in one run.

At one thread the unit is the CPU second of the whole process, which equals wall time on an idle machine and is little
disturbed by neighbours; with more threads it is wall time. Each round runs the engine and every peer in turn; a ratio
is taken inside a round, and the table gives its median and its range over the rounds.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from benchmark.provenance import clock_digest, code_digest, commit, cores
from benchmark.speed.drafts import Drafts
from benchmark.speed.goals import Goals, goals
from benchmark.speed.opened import (
    ALONE,
    BENCH,
    ONE_REQUEST,
    PARALLEL,
    SEQUENTIAL,
    SPARE,
    PlanShape,
    Task,
    Workload,
    tell,
)
from benchmark.speed.parts import grammar_parts, part_table, step_parts
from benchmark.speed.plans import Plans
from benchmark.speed.programs import Device
from benchmark.speed.random_model import SIZES, copying, endless, random_model
from benchmark.speed.results import Log, ratio_table, ratios, speed_table, write_json
from benchmark.speed.samples import Samples
from inference.base import ModelError
from inference.gguf_file import read_header
from inference.llama import LlamaContext

_CACHES = {"auto": None, "unified": False, "streams": True}
_WORKLOADS = ("samples", "plans", "drafts", "parts")
_EMBEDDED = Path(__file__).parents[2] / "inference" / "embedded" / "model.gguf"
_PEERS = {
    "bench": BENCH,
    "alone": ALONE,
    "llama": SEQUENTIAL,
    "server": ONE_REQUEST,
    "server-parallel": PARALLEL,
}
_PARTS_STEPS = 60
_INTERRUPTED = 130

_HELP = """\
Measure the batching engine against llama.cpp's own llama-batched-bench and llama-server, sequential Llama, and bare
decoding. More than 1 means that the engine is faster. deploy/peers.sh builds llama.cpp's programs (once, about 8
core-minutes); without them the others are measured, and the table says which are missing.

workloads
  samples   k texts over one prompt, for each of --widths
  plans     k prompts that share their beginning, for each of --plans
  drafts    4 texts with and without drafts by prompt lookup: a model that copies its prompt, and one that does not
  parts     what a step costs beside decoding, in microseconds; what a draw and a grammar check cost
"""
_EXAMPLES = """\
examples
  make bench                                                        the tiny model, all workloads, 5 rounds
  make bench ARGS="--model mid --rounds 5"                          311 M parameters; about 10 minutes a round
  make bench ARGS="--model mid --threads 2 --widths 1,16 --workloads samples"    wall time at two threads
  make bench ARGS="--model mid --rounds 5 --minutes 8"              end after 8 minutes; again to go on
  make bench ARGS="--model qwen3-14b --gpu-layers -1 --threads 4"   the same table on a GPU (make CUDA=1 setup before)

Every reading is on the disk before the next begins. The same command goes on where the last one stopped, Ctrl-C
included, and --rounds 7 after --rounds 5 adds two. Readings of other code or other settings are kept and not mixed in.
"""


def measure(task: Task, workload: Workload, log: Log, *, rounds: int, until: float) -> bool:
    """Make the rounds that the log lacks; nothing is begun after `until`, a value of `time.monotonic()`.

    Returns whether all rounds were made.
    """
    unit = "s" if _by_wall(task.device) else "CPU s"
    for turn in range(1, rounds + 1):
        before = set(workload.missing)
        made = {(one.workload, one.peer, one.k) for one in log.readings if one.round == turn}
        for reading in workload.round(turn, lambda *what, made=made: what in made):
            log.add(reading)
            speed = f"{reading.tokens / reading.seconds:8.1f} tokens/s, {reading.seconds:6.2f} {unit}"
            tell(f"round {turn}/{rounds}  {reading.workload}, k={reading.k:<3}{speed}  {reading.peer}")
            if time.monotonic() > until:
                tell("the time is up; the same command goes on from here")
                return False
        for peer in set(workload.missing) - before:
            tell(f"not measured: {peer}: {workload.missing[peer]}")
    return True


def report(log: Log, missing: dict[str, str], aims: Goals) -> str:
    """Return the tables of what was read."""
    found = ratios(log.readings, aims)
    text = f"{ratio_table(found)}\n{speed_table(log.readings)}" if log.readings else ""
    drafted = [one for one in log.readings if one.equal >= 0 and one.peer == "engine"]
    for name in sorted({one.workload for one in drafted}):
        group = [one for one in drafted if one.workload == name]
        text += f"\n{name}: {sum(one.equal for one in group)} of {sum(one.k for one in group)} texts equal without\n"
    return text + "".join(f"\nnot measured: {peer}: {why}\n" for peer, why in sorted(missing.items()))


def _workloads(task: Task, names: Sequence[str]) -> Iterator[Workload]:
    if "samples" in names:
        yield Samples(task)
    if "plans" in names:
        yield from (Plans(task, shape) for shape in task.plans)
    if "drafts" in names and task.copying is not None:
        yield Drafts(task, "a prompt is copied", altered=0.0)
        yield Drafts(task, "a prompt is copied, 8 % altered", altered=0.08)
        yield Drafts(task, "one prompt is copied, seeded", altered=0.0, temperature=0.8, one_prompt=True)
    if "drafts" in names:
        yield Drafts(task, "nothing to copy", altered=None)
        yield Drafts(task, "nothing to copy, seeded", altered=None, temperature=0.8)


def _task(options: argparse.Namespace) -> Task:
    named = options.model in SIZES
    if options.model == "embedded":
        path = endless(options.folder, _EMBEDDED)
    else:
        path = random_model(options.folder, options.model) if named else Path(options.model)
    drafts = named and not SIZES[options.model].mixed and "drafts" in options.workloads
    holds = read_header(path).context_length
    plans = tuple(one for one in options.plans if one.shared + one.own + options.plan_tokens + SPARE <= holds)
    for shape in set(options.plans) - set(plans):
        tell(f"not measured: {shape.name}: the model holds {holds} tokens")
    return Task(
        path=path,
        copying=random_model(options.folder, copying(options.model)) if drafts else None,
        widths=options.widths,
        device=Device(threads=options.threads, gpu_layers=options.gpu_layers),
        prompt_tokens=options.prompt_tokens,
        new_tokens=options.new_tokens,
        plans=plans,
        plan_tokens=options.plan_tokens,
        streams=_CACHES[options.cache],
        peers=tuple(_PEERS[name] for name in options.peers),
    )


def _setup(task: Task, options: argparse.Namespace) -> dict[str, object]:
    """Return what readings must have in common to be set side by side."""
    return {
        "model": options.model,
        "threads": task.device.threads,
        "gpu_layers": task.device.gpu_layers,
        "unit": "wall seconds" if _by_wall(task.device) else "CPU seconds",
        "prompt_tokens": task.prompt_tokens,
        "new_tokens": task.new_tokens,
        "plan_tokens": task.plan_tokens,
        "widest": task.most,
        "cache": options.cache,
        "code": code_digest(),
        "measured_by": clock_digest(),
        "build": LlamaContext.build(),
        "machine": f"{platform.machine()}, {cores()} cores",
    }


def _by_wall(device: Device) -> bool:
    return device.threads > 1 or device.on_gpu


def _widths(text: str) -> tuple[int, ...]:
    return tuple(sorted({int(one) for one in text.split(",")}))


def _plans(text: str) -> tuple[PlanShape, ...]:
    shapes = []
    for one in text.split(","):
        plans, _, lengths = one.partition("x")
        shared, _, own = lengths.partition("+")
        shapes.append(PlanShape(plans=int(plans), shared=int(shared), own=int(own)))
    return tuple(shapes)


def _names(known: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        chosen = tuple(one for one in text.split(",") if one)
        if wrong := set(chosen) - set(known):
            raise argparse.ArgumentTypeError(f"{', '.join(sorted(wrong))}: choose from {', '.join(known)}")
        return chosen

    return parse


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.speed.engine",
        description=_HELP,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--model", default="tiny", help="tiny (worst case for all but decoding), mid, embedded, or a GGUF file's path")
    add("--workloads", type=_names(_WORKLOADS), default=_WORKLOADS, help="several with commas; all when not given")
    add(
        "--peers", type=_names(tuple(_PEERS)), default=tuple(_PEERS), help=f"of {', '.join(_PEERS)}; all when not given"
    )
    add("--widths", type=_widths, default=(1, 4, 8, 16), help="texts per prompt, several with commas")
    add("--rounds", type=int, default=5, help="in all, those of earlier runs included")
    add("--minutes", type=float, default=1e6, help="begin nothing after so many minutes; the same command goes on")
    add("--threads", type=int, default=1, help="1 measures CPU seconds, more measure wall time")
    add("--gpu-layers", type=int, default=0, help="layers on a GPU, -1 for all; measures wall time")
    add("--prompt-tokens", type=int, default=400)
    add("--new-tokens", type=int, default=128)
    add("--plans", type=_plans, default=_plans("8x400+60,16x1200+60"), help="plans x shared + own prompt tokens")
    add("--plan-tokens", type=int, default=64, help="tokens written for each plan")
    add("--cache", choices=_CACHES, default="auto", help="one cache for all sequences, or one each; auto as in use")
    add("--folder", type=Path, default=Path("build/bench"), help="where random models and readings are kept")
    add("--json", type=Path, help="write the result there; next to the readings when not given")
    add("--fresh", action="store_true", help="forget the readings of earlier runs of this model")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """Measure and write the tables to standard output; return the exit code."""
    options = _arguments(given)
    task = _task(options)
    setup = _setup(task, options)
    place = "-gpu" if task.device.on_gpu else ""
    stem = options.folder / f"engine-{Path(options.model).stem}-{task.device.threads}{place}"
    aims = {} if task.device.on_gpu else goals(options.model, task.device.threads)
    log = Log(stem.with_suffix(".jsonl"), setup, fresh=options.fresh)
    missing: dict[str, str] = {}
    code, parts = 0, ""
    try:
        parts = _all(task, options, log, missing)
    except KeyboardInterrupt:
        tell(f"stopped; the same command goes on from here ({len(log.readings)} readings are kept)")
        code = _INTERRUPTED
    except ModelError as error:
        tell(str(error))
        code = 1
    sys.stdout.write(f"{task.path.name}: {setup['unit']}, commit {commit()}, {setup['machine']}\n\n")
    sys.stdout.write(report(log, missing, aims) + parts)
    write_json(options.json or stem.with_suffix(".json"), setup, ratios(log.readings, aims), log)
    return code


def _all(task: Task, options: argparse.Namespace, log: Log, missing: dict[str, str]) -> str:
    """Make what was asked for; return the table of the parts, which are in no log."""
    until = time.monotonic() + 60 * options.minutes
    for workload in _workloads(task, options.workloads):
        with closing(workload):
            whole = measure(task, workload, log, rounds=options.rounds, until=until)
            missing |= workload.missing
        if not whole:
            return ""
    asked = "parts" in options.workloads and not _by_wall(task.device)
    return f"\n{_parts(task)}" if asked else ""


def _parts(task: Task) -> str:
    tell("parts of a step, rows and grammar")
    return part_table(
        [
            *step_parts(task.path, task.most, prompt=task.prompt_tokens, steps=_PARTS_STEPS),
            *grammar_parts(task.path, repeats=400),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
