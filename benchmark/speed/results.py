"""Readings of a speed benchmark: kept line by line, so that a run can be cut short and go on, and set side by side.

A file holds readings of one set-up (model, threads, lengths, cache, code); what was read by other code is not mixed in.
A ratio is taken inside a round, where the peers ran one after another; the table has its median and range.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

OURS = "engine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One workload, done once by one engine."""

    round: int
    workload: str
    peer: str
    k: int
    seconds: float
    """CPU seconds of the engine's process, or wall seconds, as the set-up says."""
    tokens: int
    """Tokens written."""
    evaluated: int = 0
    """Prompt tokens that were computed; 0 where nobody counted."""
    least: int = 0
    """Prompt tokens that must be computed: the distinct ones of the prompts' trie."""
    equal: int = -1
    """Texts that are the same with and without drafts; -1 where that was not asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """How much faster the engine is than a peer at one workload, over the rounds."""

    workload: str
    k: int
    peer: str
    values: tuple[float, ...]
    """More than 1: the engine wrote more tokens a second."""
    goal: float | None = None

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.values)


class Log:
    """The file of readings; each is on the disk before the next begins."""

    def __init__(self, path: Path, setup: Mapping[str, object], *, fresh: bool = False) -> None:
        """Open the readings of a set-up; those of another in the same file are left out, `fresh` deletes all.

        A last line that was cut short is dropped.
        """
        self._path = path
        self._setup = json.dumps(setup, sort_keys=True)
        self.readings: list[Reading] = []
        if fresh:
            path.unlink(missing_ok=True)
        if path.exists():
            text = path.read_text(encoding="utf-8")
            whole = text[: text.rfind("\n") + 1]
            if whole != text:
                path.write_text(whole, encoding="utf-8")
            lines = [json.loads(line) for line in whole.splitlines()]
            self.readings = [Reading(**line["reading"]) for line in lines if line["setup"] == self._setup]

    def add(self, reading: Reading) -> None:
        """Keep a reading."""
        self.readings.append(reading)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"setup": self._setup, "reading": asdict(reading)}) + "\n")


def ratios(readings: Sequence[Reading], goals: Mapping[tuple[str, int, str], float]) -> list[Ratio]:
    """Return the engine's speed over each peer's, round by round, in the order in which they were first read."""
    ours = {(one.workload, one.k, one.round): one for one in readings if one.peer == OURS}
    found: dict[tuple[str, int, str], list[float]] = {}
    for one in readings:
        mine = ours.get((one.workload, one.k, one.round))
        if one.peer == OURS or mine is None:
            continue
        speed = (mine.tokens / mine.seconds) / (one.tokens / one.seconds)
        found.setdefault((one.workload, one.k, one.peer), []).append(speed)
    return [
        Ratio(workload=key[0], k=key[1], peer=key[2], values=tuple(values), goal=goals.get(key))
        for key, values in sorted(found.items(), key=lambda pair: (pair[0][0], pair[0][2], pair[0][1]))
    ]


def ratio_table(found: Iterable[Ratio]) -> str:
    """Return ratios as a Markdown table."""
    lines = ["| workload | k | against | ratio, median | range | rounds | to reach |", "|---|--:|---|--:|--:|--:|--:|"]
    for one in found:
        goal = "" if one.goal is None else f"{one.goal:.2f} {'yes' if one.median >= one.goal else '**no**'}"
        spread = f"{min(one.values):.2f}-{max(one.values):.2f}"
        shown = f"{one.median:.2f} | {spread} | {len(one.values)} | {goal}"
        lines.append(f"| {one.workload} | {one.k} | {one.peer} | {shown} |")
    return "\n".join(lines) + "\n"


def speed_table(readings: Sequence[Reading]) -> str:
    """Return tokens per second, medians over the rounds, and the prompt tokens computed where they were counted."""
    groups: dict[tuple[str, str, int], list[Reading]] = {}
    for one in readings:
        groups.setdefault((one.workload, one.peer, one.k), []).append(one)
    lines = [
        "| workload | engine | k | tokens/s, median | range | prompt tokens computed |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for (workload, peer, k), group in sorted(groups.items()):
        speeds = [one.tokens / one.seconds for one in group]
        counted = [one for one in group if one.least]
        share = f"{median(one.evaluated / one.least for one in counted):.3f} of the distinct" if counted else ""
        spread = f"{min(speeds):.1f}-{max(speeds):.1f}"
        lines.append(f"| {workload} | {peer} | {k} | {median(speeds):.1f} | {spread} | {share} |")
    return "\n".join(lines) + "\n"


def write_json(path: Path, setup: Mapping[str, object], found: Iterable[Ratio], log: Log) -> None:
    """Write set-up, ratios and all readings as one JSON document."""
    document = {
        "setup": dict(setup),
        "ratios": [asdict(one) | {"median": one.median} for one in found],
        "readings": [asdict(one) for one in log.readings],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
