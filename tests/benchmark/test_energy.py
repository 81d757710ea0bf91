"""Power from the kernel's counters, laid out as the kernel lays them out; an estimate says that it is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark import energy
from benchmark.energy import counters, estimated, metered


def a_package(folder, name, microjoules, wraps_at=262_143_328_850):
    zone = folder / name
    zone.mkdir(exist_ok=True)
    (zone / "energy_uj").write_text(f"{microjoules}\n")
    (zone / "max_energy_range_uj").write_text(f"{wraps_at}\n")


GPUS = energy._gpus


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    """The machine's own GPUs are another test's business."""
    monkeypatch.setattr(energy, "_gpus", dict)
    monkeypatch.setattr(energy, "LEAST_SECONDS", 0.0)


def test_packages_count_once_and_their_parts_not_at_all(tmp_path):
    a_package(tmp_path, "intel-rapl:0", 5_000_000)
    a_package(tmp_path, "intel-rapl:0:0", 4_000_000)
    a_package(tmp_path, "intel-rapl:1", 7_000_000)
    assert counters(tmp_path) == {"CPU 0 (RAPL)": 5.0, "CPU 1 (RAPL)": 7.0}


def test_power_is_energy_over_time_also_past_the_end_of_the_counter(tmp_path):
    a_package(tmp_path, "intel-rapl:0", 90_000_000, wraps_at=100_000_000)
    with metered(tmp_path) as metering:
        a_package(tmp_path, "intel-rapl:0", 20_000_000, wraps_at=100_000_000)
    power = metering.power
    assert power.joules == pytest.approx(30.0)
    assert power.watts == pytest.approx(30.0 / power.seconds)
    assert power.source == "metered: CPU 0 (RAPL)"


def test_a_machine_without_counters_meters_nothing(tmp_path):
    with metered(tmp_path) as metering:
        pass
    assert metering.power is None


def test_an_estimate_says_so_and_the_setting_comes_first():
    assert estimated(0.0, 4).watts == 40.0
    assert estimated(165.0, 4).watts == 165.0
    assert "an estimate" in estimated(0.0, 4).source
    assert "an estimate" in estimated(165.0, 4).source


def test_gpus_are_counted_where_a_driver_answers_and_nowhere_else():
    found = GPUS()
    assert all(name.endswith("(NVML)") and joules >= 0 for name, joules in found.items())
    assert bool(found) == Path("/proc/driver/nvidia/gpus").is_dir()
