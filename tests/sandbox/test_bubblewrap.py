"""What is bubblewrap's own: who it runs as, what it shows, what it leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from sandbox import bubblewrap, process_box
from sandbox.base import Program, SandboxUnavailableError
from sandbox.bubblewrap import open_bubblewrap
from sandbox.choice import open_sandbox
from sandbox.sweeping import FOLDER_PREFIX, mark_folder, sweep_folders

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.bubblewrap


def run(source):
    with open_bubblewrap(1) as sandbox:
        (execution,) = sandbox.run(Program(source=source, mode="stdio"), [""])
    return execution


@pytest.mark.parametrize("with_setpriv", [True, False])
def test_the_user_outside_is_never_root(monkeypatch, with_setpriv):
    made = bubblewrap.Bubblewrap()
    if not with_setpriv:
        monkeypatch.setattr(process_box.shutil, "which", lambda name, path: None)
    box = made.make()
    try:
        pids = [line.split()[0] for line in left_by(made.folder)]
        status = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
    finally:
        box.close()
        made.close()
    assert status
    outside = 65532 if os.geteuid() == 0 else os.geteuid()
    for text in status:
        (ids,) = (line.split()[1:] for line in text.splitlines() if line.startswith("Uid:"))
        assert ids == [str(outside)] * 4
        assert "Groups:\t \n" in text or os.geteuid() != 0


def test_the_interpreter_is_the_systems():
    assert run("import sys; print(sys.prefix)").output in ("/usr\n", "/usr/local\n")


def test_only_the_system_is_shown():
    shown = run("import os; print(sorted(os.listdir('/')), os.listdir('/etc'))").output
    assert set(eval(shown.split("] [")[0] + "]")) <= {
        "bin", "dev", "etc", "lib", "lib64", "opt", "proc", "sbin", "tmp", "usr", "box",
    }  # fmt: skip


def left_by(folder):
    """Return the bubblewrap processes whose command line shows the folder that one run made."""
    found = subprocess.run(["ps", "-ww", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if folder in line and "bwrap" in line]


HOST_PROGRAM = """
from sandbox.base import Program
from sandbox.bubblewrap import Bubblewrap
from sandbox.boxed import BoxedSandbox
bubblewrap = Bubblewrap()
sandbox = BoxedSandbox("bubblewrap", bubblewrap.make, workers=2, on_close=bubblewrap.close)
print(bubblewrap.folder, flush=True)
try:
    sandbox.run(Program(source="import time; time.sleep(60)", mode="stdio"), [""])
finally:
    sandbox.close()
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_host_leaves_no_process(end):
    host = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOST_PROGRAM)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        folder = host.stdout.readline().decode().strip()
        deadline = time.monotonic() + 10
        while not left_by(folder):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.3)
        host.send_signal(end)
        host.wait(20)
        while left_by(folder):
            assert time.monotonic() < deadline + 10
            time.sleep(0.05)
        if end == signal.SIGKILL:
            bubblewrap.Bubblewrap().close()  # The next run sweeps what a killed one could not remove.
        assert not Path(folder).parent.exists()
    finally:
        host.kill()
        host.wait()
        host.stdout.close()


def test_closing_removes_the_folder():
    made = bubblewrap.Bubblewrap()
    assert Path(made.folder).is_dir()
    made.close()
    assert not Path(made.folder).parent.exists()


def test_folders_of_the_living_are_not_swept(tmp_path):
    other, unnamed, dead = (tmp_path / f"{FOLDER_PREFIX}{name}" for name in ("living", "unnamed", "dead"))
    for folder in (other, unnamed, dead):
        folder.mkdir()
    mark_folder(other)
    (dead / "owner").write_text("another-boot pid:[1] 1 1")
    assert sweep_folders(tmp_path) == 1
    assert (other.exists(), unnamed.exists(), dead.exists()) == (True, True, False)


def test_closing_under_a_running_program_ends_it():
    import threading

    sandbox = open_bubblewrap(1)
    threading.Timer(0.5, sandbox.close).start()
    started = time.monotonic()
    with pytest.raises(SandboxUnavailableError, match="closed"):
        sandbox.run(Program(source="import time; time.sleep(60)", mode="stdio"), [""])
    assert time.monotonic() - started < 5


def test_a_box_that_cannot_start_says_bubblewraps_words(monkeypatch):
    monkeypatch.setattr(bubblewrap, "RUNNER_OPTIONS", ("-I", "-c", "raise SystemExit(1)"))
    with pytest.raises(SandboxUnavailableError, match="cannot make a box"):
        open_sandbox("bubblewrap", workers=1)
