"""Together or alone: never both, the lone one first, and nobody waits for what he no longer wants."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sandbox import turns as turns_module
from sandbox.protocol import CancelledError
from sandbox.turns import Turns, folder_of_user

ROOT = Path(__file__).parents[2]


def never():
    return False


def test_the_lone_one_has_nobody_beside():
    turns, beside, lone, seen = Turns(), [], [], []

    def together():
        for _ in range(20):
            with turns.together(never):
                beside.append(1)
                seen.append(("together", len(lone)))
                time.sleep(0.001)
                beside.pop()

    def alone():
        for _ in range(10):
            with turns.alone(never):
                lone.append(1)
                seen.append(("alone", len(beside) + len(lone) - 1))
                time.sleep(0.001)
                lone.pop()

    threads = [threading.Thread(target=work) for work in (together, together, together, alone, alone)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(seen) == 80
    assert {others for _, others in seen} == {0}


def test_one_that_wants_to_be_alone_is_not_starved():
    turns = Turns()
    done = threading.Event()

    def busy():
        while not done.is_set():
            with turns.together(never):
                time.sleep(0.002)

    threads = [threading.Thread(target=busy) for _ in range(3)]
    for thread in threads:
        thread.start()
    with turns.alone(never):
        done.set()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)


def test_waiting_ends_when_it_is_cancelled():
    turns = Turns()
    with turns.together(never):
        with pytest.raises(CancelledError), turns.alone(lambda: True):
            pass
        with turns.together(never):
            pass
    with turns.alone(never), pytest.raises(CancelledError), turns.together(lambda: True):
        pass


NEIGHBOUR = """
import sys, pathlib
from sandbox.turns import Turns
turns = Turns(pathlib.Path(sys.argv[1]))
with getattr(turns, sys.argv[2])(lambda: False):
    print("in", flush=True)
    sys.stdin.readline()
print("out", flush=True)
sys.stdin.readline()
"""


class Neighbour:
    """Another process that runs a test until it is told to leave."""

    def __init__(self, folder, how):
        command = [sys.executable, "-c", NEIGHBOUR, str(folder), how]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, cwd=ROOT, **pipes)

    def says(self, word):
        assert self.process.stdout.readline() == word + "\n"

    def goes_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def is_free(turn) -> bool:
    """Try for a fifth of a second."""
    until = time.monotonic() + 0.2
    try:
        with turn(lambda: time.monotonic() > until):
            return True
    except CancelledError:
        return False


def test_processes_run_together_but_not_beside_one_that_is_alone(tmp_path):
    turns = Turns(tmp_path)
    with Neighbour(tmp_path, "together") as other:
        other.says("in")
        assert is_free(turns.together)
        assert not is_free(turns.alone)
        other.goes_on()
        other.says("out")
        assert is_free(turns.alone)
    with Neighbour(tmp_path, "alone") as other:
        other.says("in")
        assert not is_free(turns.together)
        assert not is_free(turns.alone)
        other.goes_on()
        other.says("out")
        assert is_free(turns.together)
        assert is_free(turns.alone)
    turns.close()


def test_a_process_that_wants_to_be_alone_is_not_starved_by_another(tmp_path):
    turns = Turns(tmp_path)
    with turns.together(never):
        with Neighbour(tmp_path, "alone"):
            deadline = time.monotonic() + 30
            while is_free(turns.together):
                assert time.monotonic() < deadline
        # It was killed while it waited.
        assert is_free(turns.together)
    turns.close()


def test_a_process_that_was_killed_holds_nobody_up(tmp_path):
    turns = Turns(tmp_path)
    with Neighbour(tmp_path, "alone") as other:
        other.says("in")
    assert is_free(turns.together)
    turns.close()


def test_patience_with_others_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(turns_module, "_PATIENCE_S", 0.1)
    with Neighbour(tmp_path, "alone") as other:
        other.says("in")
        turns = Turns(tmp_path)
        with turns.together(never):
            pass
        with turns.alone(never):
            pass
        turns.close()


def test_a_folder_that_cannot_be_written_means_this_process_alone(tmp_path):
    (tmp_path / "file").touch()
    turns = Turns(tmp_path / "file")
    with turns.together(never):
        assert not is_free(turns.alone)
    turns.close()


def test_closing_gives_the_descriptors_back(tmp_path):
    before = len(list(Path("/proc/self/fd").iterdir()))
    turns = Turns(tmp_path)
    turns.close()
    turns.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_locks_lie_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert folder_of_user() == tmp_path / "atlas" / "turns"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert folder_of_user() == Path.home() / ".cache" / "atlas" / "turns"
