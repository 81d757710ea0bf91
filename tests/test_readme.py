"""What the README shows in Python runs, given a chat model and a model file of those names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel

from graphs.factory import EMBEDDED
from nodes.state import Answer

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PROGRAM = "```python\ndef total(xs: list[int]) -> int:\n    return sum(xs)\n```"


@pytest.mark.gguf
@pytest.mark.bubblewrap
def test_python_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    (block,) = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    (tmp_path / "model.gguf").symlink_to(EMBEDDED)
    monkeypatch.chdir(tmp_path)
    names = {"chat": FakeListChatModel(responses=[PROGRAM])}
    exec(compile(block, "README.md", "exec"), names)
    assert isinstance(names["answer"], Answer)
    assert names["server"].model_name == "qwen3-14b"
    printed = capsys.readouterr().out
    assert "Finished(" in printed
    assert printed.rstrip().endswith("return sum(xs)")
