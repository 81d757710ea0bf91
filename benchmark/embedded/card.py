"""Write the model card from what a training run left behind: logs, hashes, tables.

Nothing in it is typed by hand but the words; a number that is not there is a number that was not measured.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from string import Template
from typing import Any

from benchmark.embedded.dataset import load
from benchmark.embedded.training import Run

WORDS = Path(__file__).with_name("card.md")
ROWS = (
    "greedy",
    "greedy without thinking",
    "first sample",
    "mean of samples",
    "best by examples",
    "best by examples minus first sample",
    "oracle",
    "passes examples, fails hidden",
)
GROUPS = ("explicit", "vague", "depth 1", "depth 2", "depth 3", "depth 4")
SELF_TESTS = ("raw self-tests", "confirmed self-tests")
MEASURES = ("greedy", "first sample", "best by examples")
CURVE_LINES = 12


def triple(value: Sequence[float]) -> str:
    """Return `mean (low to high)`."""
    mean, low, high = value
    return f"{mean:.1f} ({low:.1f} to {high:.1f})"


def _log(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def _minutes(log: list[dict[str, float]]) -> float:
    """Return wall minutes; the clock of a resumed run starts again at zero."""
    total = last = 0.0
    for line in log:
        total += line["seconds"] - (last if line["seconds"] >= last else 0.0)
        last = line["seconds"]
    return total / 60


def _curve(log: list[dict[str, float]]) -> str:
    every = max(1, len(log) // CURVE_LINES)
    kept = [line for i, line in enumerate(log) if (i + 1) % every == 0 or i + 1 == len(log)]
    rows = [_row(f"{line['batch']:.0f} of {line['of']:.0f}", f"{line['answer_loss']:.3f}") for line in kept]
    return "\n".join([*_head("batch", "answer loss, nats per token"), *rows])


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _head(*cells: object) -> list[str]:
    return [_row(*cells), _row(*["---"] * len(cells))]


def _table(tables: Mapping[str, dict[str, Any]]) -> str:
    made = list(tables.values())
    columns = [f"{name}, n={table['problems']}" for name, table in tables.items()]
    rows = [_row(row, *(triple(table[row]) for table in made)) for row in ROWS]
    rows += [_row(f"{kind}: right", *(_tests(table[kind]) for table in made)) for kind in SELF_TESTS]
    for group in GROUPS:
        if any(group in table for table in made):
            rows += [_row(f"{group}: {m}", *(_cell(table, group, m) for table in made)) for m in MEASURES]
    return "\n".join([*_head("per cent (95 % interval)", *columns), *rows])


def _tests(found: Mapping[str, Any]) -> str:
    return f"{triple(found['right'])} of {found['kept']}" if "right" in found else "none"


def _cell(table: Mapping[str, Any], group: str, measure: str) -> str:
    return f"{triple(table[group][measure])}, n={table[group]['n']}" if group in table else "–"


def _shards(work: Path) -> str:
    rows = []
    for name in ("first", "second", "own"):
        shard = load(work / f"{name}.npz")
        rows.append(_row(name, len(shard), int(shard.starts[-1]), f"`{shard.sha256}`"))
    return "\n".join([*_head("shard", "samples", "tokens", "SHA-256"), *rows])


def _mix(mixes: Mapping[str, Mapping[str, float]]) -> str:
    tasks = list(next(iter(mixes.values())))
    rows = [_row(task, *(f"{mix[task] / sum(mix.values()):.3f}" for mix in mixes.values())) for task in tasks]
    return "\n".join([*_head("share of samples", *mixes), *rows])


def _run(name: str, run: Run, log: list[dict[str, float]]) -> str:
    return f"- {name}: {log[-1]['of']:.0f} batches, {_minutes(log):.0f} minutes of wall time; {asdict(run)}"


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "no git checkout"


def write_card(
    work: Path, model: Path, out: Path, runs: Mapping[str, Run], mixes: Mapping[str, Mapping[str, float]]
) -> None:
    """Write the card of the model that a work folder made.

    Args:
        work: the work folder of `benchmark.embedded.train`.
        model: the exported file.
        out: where the card goes.
        runs: the trainings by the names of their folders.
        mixes: their sample shares by the same names.
    """
    logs = {name: _log(work / name) for name in runs}
    tables = {
        part: json.loads((work / f"{part}.json").read_text(encoding="utf-8")) for part in ("held_out", "training")
    }
    text = Template(WORDS.read_text(encoding="utf-8")).substitute(
        sha256=hashlib.sha256(model.read_bytes()).hexdigest(),
        bytes=model.stat().st_size,
        tokenizer=hashlib.sha256((work / "tokenizer.json").read_bytes()).hexdigest(),
        commit=_commit(),
        shards=_shards(work),
        mix=_mix(mixes),
        runs="\n".join(_run(name, run, logs[name]) for name, run in runs.items()),
        curves="\n\n".join(f"### {name}\n\n{_curve(log)}" for name, log in logs.items()),
        table=_table(tables),
        seed=tables["held_out"]["seed"],
        k=tables["held_out"]["k"],
        gap=f"{tables['training']['greedy'][0] - tables['held_out']['greedy'][0]:.1f}",
    )
    out.write_text(text, encoding="utf-8")
