"""The cost of the harness is told apart from that of model and sandbox, task by task."""

from __future__ import annotations

import pytest

from benchmark.speed.harness import described, measure, resident_mb


@pytest.mark.bubblewrap
def test_each_task_is_measured_in_wall_and_in_cpu_time(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmark.speed.harness.EVERY", 2)
    found = measure(tmp_path, "phase1", 2, k=3)
    assert len(found.harness_ms) == len(found.cpu_ms) == len(found.sandbox_ms) == 2
    assert (found.programs, found.rounds) == (3.0, 1.0)
    assert min(found.harness_ms) > 0
    assert min(found.sandbox_ms) > 0
    assert len(found.memory_mb) == 2
    assert 0 < resident_mb() <= found.peak_mb + 1
    assert described("phase1", found)[:4] == ["phase1", "2", "3.0", "1.0"]
