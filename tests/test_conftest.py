"""The rules of the test run itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py").read_text(encoding="utf-8")
SUITE = """
import pytest

@pytest.mark.train
def test_marked():
    {body}

def test_plain():
    pass
"""


def run_suite(tmp_path, body, require=""):
    """Run a small suite under this conftest; the machine lacks what a test with an empty body needs."""
    reason = "it is not there" if body == "pass" else ""
    (tmp_path / "conftest.py").write_text(f'{CONFTEST}\nCHECKS["train"] = lambda: "{reason}"\n')
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = train: needs more\n")
    (tmp_path / "test_some.py").write_text(SUITE.format(body=body))
    environment = {**os.environ, "ATLAS_REQUIRE": require}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)


def test_last_line_names_what_was_skipped(tmp_path):
    done = run_suite(tmp_path, "pass")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "skipped: 1 because it is not there"


def test_required_but_missing_stops_the_run(tmp_path):
    done = run_suite(tmp_path, "pass", require="train")
    assert done.returncode != 0
    assert "ATLAS_REQUIRE=train: it is not there" in done.stderr


def test_required_test_may_not_skip_itself(tmp_path):
    assert run_suite(tmp_path, "pytest.skip('no mood')").returncode == 0
    done = run_suite(tmp_path, "pytest.skip('no mood')", require="train")
    assert done.returncode == 1
    assert "ATLAS_REQUIRE asks for train" in done.stdout


def test_unknown_requirement_is_refused(tmp_path):
    assert "known are docker" in run_suite(tmp_path, "pass", require="dokcer").stderr


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "example.org"])
def test_outside_is_out_of_reach(host):
    with pytest.raises(RuntimeError, match="stay on this machine"):
        socket.create_connection((host, 9))


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")])
def test_bare_sockets_are_kept_inside(family, address):
    with socket.socket(family, socket.SOCK_DGRAM) as outside, pytest.raises(RuntimeError, match="stay on this machine"):
        outside.sendto(b"", (address, 9))


def test_this_machine_is_within_reach():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()
