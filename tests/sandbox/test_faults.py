"""What can go wrong around the boxes: the engine, the disk, the terminal, a neighbour; nothing leaks, nothing hangs."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker
import pytest
from requests.exceptions import RequestException

from sandbox import connection, image
from sandbox import docker as docker_boxes
from sandbox.base import Limits, Program, SandboxUnavailableError
from sandbox.choice import open_sandbox
from sandbox.docker import open_docker
from sandbox.sweeping import OWNER_LABEL
from tests.sandbox.conftest import open_any
from tests.sandbox.engine_proxy import EngineProxy

ROOT = Path(__file__).parents[2]
ECHO = Program(source="print(input())", mode="stdio")
SLEEP = Program(source="import time; time.sleep(60)", mode="stdio")


@pytest.fixture(scope="module")
def engine():
    open_any("docker").close()
    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture
def proxy(tmp_path, monkeypatch, engine):
    with EngineProxy(tmp_path / "engine.sock") as between:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{between.path}")
        yield between


def boxes(client, pid=None):
    found = client.api.containers(all=True, filters={"label": OWNER_LABEL})
    return [box["Id"] for box in found if box["Labels"][OWNER_LABEL].split(" ")[2] == str(pid or os.getpid())]


def wait_until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.mark.docker
def test_an_engine_stopped_in_the_middle_is_no_verdict(proxy, engine):
    before = set(boxes(engine))
    with open_docker(1) as sandbox:
        assert sandbox.run(ECHO, ["a"])[0].output == "a\n"
        threading.Timer(0.8, proxy.stop).start()
        began = time.monotonic()
        with pytest.raises(
            SandboxUnavailableError,
            match=r"no Docker engine answers|does not do as it should|twice in a row; is it running",
        ) as caught:
            sandbox.run(SLEEP, [""], Limits(cpu_s=10))
        assert time.monotonic() - began < 20
        assert "\n" not in str(caught.value)
        with pytest.raises(SandboxUnavailableError):
            sandbox.run(ECHO, ["a"])
    wait_until(lambda: set(boxes(engine)) <= before)


@pytest.mark.docker
def test_an_engine_that_comes_back_is_used_again(proxy, engine):
    before = set(boxes(engine))
    with open_docker(1) as sandbox:
        assert sandbox.run(ECHO, ["a"])[0].output == "a\n"
        proxy.stop()
        with pytest.raises(SandboxUnavailableError):
            sandbox.run(SLEEP, [""])
        proxy.start()
        assert sandbox.run(ECHO, ["b"])[0].output == "b\n"
        threading.Timer(0.5, lambda: (proxy.stop(), proxy.start())).start()
        slow = Program(source="import time; time.sleep(1.5); print(input())", mode="stdio")
        assert sandbox.run(slow, ["c"])[0].output == "c\n"
    wait_until(lambda: set(boxes(engine)) <= before)


@pytest.mark.docker
def test_a_slow_engine_is_only_slow(proxy):
    proxy.delay_s = 0.1
    with open_docker(1) as sandbox:
        first, second = sandbox.run(ECHO, ["a", "b"])
    assert (first.output, second.output) == ("a\n", "b\n")
    assert first.cpu_s < 2


@pytest.mark.docker
def test_a_frozen_engine_hangs_nobody_past_the_deadline(proxy, engine, monkeypatch):
    monkeypatch.setattr(docker_boxes, "_TIMEOUT_S", 2)
    monkeypatch.setattr("sandbox.visit._SLACK_S", 1.0)
    before = set(boxes(engine))
    sandbox = open_docker(1)
    try:
        assert sandbox.run(ECHO, ["a"])[0].output == "a\n"
        proxy.frozen.set()
        began = time.monotonic()
        with pytest.raises(SandboxUnavailableError):
            sandbox.run(SLEEP, [""], Limits(cpu_s=0.01))
        assert time.monotonic() - began < 40
        cancelled = sandbox.run(SLEEP, [""], cancelled=lambda: True)
        assert cancelled == ()
    finally:
        proxy.frozen.clear()
        sandbox.close()
    wait_until(lambda: set(boxes(engine)) <= before)


@pytest.mark.docker
def test_an_image_removed_while_running_names_the_command(engine, monkeypatch):
    with open_docker(1) as sandbox:
        sandbox.run(ECHO, ["a"])
        engine_of = sandbox._make.__self__
        engine_of._images["python"] = "sha256:" + "0" * 64
        idle = 2
        with pytest.raises(SandboxUnavailableError, match="does not do as it should"):
            [sandbox.run(ECHO, ["a"]) for _ in range(idle + 1)]
    monkeypatch.setattr(image, "REPOSITORY", "atlas-sandbox-absent")
    with pytest.raises(SandboxUnavailableError, match="run `make image`"):
        open_sandbox("docker")


@pytest.mark.docker
def test_an_engine_that_refuses_leaves_no_socket(proxy):
    client = connection.connect(5)
    proxy.stop()
    for _ in range(3):
        with pytest.raises(RequestException):
            client.ping()
    client.close()
    # What is left open is now collected with a warning, which fails the test.
    gc.collect()


def test_a_socket_nobody_may_open_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/plain-file")
    (tmp_path / "plain-file").write_text("")
    with pytest.raises(SandboxUnavailableError, match="no Docker engine answers"):
        connection.connect(1)


FULL_DISK = """
import sys
from sandbox.base import Program, SandboxUnavailableError
from sandbox.bubblewrap import open_bubblewrap
from sandbox.image.rootfs import local_rootfs
from sandbox.languages import PYTHON
with open_bubblewrap(1) as sandbox:
    print(sandbox.run(Program(source="print(42)", mode="stdio"), [""])[0].output, end="")
try:
    local_rootfs(PYTHON)
except (SandboxUnavailableError, OSError) as error:
    print(error)
"""


@pytest.mark.bubblewrap
def test_a_full_disk_is_named_with_what_to_do(tmp_path):
    command = f"mount -t tmpfs -o size=32k none {tmp_path} && exec {sys.executable} -c '{FULL_DISK}'"
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    done = subprocess.run(
        [*unshare, "sh", "-c", command],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    first, second = done.stdout.splitlines()
    assert first == "42"  # Bubblewrap writes no file.
    assert "No space left on device" in second
    assert done.stderr == ""


HOST = """
import sys
from sandbox.base import Limits, Program
from sandbox.choice import open_sandbox
with open_sandbox(sys.argv[1], workers=2) as sandbox:
    print("open", flush=True)
    while True:
        sandbox.run(Program(source="import time; time.sleep(0.2)", mode="stdio"), ["", ""])
"""


def started(name, **variables):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": {**os.environ, **variables}}
    # Where the tests themselves run in the background, they ignore Ctrl-C, and would hand that down.
    pipes["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen([sys.executable, "-c", HOST, name], cwd=ROOT, start_new_session=True, **pipes)


@pytest.fixture
def folder():
    """A temporary folder that other users can read, since root's boxes run as one."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest.mark.parametrize("when_s", [0.0, 0.4, 0.8, 1.6, 3.2])
def test_ctrl_c_at_any_moment_leaves_nothing(sandbox, folder, when_s):
    """The signal goes to the whole group, as the terminal sends it."""
    host = started(sandbox.name, TMPDIR=str(folder))
    try:
        time.sleep(when_s)
        os.killpg(host.pid, signal.SIGINT)
        _, error = host.communicate(timeout=60)
    finally:
        host.kill()
        host.wait()
    assert host.returncode != 0
    assert not error or b"KeyboardInterrupt" in error, error
    if sandbox.name == "docker":
        client = docker.from_env()
        wait_until(lambda: not boxes(client, host.pid))
        client.close()
    else:
        wait_until(lambda: not children_of(host.pid))
        assert list(folder.iterdir()) == []


def children_of(group):
    seen = subprocess.run(["ps", "-eo", "pgid,args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in seen if line.split()[0] == str(group)]


def test_the_end_of_one_process_disturbs_no_other(sandbox):
    hosts = [started(sandbox.name) for _ in range(2)]
    try:
        for host in hosts:
            assert host.stdout.readline() == b"open\n"
        with ThreadPoolExecutor(1) as thread:
            ours = thread.submit(sandbox.run, ECHO, [str(number) for number in range(40)])
            os.killpg(hosts[0].pid, signal.SIGKILL)
            time.sleep(0.3)
            os.killpg(hosts[1].pid, signal.SIGINT)
            assert [done.output for done in ours.result()] == [f"{number}\n" for number in range(40)]
    finally:
        for host in hosts:
            host.kill()
            host.wait()
            host.stdout.close()
            host.stderr.close()


def test_tens_of_megabytes_out_are_cut_and_cost_nobody_else(sandbox):
    flood = Program(source="import sys; sys.stdout.write('x' * (40 << 20)); input()", mode="stdio")
    with ThreadPoolExecutor(2) as threads:
        whole = threads.submit(sandbox.run, flood, ["a"], Limits(output_bytes=48 << 20))
        calm = threads.submit(sandbox.run, ECHO, ["a", "b"])
        assert [done.output for done in calm.result()] == ["a\n", "b\n"]
        assert (whole.result()[0].status, len(whole.result()[0].output)) == ("completed", 40 << 20)
    (cut,) = sandbox.run(flood, ["a"], Limits(output_bytes=1000))
    assert (cut.status, cut.output) == ("output_limit", "x" * 1000)


BAD_SOURCES = {
    "empty": "",
    "not UTF-8": "x = '\udcff'",
    "five megabytes": "x = [" + "1," * 2_500_000 + "]\nprint(len(x))",
    "parentheses": "(" * 100_000,
    "closed parentheses": "(" * 100_000 + "1" + ")" * 100_000,
    "minus signs": "-" * 100_000 + "1",
    "one long line": "x = 1 " + "+ 1 " * 100_000,
}


@pytest.mark.parametrize("kind", BAD_SOURCES)
@pytest.mark.parametrize("mode", ["stdio", "function"])
def test_no_source_hurts_anything_but_its_own_verdict(sandbox, kind, mode):
    bad = Program(source=BAD_SOURCES[kind], mode=mode, entry_point="f" if mode == "function" else "")
    with ThreadPoolExecutor(2) as threads:
        hurt = threads.submit(sandbox.run, bad, ["1"], Limits(cpu_s=4, memory_mb=400))
        calm = threads.submit(sandbox.run, ECHO, ["a"])
        assert calm.result()[0].output == "a\n"
        (execution,) = hurt.result()
    assert execution.status in ("runtime_error", "memory", "timeout") or kind in ("five megabytes", "one long line")
    assert len(execution.error) <= 2010
