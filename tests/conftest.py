"""What this machine can test, and the rule that tests talk to nobody but this machine.

A test that needs what is missing here is skipped with the reason, and the last line of the run says so.
`ATLAS_REQUIRE=docker,bubblewrap,gguf` turns each such skip into a failure: continuous integration sets it.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

EMBEDDED = Path(__file__).parents[1] / "inference" / "embedded"
PEERS = Path(__file__).parents[1] / "deploy" / "peers.sh"
USERS_CACHE = os.environ.get("XDG_CACHE_HOME", "")
LOCAL_NAMES = {"", "localhost", "localhost.localdomain"}


def _docker_missing() -> str:
    from sandbox.base import SandboxUnavailableError
    from sandbox.connection import connect

    try:
        client = connect(10)
        try:
            client.ping()
        finally:
            client.close()
    except SandboxUnavailableError:
        return "no Docker engine answers (deploy/docker-engine.sh starts one)"
    return ""


def _bubblewrap_missing() -> str:
    from sandbox.base import SandboxUnavailableError
    from sandbox.choice import open_sandbox

    try:
        open_sandbox("bubblewrap", workers=1).close()
    except SandboxUnavailableError as error:
        return f"bubblewrap cannot hold programs here ({error})"
    return ""


def _gguf_missing() -> str:
    if importlib.util.find_spec("llama_cpp") is None:
        return "llama-cpp-python is not installed (make setup)"
    return "" if any(EMBEDDED.glob("*.gguf")) else "the embedded model is not there (make model)"


def _train_missing() -> str:
    absent = [name for name in ("torch", "tokenizers") if importlib.util.find_spec(name) is None]
    return f"the train extra is not installed ({' and '.join(absent)})" if absent else ""


def _peers_missing() -> str:
    asked = subprocess.run([str(PEERS), "where"], capture_output=True, text=True)
    return "llama.cpp's own programs are not built (deploy/peers.sh)" if asked.returncode else ""


def _science_missing() -> str:
    from sandbox import science
    from sandbox.base import SandboxUnavailableError
    from sandbox.python import system_python

    try:
        science.find(science.version_of(system_python()))
    except SandboxUnavailableError as error:
        return str(error)
    return ""


def _chromium_missing() -> str:
    absent = "" if importlib.util.find_spec("playwright") else "playwright is not installed (the extra `test`)"
    return absent or ("" if shutil.which("chromium") else "there is no Chromium (apt-get install chromium)")


def _postgres_missing() -> str:
    if importlib.util.find_spec("psycopg") is None:
        return "the postgres extra is not installed (make test installs it)"
    servers = [*Path("/usr/lib/postgresql").glob("*/bin/initdb"), *filter(None, [shutil.which("initdb")])]
    return "" if servers else "there is no PostgreSQL server (apt-get install postgresql)"


def _server_missing() -> str:
    found = importlib.util.find_spec("langgraph_api")
    return "" if found else "the server extra is not installed (make test installs it)"


def _agents_missing() -> str:
    return "" if importlib.util.find_spec("langchain") else "the agents extra is not installed (make test installs it)"


def coder_file() -> Path:
    """Return where the small real code model lies in the user's store (set-up fetches it for the tests)."""
    from inference.official import official_files
    from inference.pulled import place

    store = Path(USERS_CACHE or "~/.cache").expanduser() / "atlas" / "models"
    record = next(one.record for one in official_files() if "0.5B" in one.record.repository)
    return place(store, record.repository, record.file)


def _coder_missing() -> str:
    from inference.base import ModelError
    from inference.pulled import Pulled, read_record

    path = coder_file()
    try:
        here = Pulled(path=path, record=read_record(path)).here
    except ModelError:
        here = False
    return "" if here else "the small code model is not here (atlas models pull qwen2.5-coder-0.5b)"


@pytest.fixture(scope="session")
def coder() -> Path:
    """A real code model, small enough for the tests."""
    return coder_file()


def _ray_missing() -> str:
    return "" if importlib.util.find_spec("ray") else "the ray extra is not installed (requirements-ray.lock)"


CHECKS: dict[str, Callable[[], str]] = {
    "docker": _docker_missing,
    "bubblewrap": _bubblewrap_missing,
    "gguf": _gguf_missing,
    "train": _train_missing,
    "peers": _peers_missing,
    "science": _science_missing,
    "chromium": _chromium_missing,
    "postgres": _postgres_missing,
    "server": _server_missing,
    "agents": _agents_missing,
    "ray": _ray_missing,
    "coder": _coder_missing,
}


@pytest.fixture(scope="session", autouse=True)
def own_cache_folder(tmp_path_factory):
    """Keep what is measured of a machine out of the user's cache directory."""
    from sandbox import science

    own = tmp_path_factory.mktemp("cache") / "atlas"
    own.mkdir()
    # But for the packages that boxes show: they are downloaded, and read only.
    for folder in science.folder("").parent.glob("science-*"):
        (own / folder.name).symlink_to(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(own.parent))
        # Which model a command takes by default depends on what the user has pulled; the tests say which they mean.
        patch.setenv("ATLAS_MODEL", "embedded")
        yield


@cache
def missing(mark: str) -> str:
    """Return why tests with this mark cannot run here, or an empty text."""
    return CHECKS[mark]()


def _required() -> set[str]:
    names = {name.strip() for name in os.environ.get("ATLAS_REQUIRE", "").split(",")} - {""}
    if unknown := names - CHECKS.keys():
        raise pytest.UsageError(f"ATLAS_REQUIRE names {', '.join(sorted(unknown))}; known are {', '.join(CHECKS)}")
    return names


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what cannot run here, or stop the run where it must."""
    required = _required()
    for item in items:
        for mark in CHECKS.keys() & {found.name for found in item.iter_markers()}:
            if not (reason := missing(mark)):
                continue
            if mark in required:
                raise pytest.UsageError(f"ATLAS_REQUIRE={mark}: {reason}")
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Let no test with a required mark be skipped by other means."""
    report = yield
    if report.skipped and (marks := _required() & {mark.name for mark in item.iter_markers()}):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, but ATLAS_REQUIRE asks for {', '.join(sorted(marks))}"
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keep the reasons of all skips for the last line."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    reports = terminal.stats.get("skipped", []) if terminal else []
    reasons = [str(report.longrepr[2]).removeprefix("Skipped: ") for report in reports]
    session.config.stash[SKIPPED] = {reason: reasons.count(reason) for reason in reasons}


def pytest_unconfigure(config: pytest.Config) -> None:
    """Say last which tests did not run and why."""
    if skipped := config.stash.get(SKIPPED, {}):
        parts = (f"{count} because {reason}" for reason, count in skipped.items())
        print("skipped: " + "; ".join(parts))  # noqa: T201


SKIPPED = pytest.StashKey[dict[str, int]]()


def _is_local(host: object) -> bool:
    name = host.decode() if isinstance(host, bytes) else str(host or "")
    if name in LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(name.split("%")[0]).is_loopback
    except ValueError:
        return False


def _refuse_the_outside(event: str, arguments: tuple[object, ...]) -> None:
    """Raise where a test would talk to another machine; local sockets (AF_UNIX) have no tuple as address."""
    if event == "socket.getaddrinfo":
        hosts = arguments[:1]
    elif event in {"socket.connect", "socket.sendto"}:
        address = arguments[1]
        hosts = address[:1] if isinstance(address, tuple) else ()
    else:
        return
    for host in hosts:
        if not _is_local(host):
            raise RuntimeError(f"a test wants to talk to {host}: tests stay on this machine")


sys.addaudithook(_refuse_the_outside)
