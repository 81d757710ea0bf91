"""Write the model card from what a training run left behind: logs, hashes, tables. Nothing in it is typed by hand but
the words; a number that is not there is a number that was not measured.
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
    rows = [f"| {line['batch']:.0f} of {line['of']:.0f} | {line['answer_loss']:.3f} |" for line in kept]
    return "\n".join(["| batch | answer loss, nats per token |", "| --- | --- |", *rows])


def _table(tables: Mapping[str, dict[str, Any]]) -> str:
    head = [f"| per cent (95 % interval) | {' | '.join(f'{name}, n={t["problems"]}' for name, t in tables.items())} |"]
    rule = [f"| --- |{' --- |' * len(tables)}"]
    rows = [f"| {row} | {' | '.join(triple(t[row]) for t in tables.values())} |" for row in ROWS]
    for kind in ("raw self-tests", "confirmed self-tests"):
        cells = [
            f"{triple(t[kind]['right'])} of {t[kind]['kept']}" if "right" in t[kind] else "none"
            for t in tables.values()
        ]
        rows.append(f"| {kind}: right | {' | '.join(cells)} |")
    for group in GROUPS:
        for measure in ("greedy", "first sample", "best by examples"):
            cells = [f"{triple(t[group][measure])}, n={t[group]['n']}" if group in t else "–" for t in tables.values()]
            if cells != ["–"] * len(tables):
                rows.append(f"| {group}: {measure} | {' | '.join(cells)} |")
    return "\n".join(head + rule + rows)


def _shards(work: Path) -> str:
    rows = []
    for name in ("first", "second", "own"):
        shard = load(work / f"{name}.npz")
        rows.append(f"| {name} | {len(shard)} | {int(shard.starts[-1])} | `{shard.sha256}` |")
    return "\n".join(["| shard | samples | tokens | SHA-256 |", "| --- | --- | --- | --- |", *rows])


def _mix(mixes: Mapping[str, Mapping[str, float]]) -> str:
    tasks = list(next(iter(mixes.values())))
    rows = [
        f"| {task} | {' | '.join(f'{mix[task] / sum(mix.values()):.3f}' for mix in mixes.values())} |" for task in tasks
    ]
    return "\n".join([f"| share of samples | {' | '.join(mixes)} |", f"| --- |{' --- |' * len(mixes)}", *rows])


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
        runs="\n".join(
            f"- {name}: {logs[name][-1]['of']:.0f} batches, {_minutes(logs[name]):.0f} minutes of wall time; {asdict(run)}"
            for name, run in runs.items()
        ),
        curves="\n\n".join(f"### {name}\n\n{_curve(log)}" for name, log in logs.items()),
        table=_table(tables),
        seed=tables["held_out"]["seed"],
        k=tables["held_out"]["k"],
        gap=f"{tables['training']['greedy'][0] - tables['held_out']['greedy'][0]:.1f}",
    )
    out.write_text(text, encoding="utf-8")
