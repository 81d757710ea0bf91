"""The table of back ends, with engines and programs that are missing."""

from __future__ import annotations

import shutil

import pytest

from sandbox import bubblewrap, seccomp, selftest
from sandbox.base import Execution, SandboxUnavailableError
from sandbox.choice import open_sandbox

FINE = {
    **{"CapEff": "0", "CapBnd": "0", "NoNewPrivs": "1", "Seccomp": "2", "uid 0": "False", "host folders": ""},
    **dict.fromkeys(selftest._ATTEMPTS, "EPERM"),
}


@pytest.fixture
def no_engine(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")


@pytest.fixture
def no_bubblewrap(monkeypatch):
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None if name == "bwrap" else which(name, path=path))


def test_docker_insists(no_engine):
    with pytest.raises(SandboxUnavailableError, match="no Docker engine answers at"):
        open_sandbox("docker")


def test_bubblewrap_insists(no_bubblewrap):
    with pytest.raises(SandboxUnavailableError, match="apt-get install bubblewrap"):
        open_sandbox("bubblewrap")


@pytest.mark.bubblewrap
def test_auto_falls_back_and_says_why(no_engine):
    with open_sandbox("auto", workers=1) as sandbox:
        assert sandbox.name == "bubblewrap"
        assert "since Docker failed: no Docker engine answers" in sandbox.notice
        assert "\n" not in sandbox.notice


@pytest.mark.docker
def test_auto_takes_docker(sandbox):
    if sandbox.name == "docker":
        with open_sandbox("auto", workers=1) as chosen:
            assert chosen.name == "docker"
            assert chosen.notice.startswith("sandbox: docker (engine ")


def test_with_neither_nothing_runs(no_engine, no_bubblewrap):
    with pytest.raises(SandboxUnavailableError, match="no sandbox: Docker: .*; bubblewrap: ") as caught:
        open_sandbox("auto")
    assert "\n" not in str(caught.value)


def test_an_unknown_machine_is_refused(monkeypatch, no_engine):
    monkeypatch.setattr(seccomp.platform, "machine", lambda: "riscv64")
    with pytest.raises(SandboxUnavailableError, match="riscv64"):
        bubblewrap.open_bubblewrap(1)


@pytest.mark.parametrize("name", FINE)
def test_each_missing_wall_is_named(name):
    assert selftest.walls_missing(FINE) == []
    for value in ("allowed", "3", None):
        (hole,) = selftest.walls_missing({**FINE, name: value})
        assert name in hole


class Answers:
    name = "answers"
    notice = ""
    workers = 1

    def __init__(self, *executions):
        self.executions = list(executions)

    def run(self, program, inputs, limits=None, *, cancelled=None):
        return (self.executions.pop(0),)

    def close(self):
        pass


@pytest.mark.parametrize(
    ("probe", "bomb", "reason"),
    [
        (Execution(status="runtime_error", error="no python"), "memory", "no python"),
        (Execution(status="completed", output="{}"), "memory", "CapEff"),
        (Execution(status="completed", output="{}"), "completed", "a memory bomb ended as completed"),
    ],
)
def test_a_failed_self_test_runs_nothing(probe, bomb, reason):
    with pytest.raises(SandboxUnavailableError, match=reason):
        selftest.self_test(Answers(probe, Execution(status=bomb)))


@pytest.mark.parametrize("address", ["tcp://10.0.0.1:2375", "http://localhost:2375", "ssh://host"])
def test_an_engine_elsewhere_is_refused(monkeypatch, address):
    monkeypatch.setenv("DOCKER_HOST", address)
    with pytest.raises(SandboxUnavailableError, match="no local socket"):
        open_sandbox("docker")
