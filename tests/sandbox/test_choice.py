"""The table of back ends, with engines and programs that are missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import bubblewrap, seccomp, selftest
from sandbox.base import UNSAFE, Execution, Limits, Program, SandboxUnavailableError
from sandbox.choice import open_sandbox

ROOT = Path(__file__).parents[2]
FINE = {**selftest._EXACT, **{name: refusals[0] for name, refusals in selftest._ATTEMPTS.items()}}
SPACES = {"pid": "pid:[2]", "net": "net:[2]"}


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
    seen = {**FINE, "namespaces": SPACES}
    outside = {"pid": "pid:[1]", "net": "net:[1]"}
    assert all(wall.holds for wall in selftest.walls_seen(seen, outside))
    for value in ("allowed", "3", None):
        (hole,) = (wall for wall in selftest.walls_seen({**seen, name: value}, outside) if not wall.holds)
        assert name in hole.name


@pytest.mark.parametrize("inside", [{"pid": "pid:[1]", "net": "net:[2]"}, {"pid": "pid:[2]"}, {}, None])
def test_a_namespace_of_the_host_is_a_missing_wall(inside):
    walls = selftest.walls_seen({**FINE, "namespaces": inside}, {"pid": "pid:[1]", "net": "net:[1]"})
    assert [wall.name for wall in walls if not wall.holds] == ["namespaces shared with the host"]


class Answers:
    name = "answers"
    notice = ""
    workers = 1

    def __init__(self, **executions):
        self.executions = executions

    def run(self, program, inputs, limits=None, *, cancelled=None):
        return tuple(self.executions[one.partition(" ")[0]] for one in inputs)

    def close(self):
        pass


ENDS = ("timeout", "output_limit", "memory", "memory")


@pytest.mark.parametrize(
    ("probe", "ends", "reason"),
    [
        (Execution(status="runtime_error", error="no python"), ENDS, "no python"),
        (Execution(status="completed", output="{}"), ENDS, "CapEff"),
        (
            Execution(status="completed", output="{}"),
            ("timeout", "output_limit", "completed", "memory"),
            "memory without end",
        ),
        (
            Execution(status="completed", output="{}"),
            ("timeout", "output_limit", "memory", "completed"),
            "hidden memory",
        ),
        (
            Execution(status="completed", output="{}"),
            ("completed", "output_limit", "memory", "memory"),
            "processor time",
        ),
        (
            Execution(status="completed", output="{}"),
            ("timeout", "completed", "memory", "memory"),
            "output without end",
        ),
    ],
)
def test_a_failed_self_test_runs_nothing(probe, ends, reason):
    by_kind = zip(("processor", "output", "memory", "hidden"), (Execution(status=end) for end in ends), strict=True)
    answers = Answers(walls=probe, **dict(by_kind))
    with pytest.raises(SandboxUnavailableError, match=reason):
        selftest.self_test(answers)


@pytest.mark.bubblewrap
def test_what_was_proved_is_kept():
    with open_sandbox("bubblewrap", workers=1) as sandbox:
        assert {"descriptors of PID 1", "17 MB in /tmp", "200 processes"} <= {wall.name for wall in sandbox.walls}
        assert all(wall.holds for wall in sandbox.walls)


def test_running_without_a_sandbox_is_named_everywhere():
    with open_sandbox(UNSAFE, workers=1) as sandbox:
        assert sandbox.name == "unsafe-no-isolation"
        assert "UNSAFE" in sandbox.notice
        assert sandbox.walls == ()
        good, bad = sandbox.run(Program(source="print(1 / int(input()))", mode="stdio"), ["1", "0"])
        assert (good.status, good.output) == ("completed", "1.0\n")
        assert bad.error.endswith("ZeroDivisionError: division by zero")
        assert '"main.py"' in bad.error
        (value,) = sandbox.run(Program(source="def f(x): return x", mode="function", entry_point="f"), ["[1]"])
        assert value.output == "[1]"
        assert (
            sandbox.run(Program(source="while True: pass", mode="stdio"), [""], Limits(cpu_s=0.3))[0].status
            == "timeout"
        )
        with pytest.raises(SandboxUnavailableError, match="no compiled languages"):
            sandbox.run(Program(source="int main() {}", mode="stdio", language="c"), [""])


def test_a_language_nobody_knows_is_the_callers_mistake():
    with open_sandbox(UNSAFE, workers=1) as sandbox:
        with pytest.raises(ValueError, match="no language 'cobol': known are python, .*, c, "):
            sandbox.run(Program(source="x", mode="stdio", language="cobol"), [""])
        with pytest.raises(ValueError, match="function mode is for Python"):
            sandbox.run(Program(source="x", mode="function", entry_point="f", language="c"), [""])


@pytest.mark.parametrize("address", ["tcp://10.0.0.1:2375", "http://localhost:2375", "ssh://host"])
def test_an_engine_elsewhere_is_refused(monkeypatch, address):
    monkeypatch.setenv("DOCKER_HOST", address)
    with pytest.raises(SandboxUnavailableError, match="no local socket"):
        open_sandbox("docker")


LEFT = """
import sys, time
from sandbox.choice import open_sandbox
sandbox = open_sandbox("unsafe-no-isolation", workers=1)
print("open", flush=True)
if sys.argv[1] == "stay":
    time.sleep(60)
sandbox.close()
"""


def test_any_start_sweeps_what_a_killed_run_has_left(tmp_path):
    def started(then):
        return subprocess.Popen(
            [sys.executable, "-c", LEFT, then], cwd=ROOT, env=os.environ | {"TMPDIR": str(tmp_path)}, stdout=-1
        )

    with started("stay") as killed:
        killed.stdout.readline()
        killed.kill()
    assert len(list(tmp_path.iterdir())) == 1
    with started("go") as swept:
        assert swept.stdout.read() == b"open\n"
    assert swept.returncode == 0
    assert not list(tmp_path.iterdir())
