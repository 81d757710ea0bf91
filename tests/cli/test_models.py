"""`atlas models` as a person types it, against a hub on loopback."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from huggingface_hub import constants
from typer.testing import CliRunner

from cli.exits import Exit
from cli.main import app
from cli.model_report import description, model_here
from inference.catalogue import CATALOGUE, entry
from inference.machine import Gpu, Machine
from inference.pulled import beside
from nodes.settings import Settings
from tests.cli.test_main import ROOT, atlas
from tests.inference.hub_server import hub_server
from tests.inference.shaped_gguf import write_recurrent, write_shaped
from tests.inference.tiny_gguf import write_tiny_gguf

SMALL = entry("qwen3-0.6b")
FILE = SMALL.file.format("Q8_0")
GIB = 1 << 30


@pytest.fixture
def hub(tmp_path):
    """A hub that holds a tiny model under the name of a small one."""
    with hub_server() as (hub, address):
        hub.address = address
        hub.put(SMALL.repository, FILE, write_tiny_gguf(tmp_path / "source.gguf").read_bytes())
        yield hub


@pytest.fixture
def models(hub, elsewhere, monkeypatch):
    """Run `atlas models ...` in this process with that hub and an empty models folder."""
    folder = elsewhere / "models"
    for name, value in environment_of(hub, folder).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(constants, "ENDPOINT", hub.address)
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.partition("/{repo_id}")[1:]
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.address + "".join(template))

    def run(*arguments):
        return CliRunner().invoke(app, ["models", *arguments])

    run.folder = folder
    run.file = folder / SMALL.repository / FILE
    return run


def environment_of(hub, folder):
    return {"HF_ENDPOINT": hub.address, "ATLAS_MODELS_FOLDER": str(folder), "HF_HUB_DISABLE_TELEMETRY": "1"}


def one_line(done, code, *words):
    assert done.exit_code == code, done.stderr
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.splitlines()
    for word in words:
        assert word in line


def test_help_names_every_command():
    text = CliRunner().invoke(app, ["models", "--help"]).stdout
    for command in ("list", "pull", "info", "verify"):
        assert command in text


def test_pulled_model_is_listed_described_and_sound(models):
    assert SMALL.name in models("list").stdout
    pulled = models("pull", SMALL.name)
    assert pulled.exit_code == 0, pulled.stderr
    assert pulled.stdout.strip() == str(models.file)
    assert json.loads(beside(models.file).read_text())["size"] == models.file.stat().st_size
    assert "Q8_0 0.00 GB" in " ".join(models("list").stdout.split())
    info = models("info", SMALL.name)
    assert info.exit_code == 0
    assert "qwen3" in info.stdout
    assert "on the processor" in info.stdout or "GPU" in info.stdout
    assert models("verify").stdout == f"{SMALL.repository}/{FILE}: sound\n"


def test_any_file_of_the_hub_can_be_pulled(models, hub):
    hub.put("me/own", "sub/mine.gguf", hub.repositories[SMALL.repository][FILE])
    assert models("pull", "me/own/sub/mine.gguf").exit_code == 0
    assert (models.folder / "me" / "own" / "sub" / "mine.gguf").is_file()
    assert "also here: me/own/sub/mine.gguf" in models("list").stdout


@pytest.mark.parametrize(
    "damage", [lambda held: held[:-1] + bytes([held[-1] ^ 1]), lambda held: held[:-7]], ids=["one-bit", "short"]
)
def test_verify_catches_a_damaged_file(models, damage):
    models("pull", SMALL.name)
    models.file.write_bytes(damage(models.file.read_bytes()))
    for arguments in ([], [SMALL.name]):
        done = models("verify", *arguments)
        assert done.exit_code == Exit.MODEL
        assert "damaged" in done.stdout
        assert f"atlas models pull {SMALL.repository}/{FILE}" in done.stdout


def hear_interrupts():
    """A shell starts background jobs deaf to Ctrl-C, and the tests may run in one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_interrupted_pull_goes_on_where_it_was(models, hub, tmp_path):
    big = write_shaped(tmp_path / "big.gguf", layers=64, width=1024, hidden=1024)
    size = big.stat().st_size
    assert size > 24 << 20
    hub.put("org/big", "big.gguf", big.read_bytes())
    hub.hang_after = 21 << 20
    command = [sys.executable, "-m", "cli.main", "models", "pull", "org/big/big.gguf"]
    environment = os.environ | environment_of(hub, models.folder) | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True, preexec_fn=hear_interrupts
    ) as process:
        assert hub.stalled.wait(60)
        kept = models.folder / "org" / "big"
        while not (partial := next(kept.glob("*.part"), None)) or partial.stat().st_size < 20 << 20:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=90)
    assert process.returncode == Exit.INTERRUPTED
    assert err.splitlines()[-1] == "atlas: interrupted; the same command goes on where this one stopped"
    assert "Traceback" not in err
    assert not (kept / "big.gguf").exists()
    hub.go_on.set()
    again = atlas("models", "pull", "org/big/big.gguf", cwd=tmp_path, **environment_of(hub, models.folder))
    assert again.returncode == 0, again.stderr
    assert hub.downloads == ["", f"bytes={20 << 20}-"]
    assert (kept / "big.gguf").read_bytes() == big.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(["pull", "qwen3-15b"], Exit.MODEL, ["the nearest is qwen3-14b"], id="typo"),
        pytest.param(["pull", "me/none/x.gguf"], Exit.MODEL, ["has no repository me/none"], id="no-repository"),
        pytest.param(["info", "none.gguf"], Exit.MODEL, ["none.gguf does not exist"], id="no-file"),
        pytest.param(["verify"], Exit.USAGE, ["there is no pulled model"], id="nothing-to-verify"),
        pytest.param(["verify", SMALL.name], Exit.MODEL, ["is not here"], id="verify-what-is-not-here"),
        pytest.param(["info", SMALL.name, "--context", "10"], Exit.USAGE, ["at least 256"], id="senseless-context"),
    ],
)
def test_failure_is_one_line(models, arguments, code, words):
    one_line(models(*arguments), code, *words)


def test_quantisation_that_the_hub_lacks_names_what_it_has(models):
    done = models("pull", f"{SMALL.name}:Q2_K")
    one_line(done, Exit.MODEL, f"the nearest is {SMALL.repository}/{FILE}")


def test_no_network_is_one_line(models, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{free.getsockname()[1]}")
    one_line(models("pull", SMALL.name), Exit.MODEL, "cannot be reached", "give the path of a file with --model")


def card(free):
    return (Gpu(name="NVIDIA Card", total=free * GIB, free=free * GIB),)


def described(path, settings, machine):
    lines, fits = description(model_here("x", path), settings, machine)
    return "\n".join(line.plain for line in lines), fits


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Of Qwen3-14B's shape, but for its vocabulary."""
    return write_shaped(
        tmp_path_factory.mktemp("large") / "large.gguf",
        layers=40, width=5120, heads=40, kv_heads=8, head=128, hidden=17_408, tied=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("machine", "fits", "words"),
    [
        pytest.param(
            Machine(cores=8, memory=64 * GIB, memory_free=60 * GIB, gpus=card(80), offload=True),
            True, ["every layer on the GPU, all 8 programs side by side", "NVIDIA Card (80.0 GiB free)"], id="all",
        ),
        pytest.param(
            Machine(cores=8, memory=64 * GIB, memory_free=60 * GIB, gpus=card(12), offload=True),
            True, ["every layer on the GPU, with a cache of", "others wait", 'kv_type = "q8_0"'], id="some-wait",
        ),
        pytest.param(
            Machine(cores=8, memory=64 * GIB, memory_free=60 * GIB, gpus=card(6), offload=True),
            True, ["of 41 layers on the GPU"], id="some-layers",
        ),
        pytest.param(
            Machine(cores=8, memory=64 * GIB, memory_free=60 * GIB, gpus=card(24), offload=False),
            True, ["this llama.cpp cannot use it: make setup CUDA=1", "on the processor"], id="idle-gpu",
        ),
        pytest.param(
            Machine(cores=8, memory=16 * GIB, memory_free=int(8.8 * GIB)),
            False, ["does not fit", 'kv_type = "q8_0"', "context_tokens = "], id="tight",
        ),
        pytest.param(
            Machine(cores=8, memory=8 * GIB, memory_free=6 * GIB),
            False, ["does not fit", "take a smaller quantisation or a smaller model"], id="hopeless",
        ),
    ],
)  # fmt: skip
def test_info_says_whether_it_fits_and_what_to_change(large, machine, fits, words):
    text, said = described(large, Settings(context_tokens=8192), machine)
    assert said == fits
    for word in words:
        assert word in text


def test_info_says_that_a_recurrent_model_cannot_share(tmp_path):
    text, _ = described(write_recurrent(tmp_path / "r.gguf"), Settings(), Machine(cores=1, memory=GIB, memory_free=GIB))
    assert "prefixes are not shared" in text


def test_info_before_pulling_says_what_it_says_afterwards(models, hub):
    before = models("info", SMALL.name)
    assert before.exit_code == 0, before.stderr
    assert not models.file.exists()
    assert f"atlas models pull {SMALL.name}" in before.stdout
    assert models("pull", SMALL.name).exit_code == 0
    after = models("info", SMALL.name)

    def said(done):
        return [line for line in done.stdout.splitlines() if line.startswith(("model", "context", "cache", "fits"))]

    assert said(before) == said(after)
    assert len(said(before)) == 4


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "all-at-once"])
def test_info_before_pulling_fetches_the_header_alone(models, hub, tmp_path, ranges):
    big = write_shaped(tmp_path / "big.gguf", layers=64, width=1024, hidden=1024)
    hub.put("org/big", "big.gguf", big.read_bytes())
    hub.ranges = ranges
    done = models("info", "org/big/big.gguf")
    assert done.exit_code == 0, done.stderr
    assert f"{big.stat().st_size / 1e9:.2f} GB in 1 file(s)" in done.stdout
    assert "org/big/big.gguf on the hub" in done.stdout
    assert hub.downloads == [f"bytes=0-{(8 << 20) - 1}"]
    assert big.stat().st_size > 8 << 20
    assert not list(models.folder.rglob("*.gguf"))


def test_info_without_hub_and_file_names_both(models, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{free.getsockname()[1]}")
    done = models("info", SMALL.name)
    assert done.exit_code == Exit.MODEL
    assert "Traceback" not in done.stderr
    assert f"run atlas models pull {SMALL.name}" in done.stderr.splitlines()[-1]
    assert "cannot be reached" in done.stderr.splitlines()[-1]


def test_info_that_does_not_fit_ends_with_one(models, tmp_path):
    huge = write_shaped(tmp_path / "huge.gguf", layers=20, width=65_536, hidden=262_144)
    done = models("info", str(huge))
    assert done.exit_code == 1
    assert "does not fit" in done.stdout


def test_catalogue_is_listed_whole(models):
    text = models("list").stdout
    assert all(known.name in text for known in CATALOGUE)


def test_source_files_name_no_size_and_no_hash():
    source = (Path(ROOT) / "inference" / "catalogue.py").read_text(encoding="utf-8")
    assert not [word for word in source.split() if len(word) > 60 and set(word) <= set("0123456789abcdef\"',")]
