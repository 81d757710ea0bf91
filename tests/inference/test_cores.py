"""Threads follow the cores that a process may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from inference.cores import decoding_threads, threads_for


def machine(tmp_path: Path, siblings: dict[int, str], *, cgroup: str = "", **files: str) -> dict[str, Path]:
    """Lay out the kernel's folders: the hardware threads of each core, the process's groups, their files."""
    for cpu, listed in siblings.items():
        folder = tmp_path / "cpu" / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{listed}\n")
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text(cgroup)
    for name, text in files.items():
        path = tmp_path / "groups" / name.replace("__", "/").replace("cpu_", "cpu.")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return {"topology": tmp_path / "cpu", "proc": tmp_path / "proc", "groups": tmp_path / "groups"}


@pytest.mark.parametrize(
    ("cpus", "threads"), [({0, 1, 2, 3, 4, 5, 6, 7}, 4), ({0, 4}, 1), ({0, 1}, 2), ({3}, 1), ({0, 4, 1}, 2)]
)
def test_two_hardware_threads_of_a_core_count_once(tmp_path, cpus, threads):
    folders = machine(tmp_path, {cpu: f"{cpu % 4},{cpu % 4 + 4}" for cpu in range(8)})
    assert threads_for(cpus, **folders) == threads


def test_machine_that_lists_no_cores_has_one_for_each_processor(tmp_path):
    assert threads_for({0, 1, 2}, **machine(tmp_path, {})) == 3


@pytest.mark.parametrize(
    ("limit", "threads"), [("200000 100000", 2), ("150000 100000", 1), ("5000 100000", 1), ("max 100000", 8)]
)
def test_quota_of_a_group_or_of_one_that_holds_it_counts(tmp_path, limit, threads):
    folders = machine(tmp_path, {}, cgroup="0::/shop/web\n", shop__web__cpu_max="max 100000", shop__cpu_max=limit)
    assert threads_for(range(8), **folders) == threads


def test_quota_of_the_first_version_counts(tmp_path):
    folders = machine(
        tmp_path,
        {},
        cgroup="4:memory:/\n3:cpu,cpuacct:/box\n0::/\n",
        **{"cpu,cpuacct__box__cpu_cfs_quota_us": "300000", "cpu,cpuacct__box__cpu_cfs_period_us": "100000"},
    )
    assert threads_for(range(8), **folders) == 3


def test_this_process_has_a_thread_for_each_core_it_may_use():
    assert 1 <= decoding_threads() <= len(os.sched_getaffinity(0))
