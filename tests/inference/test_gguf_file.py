"""A header is read exactly, and a bad file gives one line, never a crash."""

import contextlib
import random
import struct
from dataclasses import replace

import gguf
import pytest

from inference.base import ModelError
from inference.gguf_file import BrokenModelFileError, HeaderGoesOnError, read_header, read_start
from tests.inference.shaped_gguf import write_shaped
from tests.inference.tiny_gguf import vocabulary, write_tiny_gguf


def test_reads_what_the_writer_wrote(tiny_path):
    header = read_header(tiny_path)
    assert header.architecture == "qwen3"
    assert header.context_length == 512
    assert header.file_type == "ALL_F32"
    assert header.text("general.name") == "tiny random"
    assert [token.decode() for token in header.tokens] == vocabulary()
    assert header.token_types[-5:] == (3, 3, 3, 4, 4)


def test_counts_parameters(tiny_path):
    from gguf import GGUFReader

    assert read_header(tiny_path).parameters == sum(int(tensor.n_elements) for tensor in GGUFReader(tiny_path).tensors)


def test_measures_each_tensor(tiny_path):
    from gguf import GGUFReader

    expected = {tensor.name: int(tensor.n_bytes) for tensor in GGUFReader(tiny_path).tensors}
    assert {name: tensor.size for name, tensor in read_header(tiny_path).tensors.items()} == expected


def test_keeps_short_lists_of_numbers(tmp_path):
    path = tmp_path / "lists.gguf"
    writer = gguf.GGUFWriter(path, "tiny")
    writer.add_array("tiny.attention.head_count_kv", [0, 2, 0, 2])
    writer.add_array("tiny.long", list(range(5_000)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    assert read_header(path).lists == {"tiny.attention.head_count_kv": (0, 2, 0, 2)}


def test_first_bytes_give_the_header_or_ask_for_more(tiny_path):
    data, whole = tiny_path.read_bytes(), read_header(tiny_path)
    tensors = sum(tensor.size for tensor in whole.tensors.values())
    start = read_start("tiny.gguf", data[: len(data) - tensors // 2], len(data))
    assert start == replace(whole, fingerprint="")
    for length in range(8, len(data) - tensors - 64, 97):
        with pytest.raises(HeaderGoesOnError):
            read_start("tiny.gguf", data[:length], len(data))


def test_first_bytes_of_a_file_that_is_too_short_are_refused(tiny_path):
    data = tiny_path.read_bytes()
    with pytest.raises(BrokenModelFileError, match="truncated"):
        read_start("tiny.gguf", data[:-8], len(data) - 8)


def test_refuses_two_tensors_of_one_name(tmp_path):
    tensor = struct.pack("<Q1sIQIQ", 1, b"t", 1, 4, 0, 0)
    path = tmp_path / "twice.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 2, 0) + tensor * 2 + bytes(64))
    refuses(path, "two tensors of the same name")


def test_absent_keys_give_defaults(tiny_path):
    header = read_header(tiny_path)
    assert (header.text("no.such"), header.number("no.such", 7), header.number("general.name", 5)) == ("", 7, 5)


def test_fingerprint_follows_the_weights(tmp_path, tiny_path):
    same = write_tiny_gguf(tmp_path / "same.gguf")
    other = write_tiny_gguf(tmp_path / "other.gguf", seed=8)
    assert read_header(same).fingerprint == read_header(tiny_path).fingerprint != read_header(other).fingerprint


def refuses(path, cause):
    with pytest.raises(BrokenModelFileError, match=cause) as caught:
        read_header(path)
    assert isinstance(caught.value, ModelError)
    assert "\n" not in str(caught.value)


def test_refuses_a_missing_file(tmp_path):
    refuses(tmp_path / "none.gguf", "does not exist: give the path")


def test_refuses_a_folder(tmp_path):
    refuses(tmp_path, "is a folder")


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"GG", "is not a GGUF file", id="two-bytes"),
        pytest.param(b"just some text\n" * 9, "is not a GGUF file", id="text"),
        pytest.param(b"GGUF" + struct.pack("<I", 1), "GGUF version 1", id="old-version"),
        pytest.param(b"GGUF" + struct.pack(">I", 3), "GGUF version 50331648", id="big-endian"),
        pytest.param(b"GGUF" + struct.pack("<I", 3), "is truncated", id="header-only"),
        pytest.param(b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 1), "claims 1152921504606846976 tensors", id="tensors"),
        pytest.param(b"GGUF" + struct.pack("<IQQ", 3, 1, 1 << 60), "metadata entries", id="entries"),
        pytest.param(b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 62) + b"abc", "bytes in a string", id="key-length"),
        pytest.param(
            b"GGUF" + struct.pack("<IQQQ1sIIQ", 3, 0, 1, 1, b"k", 9, 4, 1 << 50), "array elements", id="array-length"
        ),
        pytest.param(b"GGUF" + struct.pack("<IQQQ1sI", 3, 0, 1, 1, b"k", 77), "unknown type 77", id="value-type"),
        pytest.param(b"GGUF" + struct.pack("<IQQQ1sIIQ", 3, 0, 1, 1, b"k", 9, 9, 1), "unknown type 9", id="nested"),
        pytest.param(b"GGUF" + struct.pack("<IQQ", 3, 0, 0), "names no architecture", id="no-architecture"),
        pytest.param(
            b"GGUF" + struct.pack("<IQQQ1sIQ", 3, 1, 0, 1, b"t", 1, 5) + struct.pack("<IQ", 999, 0),
            "tensor of unknown type 999",
            id="tensor-type",
        ),
        pytest.param(b"GGUF" + struct.pack("<IQQQ1sI", 3, 1, 0, 1, b"t", 9), "claims 9 dimensions", id="dimensions"),
        pytest.param(
            b"GGUF" + struct.pack("<IQQQ1sIQ", 3, 1, 0, 1, b"t", 1, 33) + struct.pack("<IQ", 8, 0),
            "blocks of 32 do not divide",
            id="ragged-row",
        ),
        pytest.param(
            b"GGUF" + struct.pack("<IQQQ1sIQ", 3, 1, 0, 1, b"t", 1, 1 << 63) + struct.pack("<IQ", 0, 1 << 63),
            "is truncated",
            id="tensor-beyond-everything",
        ),
    ],
)
def test_refuses_damage(tmp_path, content, cause):
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    refuses(path, cause)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 0.5, 0.9, 0.9999])
def test_refuses_truncation_anywhere(tmp_path, tiny_path, share):
    whole = tiny_path.read_bytes()
    path = tmp_path / "short.gguf"
    path.write_bytes(whole[: int(len(whole) * share)])
    refuses(path, "is truncated")


def test_refuses_doubled_token_text(tmp_path):
    tokens = vocabulary()
    tokens[70] = tokens[71]
    refuses(write_tiny_gguf(tmp_path / "double.gguf", tokens=tokens), "same token text twice")


def test_refuses_more_blocks_than_any_model_has(tmp_path):
    path = write_shaped(tmp_path / "deep.gguf")
    whole = bytearray(path.read_bytes())
    at = whole.index(key := b"qwen3.block_count") + len(key) + 4
    assert whole[at] == 2
    whole[at + 3] ^= 1 << 7
    path.write_bytes(whole)
    refuses(path, "claims 2147483650 blocks, at most 1024 are accepted")


def test_survives_random_damage(tmp_path, tiny_path):
    """Any flipped header byte gives a header or the one error, nothing else."""
    whole = bytearray(tiny_path.read_bytes())
    path = tmp_path / "flipped.gguf"
    draw, read = random.Random(3), 0
    for _ in range(300):
        at = draw.randrange(6_000)
        kept, whole[at] = whole[at], draw.randrange(256)
        path.write_bytes(whole)
        whole[at] = kept
        with contextlib.suppress(BrokenModelFileError):
            read_header(path)
            read += 1
    assert 0 < read < 300
