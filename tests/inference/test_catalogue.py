"""The catalogue is sound, and a name that is not in it leads to the nearest one that is."""

from __future__ import annotations

import pytest

from inference.catalogue import CATALOGUE, Reference, UnknownModelError, entry, reference


def test_names_are_unique_and_lower_case():
    names = [known.name for known in CATALOGUE]
    assert len(set(names)) == len(names)
    assert all(name == name.lower() for name in names)


def test_drafts_are_models_of_the_catalogue():
    assert all(entry(known.draft) for known in CATALOGUE if known.draft)


@pytest.mark.parametrize("known", CATALOGUE, ids=lambda known: known.name)
def test_every_quantisation_is_a_file_of_a_repository(known):
    for quantisation in known.quantisations:
        found = reference(f"{known.name}:{quantisation}")
        assert found == reference(f"{found.repository}/{found.file}")
        assert quantisation in found.file


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("qwen3-14b", Reference(repository="Qwen/Qwen3-14B-GGUF", file="Qwen3-14B-Q4_K_M.gguf"), id="s"),
        pytest.param("Qwen3-14B:Q8_0", Reference(repository="Qwen/Qwen3-14B-GGUF", file="Qwen3-14B-Q8_0.gguf"), id="q"),
        pytest.param("me/my-model/sub/x.gguf", Reference(repository="me/my-model", file="sub/x.gguf"), id="any-file"),
    ],
)  # fmt: skip
def test_reference(name, expected):
    assert reference(name) == expected


@pytest.mark.parametrize(
    ("name", "near"),
    [("qwen3-15b", "qwen3-14b"), ("Qwen-2.5-coder-7B", "qwen2.5-coder-7b"), ("qwen35-9b", "qwen3.5-9b")],
)
def test_nearest_name_is_told(name, near):
    with pytest.raises(UnknownModelError, match=f"the nearest is {near} "):
        reference(name)


@pytest.mark.parametrize("name", ["", "a/b.gguf", "a/b/c.bin", "a b/c/d.gguf", "http://x/a/b.gguf"])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(UnknownModelError):
        reference(name)
