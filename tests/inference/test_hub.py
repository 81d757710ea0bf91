"""Files are pulled whole, resumed where they broke off, and refused where they are not what the hub announced."""

from __future__ import annotations

import hashlib
import json
import socket

import pytest
from huggingface_hub import constants, hf_hub_download

from inference.arriving import DamagedFileError
from inference.base import ModelError
from inference.catalogue import Reference
from inference.gguf_file import read_header
from inference.hub import HubError, header_there, listing, pull, wanted
from inference.pulled import beside
from tests.inference.hub_server import REVISION, hub_server
from tests.inference.shaped_gguf import write_shaped

REPOSITORY = "org/small-GGUF"
CONTENT = bytes(range(256)) * 4096
MIB = len(CONTENT)


@pytest.fixture
def hub():
    with hub_server() as (hub, address):
        hub.address = address
        hub.put(REPOSITORY, "small-Q8_0.gguf", CONTENT)
        hub.put(REPOSITORY, "README.md", b"read me")
        yield hub


@pytest.fixture
def record(hub):
    (found,) = wanted(Reference(repository=REPOSITORY, file="small-Q8_0.gguf"), listing(REPOSITORY, hub.address))
    return found


def partial(folder):
    return list(folder.rglob("*.part"))


def test_loopback_hub_is_one_for_the_hubs_own_client(hub, tmp_path):
    path = hf_hub_download(REPOSITORY, "small-Q8_0.gguf", local_dir=tmp_path, endpoint=hub.address)
    assert (tmp_path / "small-Q8_0.gguf").read_bytes() == CONTENT
    assert path.endswith("small-Q8_0.gguf")


def test_size_and_hash_come_from_the_hub(record):
    assert (record.size, record.sha256, record.revision) == (MIB, hashlib.sha256(CONTENT).hexdigest(), REVISION)


def test_pulled_file_is_whole_and_its_record_lies_beside_it(hub, record, tmp_path):
    pulled = pull(record, tmp_path, endpoint=hub.address)
    assert pulled.path == tmp_path / REPOSITORY / "small-Q8_0.gguf"
    assert pulled.path.read_bytes() == CONTENT
    assert json.loads(beside(pulled.path).read_text())["sha256"] == record.sha256
    assert not partial(tmp_path)


def of_hub(hub, file):
    return wanted(Reference(repository=REPOSITORY, file=file), listing(REPOSITORY, hub.address))


def test_header_of_several_files_is_that_of_the_model(hub, tmp_path):
    for part in (1, 2):
        name = f"split-0000{part}-of-00002.gguf"
        hub.put(REPOSITORY, name, write_shaped(tmp_path / name, layers=part).read_bytes())
    header = header_there(of_hub(hub, "split.gguf"), endpoint=hub.address)
    assert header.tensors.keys() == read_header(tmp_path / "split-00002-of-00002.gguf").tensors.keys()
    assert header.architecture == "qwen3"


def test_what_is_no_model_has_no_header(hub):
    with pytest.raises(ModelError, match="not a GGUF file"):
        header_there(of_hub(hub, "small-Q8_0.gguf"), endpoint=hub.address)


def test_header_that_the_hub_cuts_short_is_one_line(hub, tmp_path):
    content = write_shaped(tmp_path / "x.gguf").read_bytes()
    hub.put(REPOSITORY, "x.gguf", content)
    hub.served["x.gguf"] = content[:200]
    with pytest.raises(HubError, match="no whole header of x.gguf"):
        header_there(of_hub(hub, "x.gguf"), endpoint=hub.address)


def test_second_pull_downloads_nothing(hub, record, tmp_path):
    pull(record, tmp_path, endpoint=hub.address)
    pull(record, tmp_path, endpoint=hub.address)
    assert hub.downloads == [""]


def test_file_that_was_copied_there_is_checked_and_kept(hub, record, tmp_path):
    path = tmp_path / REPOSITORY / "small-Q8_0.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert pull(record, tmp_path, endpoint=hub.address).path == path
    assert hub.downloads == []
    assert beside(path).is_file()


def test_broken_connection_is_resumed_in_the_same_pull(hub, record, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1 << 16)
    hub.cut_after = 5 << 16
    assert pull(record, tmp_path, endpoint=hub.address).path.read_bytes() == CONTENT
    assert hub.downloads == ["", f"bytes={5 << 16}-"]


def leave_partial(folder, record, content):
    path = folder / REPOSITORY / f"small-Q8_0.gguf.{record.sha256[:16]}.part"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)


def test_partial_file_of_another_process_is_continued(hub, record, tmp_path):
    leave_partial(tmp_path, record, CONTENT[:1000])
    assert pull(record, tmp_path, endpoint=hub.address).path.read_bytes() == CONTENT
    assert hub.downloads == ["bytes=1000-"]


def test_server_without_ranges_starts_anew(hub, record, tmp_path):
    hub.ranges = False
    leave_partial(tmp_path, record, CONTENT[:1000])
    assert pull(record, tmp_path, endpoint=hub.address).path.read_bytes() == CONTENT


def test_partial_file_that_is_too_long_starts_anew(hub, record, tmp_path):
    leave_partial(tmp_path, record, CONTENT + b"more")
    assert pull(record, tmp_path, endpoint=hub.address).path.read_bytes() == CONTENT


@pytest.mark.parametrize("damage", ["served", "partial"])
def test_damaged_bytes_never_get_the_files_name(hub, record, tmp_path, damage):
    if damage == "served":
        hub.served["small-Q8_0.gguf"] = b"X" + CONTENT[1:]
    else:
        leave_partial(tmp_path, record, b"X" * 1000)
    with pytest.raises(DamagedFileError, match="arrived damaged: pull it again"):
        pull(record, tmp_path, endpoint=hub.address)
    assert not list(tmp_path.rglob("*.gguf"))
    assert not partial(tmp_path)


def test_hub_that_sends_too_little_keeps_what_came(hub, record, tmp_path):
    hub.served["small-Q8_0.gguf"] = CONTENT[:5000]
    with pytest.raises(ModelError):
        pull(record, tmp_path, endpoint=hub.address)
    assert not list(tmp_path.rglob("*.gguf"))


def test_one_process_pulls_at_a_time(hub, record, tmp_path):
    import fcntl

    leave_partial(tmp_path, record, CONTENT[:10])
    with partial(tmp_path)[0].open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ModelError, match="another process is pulling"):
            pull(record, tmp_path, endpoint=hub.address)


def test_full_disk_is_told_before_the_download(hub, record, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    with pytest.raises(ModelError, match="set models_folder to another disk"):
        pull(record, tmp_path, endpoint=hub.address)
    assert hub.downloads == []


def test_case_of_a_file_name_does_not_matter(hub):
    there = listing(REPOSITORY, hub.address)
    (found,) = wanted(Reference(repository=REPOSITORY, file="SMALL-q8_0.GGUF"), there)
    assert found.file == "small-Q8_0.gguf"


def test_model_in_parts_is_found_by_its_whole_name(hub):
    for at in (1, 2):
        hub.put("org/parts", f"big-Q4-{at:05d}-of-00002.gguf", bytes([at]) * 10)
    found = wanted(Reference(repository="org/parts", file="big-q4.gguf"), listing("org/parts", hub.address))
    assert [one.file for one in found] == ["big-Q4-00001-of-00002.gguf", "big-Q4-00002-of-00002.gguf"]


def test_missing_part_is_named(hub):
    hub.put("org/parts", "big-Q4-00002-of-00002.gguf", b"2")
    with pytest.raises(HubError, match="lacks a part of the model, big-Q4-00001"):
        wanted(Reference(repository="org/parts", file="big-Q4.gguf"), listing("org/parts", hub.address))


def test_missing_file_names_the_nearest(hub):
    hub.put(REPOSITORY, "other-F16.gguf", b"x")
    with pytest.raises(HubError, match=r"holds no small-Q4_0.gguf; the nearest is org/small-GGUF/small-Q8_0.gguf"):
        wanted(Reference(repository=REPOSITORY, file="small-Q4_0.gguf"), listing(REPOSITORY, hub.address))


def test_repository_without_models_is_told(hub):
    hub.put("org/text", "README.md", b"")
    with pytest.raises(HubError, match="holds no GGUF file"):
        wanted(Reference(repository="org/text", file="a.gguf"), listing("org/text", hub.address))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"refuse": (401, "GatedRepo")}, "wants its terms accepted", id="gated"),
        pytest.param({"refuse": (500, "")}, "answers HTTP 500", id="broken"),
        pytest.param({"listing": b"<html>log in</html>"}, "is HF_ENDPOINT a hub", id="captive-portal"),
        pytest.param({"listing": b"[1]"}, "is HF_ENDPOINT a hub", id="no-listing"),
        pytest.param({"repositories": {}}, "has no repository org/small-GGUF", id="no-repository"),
    ],
)
def test_refusal_is_one_line(hub, change, message):
    for name, value in change.items():
        setattr(hub, name, value)
    with pytest.raises(HubError, match=message) as caught:
        listing(REPOSITORY, hub.address)
    assert "\n" not in str(caught.value)


def test_no_hub_is_one_line():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(HubError, match="cannot be reached") as caught:
        listing(REPOSITORY, address)
    assert "\n" not in str(caught.value)


def test_offline_mode_is_one_line(monkeypatch, hub):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match="HF_HUB_OFFLINE is set"):
        listing(REPOSITORY, hub.address)
