"""An engine is refused for each thing that it does not say about itself."""

from __future__ import annotations

import pytest

from sandbox.preflight import engine_faults, engine_notes

INFO = {
    "OSType": "linux",
    "MemoryLimit": True,
    "SwapLimit": True,
    "PidsLimit": True,
    "CpuCfsQuota": True,
    "Runtimes": {"runc": {"path": "runc"}, "runsc": {"path": "/usr/bin/runsc"}},
    "SecurityOptions": ["name=seccomp,profile=default", "name=rootless"],
    "CgroupVersion": "2",
    "ServerVersion": "20.10.24",
}
SOCKET = "http+docker://localunixsocket"


def test_a_fit_engine_passes():
    assert engine_faults(INFO, "1.41", SOCKET) == []
    assert engine_notes(INFO) == "engine 20.10.24, cgroup v2, rootless"


@pytest.mark.parametrize("field", ["MemoryLimit", "SwapLimit", "PidsLimit", "CpuCfsQuota"])
@pytest.mark.parametrize("value", [False, None])
def test_each_limit_must_be_enforced(field, value):
    assert len(engine_faults({**INFO, field: value}, "1.41", SOCKET)) == 1


@pytest.mark.parametrize(
    ("info", "version", "address", "fault"),
    [
        ({**INFO, "OSType": "windows"}, "1.41", SOCKET, "not linux"),
        ({**INFO, "SecurityOptions": ["name=apparmor"]}, "1.41", SOCKET, "seccomp"),
        ({**INFO, "SecurityOptions": None}, "1.41", SOCKET, "seccomp"),
        (INFO, "1.40", SOCKET, "older"),
        (INFO, "1.41", "http://10.0.0.1:2375", "over http"),
        (INFO, "1.41", "https://engine:2376", "over https"),
    ],
)
def test_each_other_field_flipped_is_a_fault(info, version, address, fault):
    (found,) = engine_faults(info, version, address)
    assert fault in found


def test_a_runtime_that_the_engine_does_not_know_is_a_fault():
    assert engine_faults(INFO, "1.41", SOCKET, "runsc") == []
    (fault,) = engine_faults(INFO, "1.41", SOCKET, "kata")
    assert "no runtime 'kata', only runc, runsc" in fault
    assert engine_notes(INFO, "runsc").endswith("runtime runsc")


def test_an_empty_answer_passes_nothing():
    assert len(engine_faults({}, "1.41", SOCKET)) == 6
