"""How much power the machine draws while it searches: metered where it lets us, otherwise an estimate that says so.

GPUs: NVML's total energy counter (Volta and newer). CPU packages: the kernel's powercap counters (RAPL), which many
machines show to root only and virtual machines not at all. Both count the whole device, whoever uses it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.measurement import Power

POWERCAP = Path("/sys/class/powercap")
WATTS_PER_CORE = 10.0
"""Estimate for one busy core with its part of memory and board; between a laptop's and an old server's."""


@dataclass(slots=True, kw_only=True)
class Metering:
    """Filled when the metered block ends."""

    power: Power | None = None
    """None where there is no counter, or the block was too short to be told from noise."""
    started: dict[str, float] = field(default_factory=dict)


LEAST_SECONDS = 5.0


@contextmanager
def metered(powercap: Path = POWERCAP) -> Iterator[Metering]:
    """Meter a block of work; the result is in the yielded record once the block has ended in good order."""
    metering = Metering(started=counters(powercap))
    began = time.monotonic()
    yield metering
    seconds = time.monotonic() - began
    ended = counters(powercap)
    ranges = _ranges(powercap)
    joules = {
        name: _since(start, ended[name], ranges.get(name, 0.0))
        for name, start in metering.started.items()
        if name in ended
    }
    if joules and seconds >= LEAST_SECONDS:
        metering.power = Power(
            watts=sum(joules.values()) / seconds,
            source=f"metered: {', '.join(sorted(joules))}",
            seconds=seconds,
            joules=sum(joules.values()),
        )


def estimated(watts: float, cores: int) -> Power:
    """Return the setting's power, or a guess by the cores; either is labelled."""
    if watts:
        return Power(watts=watts, source="an estimate: the setting `watts`, nothing was metered")
    guess = WATTS_PER_CORE * cores
    return Power(watts=guess, source=f"an estimate: {cores} cores at {WATTS_PER_CORE:g} W, nothing was metered")


def counters(powercap: Path = POWERCAP) -> dict[str, float]:
    """Return the joules that each counter of this machine shows, by its name; no counter, no entry."""
    return {**_packages(powercap, "energy_uj"), **_gpus()}


def _packages(powercap: Path, file: str) -> dict[str, float]:
    """Return a value of each CPU package; its parts (`intel-rapl:0:1`) are in it already."""
    found = {}
    for zone in sorted(powercap.glob("intel-rapl:*")):
        if zone.name.count(":") == 1 and os.access(zone / file, os.R_OK):
            found[f"CPU {zone.name.partition(':')[2]} (RAPL)"] = float((zone / file).read_text()) / 1e6
    return found


def _ranges(powercap: Path) -> dict[str, float]:
    return _packages(powercap, "max_energy_range_uj")


def _since(start: float, end: float, wraps_at: float) -> float:
    """Return what was counted; a counter that is lower than before has started again once."""
    return end - start if end >= start else end + wraps_at - start


def _gpus() -> dict[str, float]:
    """Return the joules of each NVIDIA GPU since its driver was loaded; none without NVML or its Python package."""
    try:
        import pynvml
    except ImportError:
        return {}
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return {}
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
        return {f"GPU {i} (NVML)": pynvml.nvmlDeviceGetTotalEnergyConsumption(h) / 1e3 for i, h in enumerate(handles)}
    except pynvml.NVMLError:
        return {}
    finally:
        pynvml.nvmlShutdown()
