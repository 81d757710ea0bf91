"""Spawned processes share nothing with their parent and end with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmark.processes import spawned

SECRETS: list[str] = []
SLEEPER = """
import os, sys, time
from benchmark.processes import spawned
from tests.benchmark.test_processes import wait
if __name__ == "__main__":
    with spawned(1) as executor:
        print(executor.submit(os.getpid).result(), flush=True)
        executor.submit(wait).result()
"""

STOPPED = """
import signal
from benchmark.processes import interruptible, leave
from tests.benchmark.test_processes import wait
def work():
    try:
        with interruptible(2) as executor:
            for future in [executor.submit(wait) for _ in range(4)]:
                print(flush=True)
                future.result()
    except KeyboardInterrupt:
        pass
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where CI runs in the background
    work()
    leave(130)
"""


def wait():
    """Hold a process."""
    time.sleep(60)


def known_secrets():
    """Return what this process holds."""
    return list(SECRETS)


def is_alive(pid):
    """Return whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_spawned_process_holds_nothing_that_its_parent_learned():
    SECRETS.append("hidden")
    with spawned(1) as executor:
        assert executor.submit(known_secrets).result() == []
        assert executor.submit(os.getpid).result() != os.getpid()


def test_a_process_ends_when_its_parent_is_killed(tmp_path):
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(tmp_path / "sleeper.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        child = int(parent.stdout.readline())
        assert is_alive(child)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(child)


@pytest.mark.parametrize("later", [0.0, 0.3, 2.0])
def test_ctrl_c_waits_for_no_work_in_flight_and_leaves_nothing(tmp_path, later):
    (tmp_path / "stopped.py").write_text(STOPPED)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(tmp_path / "stopped.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as run:
        run.stdout.readline()
        time.sleep(later)
        run.send_signal(signal.SIGINT)
        # Without `leave` this takes the minute that the work takes, or for ever.
        _, errors = run.communicate(timeout=30)
    assert (run.returncode, errors) == (130, "")
