"""Pulled files are found by every name they have, and any change to them is noticed."""

from __future__ import annotations

import hashlib
import json

import pytest

from inference.base import ModelError
from inference.catalogue import CATALOGUE, UnknownModelError, entry
from inference.gguf_file import read_header
from inference.pulled import (
    ModelNotPulledError,
    Pulled,
    Record,
    beside,
    fault,
    keep_record,
    locate,
    place,
    pulled_files,
    pulled_of,
    read_record,
    whole_header,
)
from tests.inference.tiny_gguf import write_tiny_gguf


def put(folder, repository, file, content=None):
    """Lay a file into the models folder as a pull does; a tiny model unless told otherwise."""
    path = place(folder, repository, file)
    path.parent.mkdir(parents=True, exist_ok=True)
    if content is None:
        write_tiny_gguf(path)
    else:
        path.write_bytes(content)
    held = path.read_bytes()
    record = Record(
        repository=repository, file=file, revision="c", size=len(held), sha256=hashlib.sha256(held).hexdigest()
    )
    keep_record(path, record)
    return Pulled(path=path, record=record)


QWEN = entry("qwen3-14b")


def test_record_survives_the_way_to_disk(tmp_path):
    one = put(tmp_path, "org/repo", "a.gguf", b"x")
    assert read_record(one.path) == one.record


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"size": 1}', "no json"])
def test_damaged_record_is_no_pulled_file(tmp_path, text):
    one = put(tmp_path, "org/repo", "a.gguf", b"x")
    beside(one.path).write_text(text)
    with pytest.raises(ModelError, match="pull the model again"):
        read_record(one.path)
    assert list(pulled_files(tmp_path)) == []


def test_record_with_a_short_hash_is_damaged(tmp_path):
    one = put(tmp_path, "org/repo", "a.gguf", b"x")
    values = json.loads(beside(one.path).read_text())
    beside(one.path).write_text(json.dumps(values | {"sha256": "abc"}))
    with pytest.raises(ModelError, match="is damaged"):
        read_record(one.path)


@pytest.mark.parametrize(("repository", "file"), [("a/b", "../../x.gguf"), ("../b", "x.gguf"), ("a/b", "/etc/x.gguf")])
def test_no_name_leads_out_of_the_folder(tmp_path, repository, file):
    with pytest.raises(ModelError, match="is no name of a model file"):
        place(tmp_path, repository, file)


def test_sound_file_has_no_fault(tmp_path):
    assert fault(put(tmp_path, "org/repo", "a.gguf")) == ""


def flip(path):
    held = bytearray(path.read_bytes())
    held[len(held) // 2] ^= 1
    path.write_bytes(held)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(lambda path: path.unlink(), "the file is gone", id="gone"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-1]), "the hub said", id="short"),
        pytest.param(flip, "its SHA-256 is", id="one-bit"),
    ],
)
def test_every_damage_is_a_fault(tmp_path, damage, said):
    one = put(tmp_path, "org/repo", "a.gguf")
    damage(one.path)
    assert said in fault(one)


def test_file_that_was_never_a_model_is_a_fault(tmp_path):
    assert "is not a GGUF file" in fault(put(tmp_path, "org/repo", "a.gguf", b"a text, truly pulled"))


def test_hashing_reports_its_progress(tmp_path):
    one = put(tmp_path, "org/repo", "a.gguf")
    read = []
    fault(one, read.append)
    assert sum(read) == one.record.size


@pytest.mark.parametrize(
    ("names", "quantisation"),
    [
        pytest.param(("qwen3-14b", "QWEN3-14B"), "Q4_K_M", id="default"),
        pytest.param(("qwen3-14b:Q8_0", "qwen3-14b:q8_0", "qwen3-14b"), "Q8_0", id="another"),
        pytest.param(("Qwen/Qwen3-14B-GGUF/qwen3-14b-q4_k_m.gguf",), "Q4_K_M", id="whole-name"),
        pytest.param(("qwen3-14b:Q5_0", "qwen3-14b:q5_0"), "Q5_0", id="not-in-the-catalogue"),
    ],
)
def test_pulled_model_is_found_by_its_names(tmp_path, names, quantisation):
    one = put(tmp_path, QWEN.repository, QWEN.file.format(quantisation), b"x")
    assert [locate(name, tmp_path) for name in names] == [one.path] * len(names)


def test_preferred_quantisation_is_taken(tmp_path):
    for quantisation in reversed(QWEN.quantisations):
        put(tmp_path, QWEN.repository, QWEN.file.format(quantisation), b"x")
    assert list(pulled_of(tmp_path, QWEN)) == list(QWEN.quantisations)
    assert "Q4_K_M" in locate("qwen3-14b", tmp_path).name


def test_half_pulled_model_is_not_here(tmp_path):
    one = put(tmp_path, QWEN.repository, QWEN.file.format("Q4_K_M"), b"whole")
    one.path.write_bytes(b"who")
    with pytest.raises(ModelNotPulledError, match="run atlas models pull qwen3-14b"):
        locate("qwen3-14b", tmp_path)


@pytest.mark.parametrize("name", ["qwen3-14b", "qwen3-14b:Q8_0", "org/repo/x.gguf"])
def test_model_that_is_not_here_names_the_command(tmp_path, name):
    with pytest.raises(ModelNotPulledError, match=f"atlas models pull {name}"):
        locate(name, tmp_path)


def test_word_that_is_no_model_names_the_nearest(tmp_path):
    with pytest.raises(UnknownModelError, match="the nearest is qwen3-14b"):
        locate("qwen3-14", tmp_path)


def test_file_wins_over_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / CATALOGUE[0].name).write_bytes(b"")
    assert locate(CATALOGUE[0].name, tmp_path).is_file()


@pytest.mark.parametrize("name", ["missing.gguf", "/no/such/model.gguf", "models/x", "./a/b/c.gguf"])
def test_path_stays_a_path(tmp_path, name):
    assert str(locate(name, tmp_path)) in (name, name.removeprefix("./"))


def test_model_in_parts_is_one_model(tmp_path):
    names = [f"Qwen3-14B-Q4_K_M-0000{at}-of-00002.gguf" for at in (1, 2)]
    first, second = (put(tmp_path, QWEN.repository, name) for name in names)
    assert locate("qwen3-14b", tmp_path) == first.path
    whole = whole_header(first.path)
    assert whole.tensors == read_header(first.path).tensors
    second.path.unlink()
    with pytest.raises(ModelError, match="00002-of-00002.gguf does not exist"):
        whole_header(first.path)


@pytest.mark.parametrize("inside", ["", "Q8_0/"])
def test_model_in_parts_is_found_by_the_name_that_pulled_it(tmp_path, inside):
    first = [put(tmp_path, "org/repo", f"{inside}big-0000{at}-of-00002.gguf", b"x") for at in (2, 1)][1]
    names = [f"org/repo/{inside}big{part}.gguf" for part in ("", "-00001-of-00002", "-00002-of-00002")]
    assert [locate(name, tmp_path) for name in names] == [first.path] * 3
