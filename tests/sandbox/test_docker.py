"""What is Docker's own: flags as the engine sees them, dead runs, a lost engine, the image."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from pathlib import Path

import docker
import pytest

from sandbox import container, image, seccomp
from sandbox.base import Limits, Program, SandboxUnavailableError
from sandbox.choice import open_sandbox
from sandbox.docker import Engine, open_docker
from sandbox.inside import MB, RUNNER_ARGUMENTS, RUNNER_OPTIONS
from sandbox.sweeping import OWNER_LABEL, is_dead, owner, sweep

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def client():
    opened = docker.from_env()
    yield opened
    opened.close()


@pytest.fixture(scope="module", autouse=True)
def built(client):
    try:
        image.find(client)
    except SandboxUnavailableError:
        image.build("local")


def boxes_of(client, pid, *, running=False):
    found = client.api.containers(all=not running, filters={"label": OWNER_LABEL})
    return [entry["Id"] for entry in found if entry["Labels"][OWNER_LABEL].split(" ")[2] == str(pid)]


def wait_until(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def inspected(client):
    engine = Engine(memory_mb=512)
    box = engine.make()
    yield client.api.inspect_container(box.id)
    box.close()
    engine.close()


HOST_TABLE = {
    "NetworkMode": "none",
    "ReadonlyRootfs": True,
    "Tmpfs": {"/box": container.tmpfs(64 * MB), "/tmp": container.tmpfs(16 * MB), "/dev/shm": container.tmpfs(16 * MB)},
    "ReadonlyPaths": ["/proc"],
    "CapDrop": ["ALL"],
    "CapAdd": None,
    "PidsLimit": 64,
    "Memory": (512 + 64 + 16 + 16 + 16) * MB,
    "MemorySwap": (512 + 64 + 16 + 16 + 16) * MB,
    "NanoCpus": 1_000_000_000,
    "IpcMode": "private",
    "CgroupnsMode": "private",
    "AutoRemove": True,
    "OomScoreAdj": 1000,
    "Privileged": False,
    "PublishAllPorts": False,
    "PidMode": "",
    "UTSMode": "",
    "UsernsMode": "",
    "Binds": None,
    "Devices": None,
    "VolumesFrom": None,
    "Links": None,
}


@pytest.mark.parametrize("flag", HOST_TABLE)
def test_the_engine_sees_each_flag(inspected, flag):
    value = inspected["HostConfig"].get(flag)
    assert value == HOST_TABLE[flag] or (HOST_TABLE[flag] is None and not value)


def test_the_engine_sees_the_rest_of_the_table(inspected):
    host, config = inspected["HostConfig"], inspected["Config"]
    assert host["LogConfig"]["Type"] == "none"
    assert set(host["SecurityOpt"]) == {
        "no-new-privileges:true",
        f"seccomp={seccomp.docker_profile_text(seccomp.machine())}",
    }
    limits = {limit["Name"]: (limit["Soft"], limit["Hard"]) for limit in host["Ulimits"]}
    wanted = {"core": 0, "nofile": 256, "fsize": 64 * MB, "memlock": 0, "msgqueue": 0}
    assert limits == {name: (most, most) for name, most in wanted.items()}
    assert {"/proc/kcore", "/proc/sys", "/proc/loadavg", "/proc/pressure", "/proc/stat"} <= set(host["MaskedPaths"])
    assert config["User"] == "65532:65532"
    assert (config["StdinOnce"], config["OpenStdin"], config["Tty"]) == (True, True, False)
    assert config["Hostname"] == "sandbox"
    assert config["StopSignal"] == "SIGKILL"
    assert inspected["Mounts"] == []
    assert inspected["Image"].startswith("sha256:")


def test_the_image_starts_what_bubblewrap_starts(inspected):
    assert tuple(inspected["Config"]["Entrypoint"]) == ("python3", *RUNNER_OPTIONS)
    assert tuple(inspected["Config"]["Cmd"]) == RUNNER_ARGUMENTS


def test_the_image_builds_without_a_registry_and_leaves_no_litter(client):
    line = image.build("local")
    assert image.tag() in line
    assert "this machine's Python 3." in line
    assert client.images.get(image.find(client)).labels[image.BASE_LABEL].startswith("this machine's Python")
    litter = {"dangling": True, "label": image.BASE_LABEL}
    before = {entry.id for entry in client.images.list(filters=litter)}
    image.build("local")
    assert {entry.id for entry in client.images.list(filters=litter)} <= before


def test_a_build_that_fails_says_so_in_one_line(monkeypatch):
    monkeypatch.setattr(image, "LOCAL_BASE", "atlas-sandbox-base:Not:Valid")
    with pytest.raises(SandboxUnavailableError, match="cannot be built") as caught:
        image.build("local")
    assert "\n" not in str(caught.value)


def test_the_tag_follows_the_code(tmp_path, monkeypatch):
    before = image.tag()
    monkeypatch.setattr(seccomp, "_EPERM", 13)
    assert image.tag() != before


def test_no_image_names_the_next_command(monkeypatch):
    monkeypatch.setattr(image, "REPOSITORY", "atlas-sandbox-absent")
    with pytest.raises(SandboxUnavailableError, match="run `make image`"):
        open_docker(1)


def test_an_image_of_another_schema_is_refused(client, monkeypatch):
    image_id = image.find(client)
    client.images.get(image_id).tag("atlas-sandbox-other", image.fingerprint())
    monkeypatch.setattr(image, "REPOSITORY", "atlas-sandbox-other")
    monkeypatch.setattr(image, "SCHEMA_LABEL", "atlas.sandbox.base")
    try:
        with pytest.raises(SandboxUnavailableError, match="another schema"):
            image.find(client)
    finally:
        client.images.remove(image.tag())


def test_no_engine_names_the_next_command(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    with pytest.raises(SandboxUnavailableError, match=r"docker-engine\.sh") as caught:
        open_docker(1)
    assert "\n" not in str(caught.value)


def test_closing_leaves_no_container(client):
    before = boxes_of(client, os.getpid())
    sandbox = open_docker(2)
    sandbox.run(Program(source="print(1)", mode="stdio"), [""])
    wait_until(lambda: len(boxes_of(client, os.getpid())) >= len(before) + 2)
    sandbox.close()
    sandbox.close()
    wait_until(lambda: boxes_of(client, os.getpid()) == before)


HOST_PROGRAM = """
import sys
from sandbox.base import Program
from sandbox.docker import open_docker
sandbox = open_docker(2)
sandbox.run(Program(source="print(1)", mode="stdio"), [""])
print("ready", flush=True)
try:
    sandbox.run(Program(source="import time; time.sleep(60)", mode="stdio"), [""])
finally:
    sandbox.close()
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_host_leaves_no_container(client, end):
    host = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOST_PROGRAM)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert host.stdout.readline() == b"ready\n"
        wait_until(lambda: len(boxes_of(client, host.pid)) >= 2)
        host.send_signal(end)
        host.wait(20)
        wait_until(lambda: not boxes_of(client, host.pid, running=True))
        # One that was killed between making and starting a container leaves it unstarted; the next run takes it.
        wait_until(lambda: sweep(client) >= 0 and not boxes_of(client, host.pid))
    finally:
        host.kill()
        host.wait()
        host.stdout.close()


def test_a_sweep_takes_the_dead_and_leaves_the_living(client):
    def make(label):
        made = client.api.create_container(image.tag(), labels={OWNER_LABEL: label})
        return made["Id"]

    boot, space, pid, started = owner().split(" ")
    dead = [make(f"{boot} {space} {pid} 1"), make(f"another-boot {space} {pid} {started}")]
    alive = [make(owner()), make(f"{boot} pid:[1] 1 1")]
    try:
        assert sweep(client) >= 2
        left = {entry["Id"] for entry in client.api.containers(all=True, filters={"label": OWNER_LABEL})}
        assert not left & set(dead)
        assert set(alive) <= left
    finally:
        for box_id in alive:
            client.api.remove_container(box_id, force=True)


def test_only_a_process_that_surely_ended_is_dead():
    boot, space, pid, started = owner().split(" ")
    assert not is_dead(owner())
    assert is_dead(f"{boot} {space} {pid} {int(started) + 1}")
    assert not is_dead(f"{boot} pid:[7] {pid} {int(started) + 1}")
    assert is_dead("")


def test_a_box_lost_while_idle_is_replaced(client):
    with open_docker(1) as sandbox:
        wait_until(lambda: len(boxes_of(client, os.getpid())) >= 1)
        time.sleep(0.5)
        for box_id in boxes_of(client, os.getpid()):
            client.api.remove_container(box_id, force=True)
        time.sleep(0.3)
        (execution,) = sandbox.run(Program(source="print(1)", mode="stdio"), [""])
        assert execution.output == "1\n"


def test_a_box_lost_again_and_again_is_no_verdict(client):
    next_time = time.monotonic() + 1.0

    def lose_every_box():
        nonlocal next_time
        if time.monotonic() > next_time:
            for box_id in boxes_of(client, os.getpid()):
                with suppress(docker.errors.APIError):
                    client.api.kill(box_id)
            next_time = time.monotonic() + 1.5
        return False

    program = Program(source="import time; time.sleep(60)", mode="stdio")
    with open_docker(1) as sandbox, pytest.raises(SandboxUnavailableError, match="twice in a row"):
        sandbox.run(program, [""], Limits(cpu_s=10), cancelled=lose_every_box)


def test_a_second_run_beside_this_one_is_undisturbed(client):
    with open_docker(1) as first, open_docker(1) as second:
        assert first.run(Program(source="print(1)", mode="stdio"), [""])[0].output == "1\n"
        first.close()
        assert second.run(Program(source="print(2)", mode="stdio"), [""])[0].output == "2\n"


def test_one_setting_names_the_runtime_and_every_report_does_too(client):
    with open_sandbox("auto", workers=1, runtime="runc") as sandbox:
        assert sandbox.name == "docker+runc"
        assert sandbox.notice.endswith("runtime runc)")
        assert len(sandbox.walls) > 20
        (box_id, *_) = boxes_of(client, os.getpid(), running=True)
        assert client.api.inspect_container(box_id)["HostConfig"]["Runtime"] == "runc"


@pytest.mark.parametrize("choice", ["auto", "docker"])
def test_a_runtime_that_is_not_there_is_refused_not_replaced(choice):
    with pytest.raises(SandboxUnavailableError, match="no runtime 'absent', only") as caught:
        open_sandbox(choice, runtime="absent")
    assert "\n" not in str(caught.value)


def test_a_container_that_was_made_too_late_is_removed_all_the_same(client, monkeypatch):
    """The engine answers after we stopped waiting: the name was ours before, so the box can be found."""
    engine = Engine(memory_mb=512)
    before = set(boxes_of(client, os.getpid()))
    create = docker.APIClient.create_container

    def late(self, *arguments, **options):
        create(self, *arguments, **options)
        raise docker.errors.APIError("too late")

    monkeypatch.setattr(docker.APIClient, "create_container", late)
    with pytest.raises(SandboxUnavailableError, match="too late"):
        engine.make()
    assert set(boxes_of(client, os.getpid())) > before
    engine.close()
    assert set(boxes_of(client, os.getpid())) == before
