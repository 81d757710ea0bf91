"""What is bubblewrap's own: who it runs as, what it shows, what it leaves behind."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from sandbox import bubblewrap, nest, process_box
from sandbox.base import Program, SandboxUnavailableError
from sandbox.bubblewrap import open_bubblewrap
from sandbox.cgroups import find_home
from sandbox.choice import open_sandbox
from sandbox.sweeping import FOLDER_PREFIX, mark_folder, sweep_folders

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.bubblewrap


def run(source):
    with open_bubblewrap(1) as sandbox:
        (execution,) = sandbox.run(Program(source=source, mode="stdio"), [""])
    return execution


def beneath(pid):
    """Return the processes that a process has started, directly or not, as /proc sees them from here."""
    rows = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, row.split())) for row in rows.splitlines()]
    found, new = set(), {pid}
    while new:
        new = {child for child, parent in pairs if parent in new} - found
        found |= new
    return found


@pytest.mark.parametrize("with_setpriv", [True, False])
def test_the_user_outside_is_never_root(monkeypatch, with_setpriv):
    made = bubblewrap.Bubblewrap()
    if not with_setpriv:
        monkeypatch.setattr(process_box.shutil, "which", lambda name, path: None)
    before = beneath(os.getpid())
    box = made.make()
    try:
        status = [Path(f"/proc/{pid}/status") for pid in beneath(os.getpid()) - before]
        texts = [path.read_text() for path in status if path.exists()]
    finally:
        box.close()
        made.close()
    texts = [text for text in texts if text.startswith(("Name:\tbwrap", "Name:\tpython3"))]
    assert len(texts) >= 3
    outside = 65532 if os.geteuid() == 0 else os.geteuid()
    for text in texts:
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


HOST_PROGRAM = """
from sandbox.base import Program
from sandbox.bubblewrap import open_bubblewrap
with open_bubblewrap(2) as sandbox:
    print("open", flush=True)
    sandbox.run(Program(source="import time; time.sleep(60)", mode="stdio"), [""])
"""


def groups_of(pid):
    home = find_home()
    return set(home.memory.glob(f"atlas-box-*-{pid}-*")) if home else set()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_host_leaves_nothing(tmp_path, end):
    host = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOST_PROGRAM)],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        host.stdout.readline()
        deadline = time.monotonic() + 20
        # Bubblewrap twice, the maker, boxes and what stands by in them.
        while len(beneath(host.pid)) < 6:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        theirs = beneath(host.pid)
        host.send_signal(end)
        host.wait(20)
        while any(Path(f"/proc/{pid}").exists() for pid in theirs):
            assert time.monotonic() < deadline + 20
            time.sleep(0.05)
        assert not list(tmp_path.iterdir())
        assert not groups_of(host.pid)  # Looking for a home is a start, which sweeps what the dead have left.
    finally:
        host.kill()
        host.wait()
        host.stdout.close()


def test_closing_removes_every_group():
    before = groups_of(os.getpid())  # Other sandboxes of this process may be open.
    made = bubblewrap.Bubblewrap()
    box = made.make()
    assert len(groups_of(os.getpid()) - before) == made.exact
    box.close()
    made.close()
    assert not groups_of(os.getpid()) - before


def test_no_box_is_made_after_the_end():
    made = bubblewrap.Bubblewrap()
    made.close()
    with pytest.raises(SandboxUnavailableError, match="closed"):
        made.make()


@pytest.mark.filterwarnings("error")
def test_a_maker_that_cannot_be_started_leaves_no_socket(monkeypatch):
    def refuse(*arguments, **options):
        raise KeyboardInterrupt

    made = bubblewrap.Bubblewrap()
    monkeypatch.setattr(nest.subprocess, "Popen", refuse)
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(KeyboardInterrupt):
        made.make()
    gc.collect()
    assert len(list(Path("/proc/self/fd").iterdir())) <= open_before + 1  # What it said is kept until the end.
    made.close()


def test_a_maker_that_was_killed_is_replaced():
    with open_bubblewrap(1) as sandbox:
        before = sandbox.run(Program(source="print(1)", mode="stdio"), [""])
        for pid in beneath(os.getpid()):
            # `ps` itself was one of them.
            if (comm := Path(f"/proc/{pid}/comm")).exists() and comm.read_text() == "bwrap\n":
                os.kill(pid, signal.SIGKILL)
        after = sandbox.run(Program(source="print(1)", mode="stdio"), [""])
    assert [run.output for run in (*before, *after)] == ["1\n"] * 2


def test_where_no_group_can_be_had_the_limits_are_watched_and_said_to_be(monkeypatch):
    monkeypatch.setattr(bubblewrap, "find_home", lambda: None)
    with open_sandbox("bubblewrap", workers=1) as sandbox:
        assert (sandbox.name, sandbox.exact) == ("bubblewrap+watched", False)
        assert "watched, since no cgroup can be had" in sandbox.notice


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
    monkeypatch.setattr(bubblewrap, "_START", "raise SystemExit('no room')")
    with pytest.raises(SandboxUnavailableError, match=r"cannot make a box \(no room\)"):
        open_sandbox("bubblewrap", workers=1)
