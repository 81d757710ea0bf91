"""Memory and GPUs are found as the kernel and nvidia-smi tell them."""

from __future__ import annotations

import os

import pytest

from inference import machine
from inference.machine import Gpu, Machine

GIB = 1 << 30
MEMINFO = "MemTotal:       16777216 kB\nMemFree:         1048576 kB\nMemAvailable:    8388608 kB\nHugePages_Total: 0\n"


@pytest.fixture
def kernel(tmp_path):
    """A machine of 16 GiB, 8 of them free, without control groups."""
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "cgroup").mkdir()
    (tmp_path / "proc" / "meminfo").write_text(MEMINFO)
    return tmp_path


def group(folder, limit, used, stat=""):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(stat)


def read(kernel):
    return machine.memory(kernel / "proc", kernel / "cgroup")


def test_memory_without_a_limit_is_the_machines(kernel):
    assert read(kernel) == (16 * GIB, 8 * GIB)


def test_container_limit_counts_and_its_file_cache_does_not(kernel):
    group(kernel / "cgroup", 4 * GIB, 3 * GIB, f"anon 5\ninactive_file {GIB}\n")
    assert read(kernel) == (4 * GIB, 2 * GIB)


def test_tightest_of_nested_groups_counts(kernel):
    (kernel / "proc" / "self" / "cgroup").write_text("0::/user.slice/session\n")
    group(kernel / "cgroup" / "user.slice" / "session", "max", GIB)
    group(kernel / "cgroup" / "user.slice", 6 * GIB, GIB)
    assert read(kernel) == (6 * GIB, 5 * GIB)


def test_full_group_has_nothing_free(kernel):
    group(kernel / "cgroup", GIB, 2 * GIB)
    assert read(kernel) == (GIB, 0)


def test_this_machine_has_memory_and_cores():
    seen = machine.look()
    assert 0 < seen.memory_free <= seen.memory
    assert seen.cores >= 1


def nvidia_smi(folder, output, code=0):
    """Put a program named nvidia-smi, which answers so, first in PATH."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ncat <<'E'\n{output}\nE\nexit {code}\n")
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@pytest.mark.parametrize(
    ("output", "code", "found"),
    [
        pytest.param(
            "0, GPU-a, NVIDIA GeForce RTX 4090, 24564, 24080", 0, [("NVIDIA GeForce RTX 4090", 24080)], id="one"
        ),
        pytest.param("0, GPU-a, A, 10, 4\n1, GPU-b, B, 20, 8", 0, [("A", 4), ("B", 8)], id="two"),
        pytest.param("0, GPU-a, NVIDIA GB10, [N/A], [N/A]", 0, [], id="withheld"),
        pytest.param("No devices were found", 0, [], id="none"),
        pytest.param("NVIDIA-SMI has failed because it couldn't communicate with the driver", 9, [], id="no-driver"),
    ],
)
def test_gpus_as_nvidia_smi_lists_them(tmp_path, monkeypatch, output, code, found):
    monkeypatch.setenv("PATH", nvidia_smi(tmp_path, output, code))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert [(gpu.name, gpu.free >> 20) for gpu in machine.nvidia_gpus()] == found


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("0", "A"),
        ("1", "B"),
        ("2, 0", "CA"),
        ("GPU-b7", "B"),
        ("GPU-aa01,GPU-c", "AC"),
        ("1,-1,0", "B"),
        ("1,7,0", "B"),
        ("", ""),
        ("-1", ""),
        ("NoDevFiles", ""),
        ("MIG-GPU-aa01/1/0", ""),
    ],
)
def test_hidden_gpus_do_not_count(tmp_path, monkeypatch, named, found):
    listed = "0, GPU-aa01, A, 10, 4\n1, GPU-b702, B, 20, 8\n2, GPU-c003, C, 30, 9"
    monkeypatch.setenv("PATH", nvidia_smi(tmp_path, listed))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert "".join(gpu.name for gpu in machine.nvidia_gpus()) == found


def test_no_program_means_no_gpu(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.nvidia_gpus() == ()


@pytest.mark.parametrize(("offload", "free", "idle"), [(True, 7, False), (False, 0, True)])
def test_gpu_counts_only_where_llama_cpp_can_use_it(offload, free, idle):
    gpus = (Gpu(name="a", total=9, free=3), Gpu(name="b", total=9, free=4))
    seen = Machine(cores=1, memory=1, memory_free=1, gpus=gpus, offload=offload)
    assert (seen.gpu_free, seen.idle_gpu) == (free, idle)
