"""A place without settings of the machine that runs the tests."""

from __future__ import annotations

import pytest


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """An empty working directory, and an environment without settings of ours."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ATLAS_DEBUG", raising=False)
    return tmp_path
