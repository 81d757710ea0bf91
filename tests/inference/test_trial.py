"""Whether llama.cpp computes here is tried in a child process, whose end is told in words."""

import sys

import pytest

from inference.trial import trial
from tests.conftest import EMBEDDED


@pytest.mark.gguf
def test_what_computes_is_found_to():
    assert trial(next(EMBEDDED.glob("*.gguf"))) == ""


@pytest.mark.gguf
def test_a_file_that_is_no_model_is_told_in_one_line(tmp_path):
    (tmp_path / "none.gguf").write_bytes(b"GGUF")
    told = trial(tmp_path / "none.gguf")
    assert "llama.cpp refuses" in told
    assert "\n" not in told


def test_a_child_that_is_ended_by_a_signal_is_told(tmp_path, monkeypatch):
    """As where the kernels do not fit the processor, which no machine can be made to do on purpose."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nkill -SEGV $$\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    assert trial(tmp_path / "model.gguf") == "it ends the process at its first matrix (SIGSEGV)"
