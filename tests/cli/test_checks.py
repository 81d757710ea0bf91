"""What the doctor looks at, and when it says that ATLAS can solve."""

from __future__ import annotations

import pytest

from cli import checks
from cli.checks import Check, can_solve
from nodes.settings import Settings
from tests.cli.test_main import atlas

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


def test_engine_is_found_without_loading_it():
    assert checks.engine().ok == (checks.engine().mend == "")


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
