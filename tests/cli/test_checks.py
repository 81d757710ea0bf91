"""What the doctor looks at, and when it says that ATLAS can solve."""

from __future__ import annotations

import sys

import pytest

from cli import checks
from cli.checks import Check, can_solve
from nodes.settings import Settings
from tests.cli.test_main import atlas
from tests.inference.test_machine import nvidia_smi

ENOUGH = ("Python", "llama-cpp-python", "embedded model", "bubblewrap sandbox")


def found(*names, missing=()):
    return [Check(name=name, ok=name not in missing, detail="") for name in names]


def test_one_sandbox_is_enough():
    assert can_solve(found(*ENOUGH, "Docker sandbox", "GPU", missing=("Docker sandbox", "GPU")))


@pytest.mark.parametrize("name", ENOUGH)
def test_each_part_is_needed(name):
    assert not can_solve(found(*ENOUGH, missing=(name,)))


def test_broken_model_is_told_with_a_way_out(tmp_path):
    check = checks.model_file(Settings(model=str(tmp_path / "none.gguf")))
    assert not check.ok
    assert "none.gguf" in check.detail
    assert check.mend


def test_model_that_is_not_pulled_names_the_command(tmp_path):
    check = checks.model_file(Settings(model="qwen3-14b", models_folder=str(tmp_path)))
    assert (check.ok, check.mend) == (False, "atlas models pull qwen3-14b")


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """Put a package of llama.cpp's name, with these libraries, before the installed one."""

    def build(*libraries):
        folder = tmp_path / "llama_cpp" / "lib"
        folder.mkdir(parents=True)
        (folder.parent / "__init__.py").touch()
        for library in libraries:
            (folder / library).touch()
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "llama_cpp", raising=False)

    return build


RTX = "0, GPU-a, NVIDIA GeForce RTX 4090, 24564, 24080"


@pytest.mark.parametrize(
    ("answer", "libraries", "ok", "words", "mend"),
    [
        pytest.param(RTX, ("cpu.so",), False, "built for the CPU and cannot use it", "make setup CUDA=1", id="cpu"),
        pytest.param(RTX, ("cpu.so", "ggml-cuda.so"), True, "RTX 4090, 23.5 of 24.0 GiB free", "", id="cuda"),
        pytest.param("No devices were found", ("cpu.so",), True, "no NVIDIA GPU", "", id="no-gpu"),
    ],
)  # fmt: skip
def test_idle_gpu_is_told_with_the_command(tmp_path, monkeypatch, wheel, answer, libraries, ok, words, mend):
    monkeypatch.setenv("PATH", nvidia_smi(tmp_path, answer))
    monkeypatch.setattr(checks, "_NVIDIA_DEVICE", tmp_path / "none")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    wheel(*libraries)
    check = checks.graphics_card()
    assert (check.ok, check.mend) == (ok, mend)
    assert words in check.detail


def test_device_without_a_driver_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", nvidia_smi(tmp_path, "it couldn't communicate with the driver", 9))
    monkeypatch.setattr(checks, "_NVIDIA_DEVICE", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert not checks.graphics_card().ok


def test_hidden_device_is_no_fault(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", nvidia_smi(tmp_path, RTX))
    monkeypatch.setattr(checks, "_NVIDIA_DEVICE", tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    check = checks.graphics_card()
    assert check.ok
    assert "none that CUDA_VISIBLE_DEVICES lets through" in check.detail


def test_engine_that_is_not_in_order_names_the_command():
    assert checks.engine().ok == (checks.engine().mend == "")


@pytest.mark.gguf
def test_engine_that_ends_its_process_is_not_in_order(tmp_path, monkeypatch):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nkill -ILL $$\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    check = checks.engine()
    assert not check.ok
    assert "does not compute here: it ends the process at its first matrix (SIGILL)" in check.detail
    assert "make clean setup" in check.mend


@pytest.mark.parametrize("closed", ["0", "0\n"])
def test_closed_namespaces_are_named(tmp_path, monkeypatch, closed):
    switch = tmp_path / "switch"
    switch.write_text(closed)
    monkeypatch.setattr(checks, "_NAMESPACE_SWITCHES", {str(switch): "0"})
    assert not checks.user_namespaces().ok
    switch.write_text("1000")
    assert checks.user_namespaces().ok


@pytest.mark.bubblewrap
@pytest.mark.gguf
def test_doctor_finds_what_the_tests_need(tmp_path):
    done = atlas("doctor", cwd=tmp_path)
    assert done.returncode == 0
    assert "ATLAS can solve here." in done.stdout
    assert "\x1b" not in done.stdout


def test_doctor_refuses_bad_settings(tmp_path):
    done = atlas("doctor", cwd=tmp_path, ATLAS_POLICI="full")
    assert done.returncode == 2
    assert "ATLAS_POLICY" in done.stdout
